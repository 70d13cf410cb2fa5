"""Child processes: they end with their parent, are told from others by start time, and leave the end of their log."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.services import leftovers
from controlplane.services.children import Inherited, alive, end, launch, send, send_session, tail, wait_for, working_in
from controlplane.services.console import Console
from controlplane.services.files import read_note, rotate, write_private
from controlplane.services.watched import FIRST_PAUSE, LONGEST_PAUSE, Watched, in_words, pause_after

WAITS = "import time; time.sleep(60)"
GONE = 2**22 - 1


def test_a_child_writes_to_its_log_and_its_complaints_elsewhere_if_asked(tmp_path: Path) -> None:
    code = "import os, sys; print(sorted(os.environ), os.getcwd()); print('oh', file=sys.stderr)"
    log, errors = tmp_path / "one.log", tmp_path / "one.errors"
    for _ in range(2):
        inherited = Inherited({"LC_ALL": "C.UTF-8", "ONLY": "this"})
        launch([sys.executable, "-c", code], log, errors=errors, inherited=inherited).wait(10)
    assert log.read_text() == "['LC_ALL', 'ONLY'] /\n" * 2
    assert errors.read_text() == "oh\n" * 2


@pytest.mark.parametrize("death", [signal.SIGTERM, signal.SIGINT])
def test_a_child_ends_with_its_parent_however_that_ends(tmp_path: Path, death: signal.Signals) -> None:
    parent = (
        "import signal, sys, time; from pathlib import Path; from controlplane.services.children import launch;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"
        f"print(launch([sys.executable, '-c', {WAITS!r}], Path({str(tmp_path / 'log')!r}), "
        f"death=signal.Signals({int(death)})).pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, cwd=Path.cwd())
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert alive(child) is not None
    process.kill()
    process.communicate()
    assert wait_for(lambda: alive(child) is None, 20)


def test_a_process_is_known_by_its_start_time() -> None:
    mine = alive(os.getpid())
    assert mine is not None
    assert mine == alive(os.getpid())
    assert alive(GONE) is None
    child = subprocess.Popen([sys.executable, "-c", WAITS])
    later = alive(child.pid)
    assert later is not None
    assert later >= mine
    child.kill()
    child.wait()
    assert alive(child.pid) is None


def test_processes_in_a_folder_are_found(tmp_path: Path) -> None:
    folder = (tmp_path / "with space").resolve()
    folder.mkdir()
    assert working_in(folder) == ()
    child = subprocess.Popen([sys.executable, "-c", WAITS], cwd=folder)
    assert wait_for(lambda: working_in(folder) == (child.pid,), 20)
    assert working_in(folder.parent) == ()
    child.kill()
    child.wait()
    assert working_in(folder) == ()


def test_signalling_what_has_gone_does_no_harm() -> None:
    send(GONE, signal.SIGTERM)
    send_session(GONE, signal.SIGTERM)


def test_what_does_not_end_in_time_is_killed_with_all_it_started(tmp_path: Path) -> None:
    deaf = (
        "import signal, subprocess, sys, time; signal.signal(15, signal.SIG_IGN);"
        f"print(subprocess.Popen([sys.executable, '-c', {WAITS!r}]).pid, flush=True); time.sleep(60)"
    )
    log = tmp_path / "log"
    process = launch([sys.executable, "-c", deaf], log)
    assert wait_for(lambda: log.read_text().endswith("\n"), 20)
    process.terminate()
    end(process, 0.1)
    assert process.returncode == -signal.SIGKILL
    assert wait_for(lambda: alive(int(log.read_text())) is None, 20)


def test_the_end_of_a_log_is_shown_even_if_it_is_no_text(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_bytes(b"first line\n" + b"a" * 50 + b"\xff\n\n")
    assert tail(log, 12) == "aaaaaaaaa\ufffd"


def test_waiting_gives_up_after_its_time() -> None:
    assert wait_for(lambda: True, 0)
    assert not wait_for(lambda: False, 0.02)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"a": 7}', '{"a": []}', '{"a": [1, 2, 3]}', '{"a": ["x", 1]}', '{"a": [7, null]}']
)
def test_a_damaged_note_of_processes_ends_nothing(tmp_path: Path, text: str) -> None:
    file = tmp_path / "processes.json"
    assert leftovers.end(file) == ()
    file.write_text(text)
    assert leftovers.end(file) == ()


def test_a_leftover_that_hears_no_signal_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    process = launch([sys.executable, "-c", deaf], tmp_path / "log")
    assert wait_for(lambda: (tmp_path / "log").read_text() == "1\n", 20)
    leftovers.remember(tmp_path / "processes.json", {"deaf": process.pid, "gone": GONE})
    assert json.loads((tmp_path / "processes.json").read_text())["gone"] == [GONE, None]
    assert leftovers.end(tmp_path / "processes.json", 0.1) == ("deaf",)
    assert process.wait(5) == -signal.SIGKILL


@given(st.integers(0, 10**6))
def test_pauses_never_shrink_and_never_pass_their_limit(failures: int) -> None:
    assert FIRST_PAUSE <= pause_after(failures) <= pause_after(failures + 1) <= LONGEST_PAUSE


@pytest.mark.parametrize(
    ("code", "words"), [(0, "exit code 0"), (3, "exit code 3"), (-9, "signal SIGKILL"), (-40, "signal 40")]
)
def test_an_end_is_told_in_words(code: int, words: str) -> None:
    assert in_words(code) == words


def test_a_program_that_ran_for_long_begins_with_a_short_pause_again(tmp_path: Path) -> None:
    one = Watched("one", lambda: subprocess.Popen([sys.executable, "-c", ""]), tmp_path / "log", failures=5)
    assert "in 16 s" in one.failed("exit code 1") or one.failures == 1
    one.since -= 3600
    assert f"in {FIRST_PAUSE:g} s" in one.failed("exit code 1")
    assert one.failures == 1


def test_a_note_is_an_object_or_nothing(tmp_path: Path) -> None:
    file = tmp_path / "note.json"
    assert read_note(file) == {}
    write_private(file, '{"a": 1}')
    assert read_note(file) == {"a": 1}
    file.write_bytes(b"\xff\xfe")
    assert read_note(file) == {}


def test_a_log_that_cannot_be_kept_is_given_up_and_said(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    rotate(log, cap=10)
    log.write_bytes(b"a" * 11)
    (tmp_path / "web.log.1").mkdir()
    with pytest.raises(OSError, match="directory"):
        rotate(log, cap=10)
    assert log.read_bytes() == b""


def test_a_reader_who_has_left_does_not_end_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.step("ready")
    console.plain()
    console.problem("no port")
    shown = capsys.readouterr()
    assert shown.out.endswith(" s  ready\n\n")
    assert shown.err == "no port\n"
    code = "from controlplane.services.console import Console; c = Console(); [c.step('x' * 9999) for _ in range(50)]"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(10) in (0, 120)


LAUNCHED = """
import time
from controlplane.services.launcher import Launcher
launcher = Launcher()
print(launcher.interrupted(), flush=True)
while not launcher.interrupted():
    time.sleep(0.01)
print(True, flush=True)
"""
MAKE = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, lambda *_: signal.signal(signal.SIGINT, signal.SIG_DFL))
subprocess.Popen([sys.executable, "-c", sys.argv[1]]).wait()
"""
"""As make does, it waits for its child when it is interrupted, with the signal's default action put back."""


def test_an_interrupted_launcher_is_seen_in_its_signals() -> None:
    command = [sys.executable, "-c", MAKE, LAUNCHED]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"False\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == b"True\n"
    process.wait(10)
