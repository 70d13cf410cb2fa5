"""Ports and sockets: who may listen where, what an earlier run left, and whether a server answers."""

import socket
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controlplane.services.place import from_environment
from controlplane.services.ports import LOOPBACK, Ports, answers, free_port, is_free, listen, listen_at
from tests.ports import reserved_port


@contextmanager
def answering(listener: socket.socket, *parts: bytes) -> Iterator[None]:
    """One caller is read once and answered in these parts."""
    listener.settimeout(5)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)
            for part in parts:
                connection.sendall(part)

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    thread.join(10)


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with listen(0) as listener:
        port = listener.getsockname()[1]
        assert listener.getsockname()[0] == LOOPBACK
        assert not is_free(port)
        with pytest.raises(OSError, match="in use"):
            listen(port)
    assert is_free(port)
    listen(port).close()


@pytest.mark.parametrize("place", ["port", "path"])
def test_an_answer_counts_if_it_begins_as_expected_however_it_is_cut(tmp_path: Path, place: str) -> None:
    path = tmp_path / "run" / "x.sock"
    for parts, expected in (((b"+O", b"K\r\n+PONG"), True), ((b"-NOAUTH",), False), ((b"+O",), False), ((), False)):
        with listen(0) if place == "port" else listen_at(path) as listener:
            where = listener.getsockname()[1] if place == "port" else path
            with answering(listener, *parts):
                assert answers(where, b"PING\r\n", b"+OK\r\n") is expected


def test_nobody_there_is_no_answer(tmp_path: Path) -> None:
    assert not answers(reserved_port())
    assert not answers(tmp_path / "none.sock")
    (tmp_path / "file").touch()
    assert not answers(tmp_path / "file")


def test_a_server_is_there_as_soon_as_it_takes_a_connection() -> None:
    with listen(0) as listener:
        assert answers(listener.getsockname()[1])


def test_a_socket_at_a_path_is_for_this_user_alone_and_replaces_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "run" / "console.sock"
    first = listen_at(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    first.close()
    with listen_at(path):
        assert answers(path)


def test_a_folder_that_others_may_open_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(PermissionError, match="is open to others; expected a folder of this user alone"):
        listen_at(folder / "console.sock")
    assert list(folder.iterdir()) == []


def test_a_path_that_is_too_long_leaves_no_socket_open(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        listen_at(tmp_path / "run" / ("a" * 120))


def test_the_console_listens_at_a_path_that_fits_though_folders_of_data_and_of_temporary_files_are_deep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    deep.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    path = from_environment({"DATA_DIR": str(deep / "data")}).console
    with listen_at(path):
        assert answers(path)
    path.unlink()
    path.parent.rmdir()


def test_two_names_never_share_a_port(tmp_path: Path) -> None:
    ports, wanted = Ports(tmp_path / "ports.json"), free_port()
    first = ports.take("practice", wanted)
    assert ports.take("valkey", wanted) != first == wanted
    assert len({ports.take(name) for name in ("practice", "valkey", "postgres")}) == 3


def test_a_wanted_port_that_is_taken_is_not_given(tmp_path: Path) -> None:
    with listen(0) as other:
        taken = other.getsockname()[1]
        assert Ports(tmp_path / "ports.json").take("practice", taken) != taken


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"practice": "x"}', '{"practice": 99999999}', "\x00"])
def test_a_damaged_note_of_ports_is_written_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ports.json"
    file.write_text(text)
    port = Ports(file).take("practice")
    assert is_free(port)
    assert Ports(file).take("practice") == port


def test_the_note_of_ports_is_for_its_owner_alone(tmp_path: Path) -> None:
    Ports(tmp_path / "ports.json").take("valkey")
    assert stat.S_IMODE((tmp_path / "ports.json").stat().st_mode) == 0o600
