"""`make run` as a whole: ready, stopped, killed, and run again."""

import os
import re
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from controlplane.services.children import send, wait_for
from tests.services.running import COMMAND, Running

pytestmark = pytest.mark.slow
STOPPED_WITHIN = 5.0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A data folder that nobody used before, below one that is closed to others."""
    one = Running(tmp_path / "data folder")
    yield one
    one.end()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A run for the tests that leave it as it was and then, in the order of this file, for those that kill in it."""
    one = Running(tmp_path_factory.mktemp("run") / "data folder")
    try:
        one.begin()
        one.until("Stop with Ctrl-C")
        yield one
    finally:
        one.end()


def test_a_first_run_is_ready_and_ctrl_c_leaves_nothing_behind(running: Running) -> None:
    supervisor = running.begin()
    printed = running.until("Stop with Ctrl-C")
    assert "5 of 5 ready" in printed
    assert stat.S_IMODE((running.data / "first-run.json").stat().st_mode) == 0o600
    written = running.first_run()
    assert written["base_url"] == f"http://127.0.0.1:{running.port}"
    assert written["setup_link"] in printed
    assert written["practice_models"] == 5
    assert running.get("/healthz")[0] == 200
    assert running.get(written["setup_link"].removeprefix(written["base_url"]))[0] == 200
    assert running.get("/v1/models", written["api_key"])[1].count(b'"id"') >= 5
    pids = running.pids()
    gateways = {f"gateway-{number}" for number in range(len(os.sched_getaffinity(0)))}
    assert set(pids) == {"postgres", "valkey", "console", *gateways, "worker", "beat", "collector", "practice"}
    began = time.monotonic()
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(20) == 0
    assert time.monotonic() - began < STOPPED_WITHIN
    assert running.everything_ended(pids, seconds=0)


def test_m1_an_address_that_a_caller_claims_is_not_believed(started: Running) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{started.port}", trust_env=False, timeout=20) as browser:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get("/sign-in").text)
        assert token is not None
        form = {"username": "ada", "password": "wrong", "csrfmiddlewaretoken": token[1]}
        seen = [
            browser.post("/sign-in", data=form, headers={"x-forwarded-for": f"203.0.113.{number}"}).status_code
            for number in range(14)
        ]
    assert seen == [422] * 9 + [429] * 5


def test_a_second_run_says_that_one_is_running(started: Running) -> None:
    assert started.process is not None
    second = Running(started.data)
    second.output = started.data.parent / "second.txt"
    assert second.begin().wait(60) == 1
    assert f"already runs from {started.data}: http://127.0.0.1:{started.port}" in second.printed()
    assert f"kill {started.process.pid}" in second.printed()


def test_a_busy_port_is_named(running: Running) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", running.port))
        other.listen()
        assert running.begin().wait(60) == 1
    assert f"Port {running.port} on 127.0.0.1 is taken" in running.printed()
    assert f"PORT={running.port + 1} make run" in running.printed()


def test_every_program_that_is_killed_comes_back(started: Running) -> None:
    for name in started.pids():
        pid = started.killed(name)
        started.until(f"{name} ended (signal SIGKILL); starting it again", 40)
        assert started.came_back(name, pid), name
    key = started.first_run()["api_key"]
    assert wait_for(lambda: answers(started, key), 60)
    assert wait_for(lambda: stored_models(started) == 5, 60)


def test_killing_the_supervisor_ends_everything_and_the_next_run_recovers(started: Running) -> None:
    link, pids = started.first_run()["setup_link"], started.pids()
    for killed in ([], list(pids.values())):
        assert started.process is not None
        for pid in (started.process.pid, *killed):
            send(pid, signal.SIGKILL)
        started.process.wait()
        started.begin()
        assert "5 unchanged" in started.until("Stop with Ctrl-C")
        assert started.everything_ended(pids, seconds=0) or not set(pids.values()) & set(started.pids().values())
        assert started.first_run()["setup_link"] == link
        pids = started.pids()


def test_children_die_with_a_supervisor_that_nobody_starts_again(started: Running) -> None:
    assert started.process is not None
    pids = started.pids()
    started.process.kill()
    started.process.wait()
    assert started.everything_ended(pids)


def test_it_ends_with_the_make_that_started_it(running: Running, tmp_path: Path) -> None:
    recipe = " ".join(COMMAND) + " --under-make"
    (tmp_path / "Makefile").write_text(f"run:\n\t@exec {recipe}\n")
    running.practice = 0
    for what in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        make = running.begin("make", "-f", str(tmp_path / "Makefile"), "run")
        running.until("Stop with Ctrl-C")
        pids = running.pids()
        make.send_signal(what)
        make.wait(60)
        assert running.everything_ended(pids), what
        assert wait_for(lambda: "everything is stopped" in running.printed(), 20), what


def test_a_program_that_cannot_start_shows_its_own_words(running: Running, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "uvicorn.py").write_text("raise SystemExit('no uvicorn today')\n")
    supervisor = running.begin("env", f"PYTHONPATH={tmp_path / 'broken'}", *COMMAND)
    assert supervisor.wait(150) == 1
    assert "console ended with exit code 1" in running.printed()
    assert "no uvicorn today" in running.printed()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("DATABASE_URL=postgresql://x:hidden@127.0.0.1:1/x", "PostgreSQL at 127.0.0.1:1/x cannot be used"),
        ("REDIS_URL=redis://:hidden@127.0.0.1:1/0", "Redis at 127.0.0.1:1 cannot be used"),
    ],
)
def test_a_given_store_that_does_not_answer_is_named(running: Running, setting: str, words: str) -> None:
    assert running.begin("env", setting, *COMMAND).wait(60) == 1
    assert words in running.printed()
    assert "hidden" not in running.printed()


def stored_models(running: Running) -> int:
    """The models in PostgreSQL; 0 while it recovers: the data plane answers before that."""
    address = (running.data / "stores.json").read_text().split('"')[3]
    try:
        with psycopg.connect(address, connect_timeout=10) as connection:
            (count,) = connection.execute("select count(*) from registry_model").fetchone() or (0,)
            return int(count)
    except psycopg.OperationalError:
        return 0


def answers(running: Running, key: str) -> bool:
    """Whether the data plane lists its models."""
    try:
        return running.get("/v1/models", key)[0] == 200
    except OSError:
        return False
