"""One run at a time in a data folder, whoever asks and however the holder ends."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controlplane.services import lock as locks
from controlplane.services import place
from controlplane.services.lock import Lock
from controlplane.services.place import REPOSITORY, Place, RunRefused

HOLD = """
import os, sys
from controlplane.services import place
from controlplane.services.lock import Lock
lock = Lock(place.from_environment(os.environ))
lock.take()
print("taken", flush=True)
if sys.stdin.readline() == "stopping\\n":
    lock.say(stopping=True)
    print("said", flush=True)
    sys.stdin.readline()
"""
Hold = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return place.from_environment({"DATA_DIR": str(tmp_path), "PORT": "8123"})


@pytest.fixture
def hold(here: Place) -> Iterator[Hold]:
    """Starts another process that holds the lock."""
    made: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        environment = {**os.environ, "DATA_DIR": str(here.data), "PORT": "8123", "PYTHONPATH": str(REPOSITORY)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        made.append(subprocess.Popen([sys.executable, "-c", HOLD], env=environment, text=True, **pipes))  # type: ignore[call-overload]
        assert made[-1].stdout is not None
        assert made[-1].stdout.readline() == "taken\n"
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.communicate()


def test_a_second_process_is_refused_and_told_who_holds_it(here: Place, hold: Hold) -> None:
    holder = hold()
    with pytest.raises(RunRefused) as refused:
        Lock(here).take()
    words = str(refused.value)
    assert f"already runs from {here.data}: http://127.0.0.1:8123 (process {holder.pid})" in words
    assert f"kill {holder.pid}" in words
    assert "DATA_DIR=/path/to/other/data PORT=8124 make run" in words


def test_the_lock_of_a_killed_process_is_free_at_once(here: Place, hold: Hold) -> None:
    holder = hold()
    holder.kill()
    holder.wait()
    mine = Lock(here)
    mine.take()
    assert json.loads(mine.path.read_text())["pid"] == os.getpid()


def test_a_holder_that_is_stopping_is_waited_for(here: Place, hold: Hold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.0)
    holder = hold()
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write("stopping\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "said\n"
    began = time.monotonic()
    monkeypatch.setattr(locks, "PATIENCE_WITH_STOPPING", 0.2)
    with pytest.raises(RunRefused):
        Lock(here).take()
    assert time.monotonic() - began >= 0.2
    monkeypatch.setattr(locks, "PATIENCE_WITH_STOPPING", 10.0)
    holder.stdin.write("end\n")
    holder.stdin.flush()
    Lock(here).take()


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "7", "\x00\xff"])
def test_a_holder_who_wrote_nothing_readable_still_holds(
    here: Place, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.0)
    holder = Lock(here)
    holder.take()
    holder.path.write_text(text)
    with pytest.raises(RunRefused, match=r"still starting \(process unknown\)"):
        Lock(here).take()


def test_the_note_of_the_holder_is_for_its_owner_alone(here: Place) -> None:
    mine = Lock(here)
    mine.take()
    assert mine.path.stat().st_mode & 0o777 == 0o600
    mine.say(stopping=True)
    assert json.loads(mine.path.read_text()) == {"pid": os.getpid(), "url": here.url, "stopping": True}


def test_a_folder_that_another_run_made_anew_ends_the_first_one(here: Place, tmp_path: Path) -> None:
    mine = Lock(here)
    mine.take()
    mine.path.rename(tmp_path / "moved")
    other = Lock(here)
    other.take()
    other.check()
    with pytest.raises(RunRefused, match="was deleted or replaced while Patchbay ran from it"):
        mine.check()


def test_a_child_that_outlives_its_holder_keeps_no_lock(here: Place) -> None:
    mine = Lock(here)
    mine.take()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mine.file.close()
    try:
        Lock(here).take()
    finally:
        child.communicate(b"\n")
