"""The supervisor with small programs of a test: started, watched, begun again, ended, and every trouble told."""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controlplane.services import place, supervisor, watched
from controlplane.services.children import alive, wait_for
from controlplane.services.console import Console
from controlplane.services.place import Place, RunRefused
from controlplane.services.ports import answers, listen
from controlplane.services.programs import Program
from controlplane.services.supervisor import Stopping, Supervisor

WAITS = "import time; time.sleep(60)"
DEAF = "import signal, sys, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


class Told(Console):
    """Keeps what the person in front would read."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def step(self, text: str) -> None:
        self.lines.append(text)


class Make:
    """`make` or a terminal that is interrupted when a test says so."""

    def __init__(self) -> None:
        self.gone = False

    def interrupted(self) -> bool:
        return self.gone


def program(name: str, code: str, ready: Callable[[], bool] = lambda: True, sockets: tuple[int, ...] = ()) -> Program:
    return Program(name, (sys.executable, "-c", code), ready, {"OWN": "own"}, sockets)


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return place.from_environment({"DATA_DIR": str(tmp_path), "PORT": "8123"})


@pytest.fixture
def run(here: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr(watched, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(supervisor, "PROGRAMS_STOP_WITHIN", 0.5)
    made = Supervisor(here, Told(), None)
    yield made
    made.stop()


def lines(run: Supervisor) -> list[str]:
    assert isinstance(run.console, Told)
    return run.console.lines


def pids(run: Supervisor) -> dict[str, int]:
    written = json.loads((run.place.data / "processes.json").read_text())
    return {name: pid for name, (pid, _) in written.items()}


def tended(run: Supervisor, done: Callable[[], bool]) -> bool:
    """Whether `done` comes true while the supervisor looks after its programs."""

    def look() -> bool:
        run.tend()
        return done()

    return wait_for(look, 20)


def test_a_program_gets_its_environment_its_log_and_no_keyboard(run: Supervisor) -> None:
    code = "import os, sys; print(os.environ['DATA_DIR'], os.environ['OWN'], repr(sys.stdin.read()), os.getsid(0))"
    run.begin([program("one", f"{code}; sys.stdout.flush(); {WAITS}")])
    log = run.place.log("one")
    assert wait_for(lambda: log.read_text().endswith("\n"), 20)
    assert log.read_text() == f"{run.place.data} own '' {pids(run)['one']}\n"


def test_a_program_that_dies_is_begun_again_under_another_pid(run: Supervisor) -> None:
    run.begin([program("one", WAITS), program("two", WAITS)])
    before = pids(run)
    os.kill(before["one"], signal.SIGKILL)
    assert tended(run, lambda: pids(run)["one"] != before["one"])
    assert pids(run)["two"] == before["two"]
    log = run.place.log("one")
    assert lines(run) == [f"one ended (signal SIGKILL); starting it again in 0.01 s (log: {log})"]


def test_a_program_that_cannot_be_started_again_is_tried_until_it_can(run: Supervisor, tmp_path: Path) -> None:
    command = tmp_path / "program"
    command.write_text(f"#!{sys.executable}\n{WAITS}\n")
    command.chmod(0o700)
    run.begin([Program("one", (str(command),), lambda: True)])
    command.rename(tmp_path / "away")
    first = pids(run)["one"]
    os.kill(first, signal.SIGKILL)
    assert tended(run, lambda: any("No such file" in line for line in lines(run)))
    (tmp_path / "away").rename(command)
    assert tended(run, lambda: pids(run)["one"] != first)


def test_ready_is_told_of_each_program_once(run: Supervisor, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    slow = program("slow", f"open({str(ready)!r}, 'w').close(); {WAITS}", ready.exists)
    chosen = [program("fast", WAITS), slow]
    run.begin(chosen)
    run.await_ready(chosen)
    assert lines(run) == ["fast is ready", "slow is ready"]


def test_a_program_that_dies_before_it_is_ready_ends_the_start_with_its_own_words(run: Supervisor) -> None:
    dying = program("one", "raise SystemExit('no licence')", lambda: False)
    run.begin([dying])
    with pytest.raises(RunRefused, match=r"one ended with exit code 1\. The end of .*/one\.log:\nno licence"):
        run.await_ready([dying])


def test_a_program_that_never_gets_ready_is_named(run: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "READY_WITHIN", 0.1)
    hanging = program("one", WAITS, lambda: False)
    run.begin([hanging])
    with pytest.raises(RunRefused, match=r"one is not ready after 0\.1 s"):
        run.await_ready([hanging])


def test_what_a_short_program_says_is_handed_on_line_by_line(run: Supervisor) -> None:
    said: list[str] = []
    code = (
        "import sys; print('one'); print('two \\u00e9'); print('trouble', file=sys.stderr);"
        "print('cut', end=''); sys.exit(3)"
    )
    output = run.place.log("prepare")
    output.write_text("of an earlier run")
    assert run.finish((sys.executable, "-X", "utf8", "-c", code), output, said.append) == 3
    assert said == ["one", "two é"]
    assert run.place.log("prepare.errors").read_text() == "trouble\n"


def test_a_short_program_ends_with_the_run_that_waits_for_it(here: Place) -> None:
    make = Make()
    run = Supervisor(here, Told(), make)  # type: ignore[arg-type]
    said: list[int] = []

    def say(line: str) -> None:
        said.append(int(line))
        make.gone = True

    code = f"import os; print(os.getpid(), flush=True); {WAITS}"
    with pytest.raises(Stopping):
        run.finish((sys.executable, "-c", code), here.log("prepare"), say)
    assert alive(said[0]) is None


def test_everything_ends_even_what_hears_no_signal_and_what_it_started(run: Supervisor) -> None:
    parent = (
        f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {WAITS!r}]);"
        f"print(p.pid, flush=True); {WAITS}"
    )
    run.begin([program("deaf", DEAF), program("parent", parent)])
    logs = [run.place.log(name) for name in ("deaf", "parent")]
    assert wait_for(lambda: all(log.read_text() for log in logs), 20)
    every = [*pids(run).values(), int(logs[1].read_text())]
    run.stop()
    assert wait_for(lambda: not any(map(alive, every)), 20)


def test_a_listening_socket_outlives_the_program_that_answers_on_it(run: Supervisor) -> None:
    listener = listen(0)
    port, number = listener.getsockname()[1], run.hold(listener)
    code = (
        f"import socket; s = socket.socket(fileno={number}); s.setblocking(True)\n"
        "while True: c, _ = s.accept(); c.sendall(b'hello'); c.close()"
    )
    run.begin([program("one", code, sockets=(number,))])
    assert wait_for(lambda: answers(port, b"", b"hello"), 20)
    first = pids(run)["one"]
    os.kill(first, signal.SIGKILL)
    assert wait_for(lambda: alive(first) is None, 20)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as waiting:
        assert tended(run, lambda: alive(pids(run)["one"]) is not None)
        assert waiting.recv(5) == b"hello"


def test_what_the_disk_refuses_is_said_once_and_so_is_its_end(run: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "ROTATE_EVERY", 0.0)
    note = run.place.data / "processes.json"
    (note / "in the way").mkdir(parents=True)
    run.begin([program("one", WAITS)])
    for _ in range(3):
        run.tend()
    (note / "in the way").rmdir()
    note.rmdir()
    for _ in range(3):
        run.tend()
    refused, written = lines(run)
    assert refused.startswith("processes.json cannot be written: ")
    assert written == "processes.json is written again"
    assert alive(pids(run)["one"]) is not None


def test_waiting_ends_at_once_when_the_end_was_asked_for(here: Place) -> None:
    make = Make()
    run = Supervisor(here, Told(), make)  # type: ignore[arg-type]
    run.wait(0.0)
    make.gone = True
    with pytest.raises(Stopping):
        run.wait(0.0)
    run.stop_asked = True
    with pytest.raises(Stopping):
        run.wait(60)
