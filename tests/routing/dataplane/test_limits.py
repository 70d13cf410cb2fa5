"""The limits of keys hold over several processes, one of which may be killed, with Redis and without."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controlplane.services.valkey import Valkey
from tests.workers import until

ROOT = Path(__file__).resolve().parents[3]
KEYS = itertools.count(1000)


class Process:
    """A process that counts calls, at the Redis of `url`."""

    def __init__(self, url: str) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.routing.dataplane.limits_program"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "REDIS_URL": url},
        )

    def begin(self, *command: object) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(" ".join(map(str, command)) + "\n")
        self._program.stdin.flush()

    def end(self) -> str:
        assert self._program.stdout is not None
        return self._program.stdout.readline().strip()

    def ask(self, *command: object) -> str:
        self.begin(*command)
        return self.end()

    def kill(self) -> None:
        self._program.kill()
        self._program.wait(10)

    def freeze(self) -> None:
        self._program.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._program.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Let it end by itself, giving everything back."""
        assert self._program.stdin is not None
        self._program.stdin.close()
        self._program.wait(10)


Start = Callable[[int], list[Process]]


@contextmanager
def running(url: str) -> Iterator[Start]:
    started: list[Process] = []

    def start(number: int) -> list[Process]:
        fresh = [Process(url) for _ in range(number)]
        started.extend(fresh)
        for _ in range(2):
            # Once all have asked, each that asks again knows of all.
            assert entered(fresh, next(KEYS), 1, 1000, 0) == [1] * number
        return fresh

    try:
        yield start
    finally:
        for process in started:
            process.kill()


@pytest.fixture
def processes(stores: None) -> Iterator[Start]:
    """Starts processes that share the limits of keys."""
    with running(os.environ["REDIS_URL"]) as start:
        yield start


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Redis that a test may stop."""
    store = Valkey(tmp_path / "valkey")
    store.start()
    yield store
    store.stop()


def admitted(answer: str) -> int:
    return int(answer.split()[0])


def entered(processes: list[Process], *command: object) -> list[int]:
    """How many calls each process admits, if all are asked at the same time."""
    for process in processes:
        process.begin("enter", *command)
    return [admitted(process.end()) for process in processes]


def test_of_two_hundred_parallel_calls_at_a_limit_of_twenty_exactly_twenty_run_and_a_killed_process_gives_back(
    processes: Start,
) -> None:
    first, second, third = processes(3)
    key = next(KEYS)
    before = entered([first, second], key, 100, 20, 0)
    assert sum(before) == 20
    first.kill()
    running = before[1]

    def refilled() -> bool:
        nonlocal running
        running += sum(entered([second, third], key, 100, 20, 0))
        assert running <= 20
        return running == 20

    assert until(refilled, 10) < 5
    assert entered([second, third], key, 100, 20, 0) == [0, 0]


def test_of_two_hundred_parallel_calls_at_twenty_a_minute_exactly_twenty_are_admitted(processes: Start) -> None:
    both = processes(2)
    key = next(KEYS)
    assert sum(entered(both, key, 100, 0, 20)) == 20
    assert both[0].ask("enter", key, 5, 0, 20) == "0 rate_limit_exceeded=5"


def test_a_killed_process_takes_at_most_a_second_of_a_large_limit_with_it(processes: Start) -> None:
    first, second = processes(2)
    key = next(KEYS)
    assert admitted(first.ask("enter", key, 1, 0, 6000)) == 1
    first.kill()
    assert admitted(second.ask("enter", key, 6200, 0, 6000)) >= 6000 - 101


def test_slots_go_back_at_the_end_of_calls_whichever_process_takes_them_next(processes: Start) -> None:
    first, second = processes(2)
    key = next(KEYS)
    for one, other in [(first, second), (second, first)] * 10:
        assert one.ask("enter", key, 1, 1, 0) == "1"
        assert other.ask("enter", key, 1, 1, 0) == "0 concurrency_limit=1"
        assert one.ask("leave", key, 1) == "0"
        assert other.ask("enter", key, 1, 1, 0) == "1"
        assert other.ask("leave", key, 1) == "0"


def test_what_a_large_limit_leaves_in_hand_is_free_for_others_within_a_second(processes: Start) -> None:
    first, second = processes(2)
    key = next(KEYS)
    assert sum(entered([first, second], key, 700, 640, 0)) == 640
    for process in (first, second):
        count = admitted(process.ask("leave", key, 0))
        assert process.ask("leave", key, count) == "0"
    found = 0

    def all_free() -> bool:
        nonlocal found
        found += admitted(second.ask("enter", key, 640 - found, 640, 0))
        return found == 640

    assert until(all_free, 5) < 2


def test_a_process_that_slept_declares_what_it_holds_again(processes: Start) -> None:
    first, second = processes(2)
    key = next(KEYS)
    assert first.ask("enter", key, 6, 10, 0) == "6"
    first.freeze()
    taken = 4
    assert admitted(second.ask("enter", key, 100, 10, 0)) == taken

    def given_up() -> bool:
        nonlocal taken
        taken += admitted(second.ask("enter", key, 100, 10, 0))
        return taken == 10

    until(given_up, 10)
    first.thaw()
    until(lambda: first.ask("trouble") == "", 5)
    assert second.ask("leave", key, 5) == "5"
    until(lambda: admitted(second.ask("enter", key, 1, 10, 0)) == 0, 5)


def test_a_process_that_ends_gives_everything_back_at_once(processes: Start) -> None:
    first, second = processes(2)
    key = next(KEYS)
    assert first.ask("enter", key, 10, 10, 0) == "10"
    first.stop()
    assert second.ask("enter", key, 10, 10, 0) == "10"


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGSTOP])
def test_without_redis_each_process_admits_its_share_says_so_and_comes_back_by_itself(
    valkey: Valkey, way: signal.Signals
) -> None:
    with running(valkey.url) as start:
        both, key = start(2), next(KEYS)
        assert valkey.process is not None
        os.killpg(valkey.process.pid, way)
        assert entered(both, key, 100, 20, 0) == [10, 10]
        assert entered(both, key + 1, 100, 0, 20) == [10, 10]
        words = {process.ask("trouble").partition("; ")[2] for process in both}
        assert words == {"this process admits 1/2 of each key's limits until it does"}
        revive(valkey, way)
        until(lambda: {process.ask("trouble") for process in both} == {""}, 10)
        assert entered(both, key + 1, 100, 0, 20) == [0, 0]
        assert sum(entered(both, key, 100, 20, 0)) == 0
        assert both[0].ask("leave", key, 10) == "0"
        assert both[1].ask("enter", key, 100, 20, 0) == "10 concurrency_limit=90"
        assert both[0].ask("enter", key, 100, 20, 0) == "0 concurrency_limit=100"


def revive(valkey: Valkey, way: signal.Signals) -> None:
    assert valkey.process is not None
    if way is signal.SIGSTOP:
        os.killpg(valkey.process.pid, signal.SIGCONT)
    else:
        valkey.process.wait(10)
        valkey.start()
