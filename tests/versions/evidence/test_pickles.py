"""Pickle-like weights: what would run is named, nothing is loaded, and only kilobytes are read."""

import io
import os
import zipfile
import zlib
from collections.abc import Iterator

import pytest

from versions.evidence import pickles
from versions.reading.interface import ListedFile

EVIL = b"cos\nsystem\n(S'touch /tmp/loaded-by-a-test'\ntR."
"""A pickle that runs a command when it is loaded, byte by byte: nothing here makes or loads pickles."""
PLAIN = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01."
ODD = b"\x80\x02cacme.loading\nprepare\nq\x00)Rq\x01."


class Held:
    """A source of one file that counts the bytes that were read of it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.read = data, 0

    def files(self) -> Iterator[ListedFile]:
        yield ListedFile("model.bin", len(self.data))

    def chunks(self, file: ListedFile, start: int = 0) -> Iterator[bytes]:
        for begin in range(start, len(self.data), 4096):
            chunk = self.data[begin : begin + 4096]
            self.read += len(chunk)
            yield chunk


def looked(data: bytes, path: str = "model.bin") -> list[tuple[str, str]]:
    held = Held(data)
    found = pickles.findings(held, [ListedFile(path, len(data))])
    return [(one.rule, one.severity) for one in found]


def archive(inner: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as made:
        for name, data in inner.items():
            made.writestr(name, data)
    return buffer.getvalue()


def test_code_in_a_pickle_is_named_and_does_not_run() -> None:
    found = pickles.findings(held := Held(EVIL), [ListedFile("model.pkl", len(held.data))])
    assert [(one.rule, one.severity) for one in found] == [("pickle.dangerous", "breaking")]
    assert "system" in found[0].sentence
    assert not os.path.exists("/tmp/loaded-by-a-test")


def test_a_plain_pickle_is_told_and_lets_pass() -> None:
    assert looked(PLAIN) == [("pickle.plain", "compatible")]


def test_odd_calls_are_for_a_person() -> None:
    assert looked(ODD) == [("pickle.suspicious", "review")]


def test_an_archive_of_torch_is_looked_into_without_its_tensors() -> None:
    """Twenty megabytes of tensors, of which some kilobytes are read."""
    inner = {"archive/data.pkl": EVIL, **{f"archive/data/{n}": bytes(2_000_000) for n in range(10)}}
    held = Held(archive(inner))
    found = pickles.findings(held, [ListedFile("model.pt", len(held.data))])
    assert [one.rule for one in found] == ["pickle.dangerous"]
    assert held.read < 500_000


def test_a_bomb_is_read_up_to_a_bound() -> None:
    """A hundred megabytes of zeros in a few kilobytes."""
    bomb = archive({"archive/data.pkl": b"\x80\x02" + bytes(100_000_000)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 200_000
    assert ("pickle.not_read", "review") in looked(bomb, "model.pt")


@pytest.mark.parametrize("data", [b"PK\x03\x04garbage", b"\x80\x04garbage", b"", b"PK", b"\x80"])
def test_garbage_breaks_nothing_and_is_not_called_harmless(data: bytes) -> None:
    assert {rule for rule, _ in looked(data)} <= {"pickle.not_read"}


@pytest.mark.parametrize("path", ["model.bin", "model.pt", "model.ckpt"])
def test_a_pickle_of_the_oldest_kind_is_seen_under_any_name(path: str) -> None:
    """A loader of old files runs it, whatever letter it begins with."""
    assert looked(EVIL, path) == [("pickle.dangerous", "breaking")]


@pytest.mark.parametrize("data", [zlib.compress(EVIL), b"", EVIL[:4]])
def test_what_cannot_be_taken_apart_is_not_called_harmless(data: bytes) -> None:
    """joblib packs its pickles: what would run is not known."""
    assert looked(data, "model.joblib") == [("pickle.not_read", "review")]


def test_weights_that_are_no_pickle_say_nothing() -> None:
    assert looked(b"GGUF" + bytes(1000)) == []


def test_what_cannot_be_opened_is_said() -> None:
    found = pickles.findings(Held(b""), [ListedFile("model.bin", 5, "a" * 64, closed=True)])
    assert [one.rule for one in found] == ["pickle.not_read"]


def test_too_many_files_are_said() -> None:
    files = [ListedFile(f"{number}.bin", 0, closed=True) for number in range(60)]
    assert "10 more" in pickles.findings(Held(b""), files)[-1].sentence
