"""The small parts of the supervisor: environment, ports, lock, leftovers, back-off, logs."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane.services import leftovers, place
from controlplane.services.children import alive, wait_for
from controlplane.services.files import rotate, write_private
from controlplane.services.lock import Lock
from controlplane.services.place import RunRefused
from controlplane.services.ports import Ports, free_port, is_free
from controlplane.services.watched import Watched, pause_after


def test_environment_is_read(tmp_path: Path) -> None:
    asked = {"DATA_DIR": str(tmp_path / "a b"), "PORT": "8123", "PRACTICE": "0", "REDIS_URL": "redis://elsewhere/0"}
    found = place.from_environment(asked)
    assert (found.data, found.port, found.practice) == (tmp_path / "a b", 8123, 0)
    assert (found.redis_url, found.database_url) == ("redis://elsewhere/0", "")


def test_environment_has_defaults(tmp_path: Path) -> None:
    found = place.from_environment({"DATA_DIR": str(tmp_path), "PORT": "", "PRACTICE": ""})
    assert (found.port, found.practice, found.practice_gpus, found.practice_traffic) == (8000, 500, 64, 3)


def test_without_practice_models_there_are_no_practice_gpus_and_no_callers(tmp_path: Path) -> None:
    found = place.from_environment({"DATA_DIR": str(tmp_path), "PRACTICE": "0", "PRACTICE_GPUS": "8"})
    assert (found.practice_gpus, found.practice_traffic) == (0, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("PORT", "http"), ("PORT", "0"), ("PORT", "70000"), ("PRACTICE", "-1"), ("PRACTICE", "many")),
        *(("PRACTICE_GPUS", "5000"), ("PRACTICE_TRAFFIC", "0.5")),
    ],
)
def test_wrong_environment_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(RunRefused, match=rf"{name}='{value}'"):
        place.from_environment({"DATA_DIR": str(tmp_path), name: value})


def test_unusable_data_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunRefused, match=r"DATA_DIR .*/file/data"):
        place.from_environment({"DATA_DIR": str(tmp_path / "file" / "data")})


def test_ports_stay_the_same_until_somebody_else_takes_them(tmp_path: Path) -> None:
    wanted = free_port()
    first = Ports(tmp_path / "ports.json").take("practice", wanted)
    assert first == wanted
    assert Ports(tmp_path / "ports.json").take("practice", free_port()) == first
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        assert not is_free(first)
        assert Ports(tmp_path / "ports.json").take("practice") != first


def test_one_run_per_data_folder(tmp_path: Path) -> None:
    here = place.from_environment({"DATA_DIR": str(tmp_path), "PORT": "8123"})
    holder = Lock(here)
    holder.take()
    with pytest.raises(RunRefused, match=rf"http://127.0.0.1:8123 \(process {os.getpid()}\)"):
        Lock(here).take()


def test_a_run_notices_that_its_data_folder_was_replaced(tmp_path: Path) -> None:
    holder = Lock(place.from_environment({"DATA_DIR": str(tmp_path)}))
    holder.take()
    holder.check()
    (tmp_path / "run.lock").unlink()
    with pytest.raises(RunRefused, match="deleted or replaced"):
        holder.check()


def test_leftovers_are_ended_and_strangers_are_not(tmp_path: Path) -> None:
    left, stranger = (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
        for _ in range(2)
    )
    file = tmp_path / "processes.json"
    leftovers.remember(file, {"left": left.pid})
    written = json.loads(file.read_text())
    file.write_text(json.dumps({**written, "stranger": [stranger.pid, 1], "gone": [2**22 - 1, 5]}))
    assert leftovers.end(file) == ("left",)
    assert wait_for(lambda: left.poll() is not None, 20)
    assert stranger.poll() is None
    stranger.communicate(b"\n")


def test_a_process_that_only_waits_to_be_reaped_is_not_alive() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    assert wait_for(lambda: alive(done.pid) is None, 20)
    done.wait()


def test_back_off_doubles_up_to_half_a_minute() -> None:
    assert [pause_after(failures) for failures in (0, 1, 2, 6, 50)] == [0.5, 1, 2, 30, 30]


def test_a_death_is_told_once_and_starts_the_back_off(tmp_path: Path) -> None:
    watched = Watched("web", lambda: subprocess.Popen([sys.executable, "-c", "exit(3)"]), tmp_path / "web.log")
    watched.begin()
    assert watched.process is not None
    watched.process.wait()
    told = watched.died()
    assert told == f"web ended (exit code 3); starting it again in 0.5 s (log: {tmp_path / 'web.log'})"
    assert watched.died() is None
    assert not watched.due()
    assert wait_for(watched.due, 20)


def test_a_log_is_kept_under_its_cap_while_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"a" * 100)
        rotate(log, cap=50)
        writer.write(b"b" * 10)
        rotate(log, cap=50)
    assert log.read_bytes() == b"b" * 10
    assert (tmp_path / "web.log.1").read_bytes() == b"a" * 100


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "stores.json"
    file.write_text("old and longer")
    write_private(file, "new")
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]
