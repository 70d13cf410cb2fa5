"""Pickle-like weights, looked into without loading them: what code would run if somebody did.

A few kilobytes are read of each file, wherever it is: the table of contents of an archive and the pickles in it. What
unfolds to more than a bound is read up to it, and said to be.
"""

import io
import pickletools
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from picklescan.scanner import Global, SafetyLevel, scan_pickle_bytes

from controlplane.base.messages import Sentence
from versions.evidence.finding import BREAKING, COMPATIBLE, REVIEW, FileFinding
from versions.reading.errors import SourceUnreachable
from versions.reading.interface import ListedFile, OpenedSource

MOST_PICKLE = 1_000_000
"""Bytes of one pickle that are read: the names of a thousand tensors take a fifth of it."""
MOST_INSIDE = 50
MOST_FILES = 50
MOST_NAMES = 8
WINDOW = 1 << 16
UNREADABLE = (ValueError, LookupError, ArithmeticError, TypeError, AttributeError, EOFError, struct.error)
PICKLE_ENDINGS = (".pkl", ".pickle", ".joblib", ".dill")


class RangedFile(io.RawIOBase):
    """A file of a source as a seekable stream that fetches what is read, a window at a time."""

    def __init__(self, size: int, chunks: Callable[[int], Iterator[bytes]]) -> None:
        self._size, self._chunks = size, chunks
        self._at = self._begin = 0
        self._window = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = min(max(base + offset, 0), self._size)
        return self._at

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Bytes from here on, as far as the window goes."""
        if self._at >= self._size:
            return 0
        if not self._begin <= self._at < self._begin + len(self._window):
            self._begin, self._window = self._at, self._fetched(max(len(buffer), WINDOW))
        part = self._window[self._at - self._begin :][: len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _fetched(self, most: int) -> bytes:
        found = bytearray()
        for chunk in self._chunks(self._at):
            found += chunk
            if len(found) >= min(most, MOST_PICKLE):
                break
        return bytes(found)


def findings(opened: OpenedSource, files: list[ListedFile]) -> list[FileFinding]:
    """What loading the pickle-like files would run. Raises SourceError."""
    found = [one for file in files[:MOST_FILES] for one in _looked_into(opened, file)]
    if len(files) > MOST_FILES:
        words = Sentence("{count} more pickle-like files were not looked into", count=len(files) - MOST_FILES)
        found.append(FileFinding("pickle.not_read", REVIEW, files[MOST_FILES].path, words))
    return found


def _looked_into(opened: OpenedSource, file: ListedFile) -> Iterator[FileFinding]:
    if file.closed:
        words = Sentence("{path} is a pickle-like file that cannot be looked into here", path=file.path)
        yield FileFinding("pickle.not_read", REVIEW, file.path, words)
        return
    stream = io.BufferedReader(RangedFile(file.size, lambda start: opened.chunks(file, start)), WINDOW)
    try:
        pickles = list(_pickles(stream, file.path))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, SourceUnreachable) as error:
        words = Sentence("{path} cannot be looked into: {error}", path=file.path, error=str(error)[:200])
        yield FileFinding("pickle.not_read", REVIEW, file.path, words)
        return
    yield from _judged(file.path, pickles)


def _pickles(stream: "io.BufferedReader[Any]", path: str) -> Iterator[tuple[bytes, bool]]:
    """Each pickle in a file, and whether it was read to its end."""
    if stream.peek(4)[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(stream) as archive:
            yield from _archived(archive)
        return
    data = stream.read(MOST_PICKLE + 1)
    sure = data[:1] == b"\x80" or PurePosixPath(path).suffix in PICKLE_ENDINGS
    # The oldest pickles begin with any letter, and loaders of .bin and .pt files run them too.
    if sure or _globals(data, path):
        yield data[:MOST_PICKLE], len(data) <= MOST_PICKLE


def _archived(archive: zipfile.ZipFile) -> Iterator[tuple[bytes, bool]]:
    inside = [one for one in archive.namelist() if PurePosixPath(one).suffix in PICKLE_ENDINGS]
    for name in inside[:MOST_INSIDE]:
        with archive.open(name) as pickled:
            data = pickled.read(MOST_PICKLE + 1)
        yield data[:MOST_PICKLE], len(data) <= MOST_PICKLE and len(inside) <= MOST_INSIDE


def _judged(path: str, pickles: list[tuple[bytes, bool]]) -> Iterator[FileFinding]:
    names: dict[SafetyLevel, set[str]] = {level: set() for level in SafetyLevel}
    for data, _ in pickles:
        for one in _globals(data, path):
            names[one.safety].add(f"{one.module}.{one.name}")
    dangerous, odd = (sorted(names[level]) for level in (SafetyLevel.Dangerous, SafetyLevel.Suspicious))
    if dangerous:
        words = Sentence("{path} runs code when it is loaded: {names}", path=path, names=_some(dangerous))
        yield FileFinding("pickle.dangerous", BREAKING, path, words)
    if odd:
        words = Sentence(
            "{path} calls what a file of weights has no need of when it is loaded: {names}", path=path, names=_some(odd)
        )
        yield FileFinding("pickle.suspicious", REVIEW, path, words)
    if not all(whole for _, whole in pickles):
        words = Sentence("{path} holds a pickle of more than {most} bytes; the rest was not read",
                         path=path, most=MOST_PICKLE)  # fmt: skip
        yield FileFinding("pickle.not_read", REVIEW, path, words)
    elif not all(_is_pickle(data) for data, _ in pickles):
        words = Sentence("{path} is no pickle that can be read to its end: what loading it would run is not known",
                         path=path)  # fmt: skip
        yield FileFinding("pickle.not_read", REVIEW, path, words)
    elif pickles and not dangerous and not odd:
        words = Sentence("{path} is a pickle that calls nothing unusual; safetensors would need no trust", path=path)
        yield FileFinding("pickle.plain", COMPATIBLE, path, words)


def _globals(data: bytes, path: str) -> "list[Global]":
    """What a pickle imports, as far as it can be taken apart."""
    try:
        return list(scan_pickle_bytes(io.BytesIO(data), path).globals)
    except UNREADABLE:
        return []


def _is_pickle(data: bytes) -> bool:
    """Whether the first pickle of some bytes can be taken apart to its end."""
    try:
        return any(operation.name == "STOP" for operation, _, _ in pickletools.genops(data))
    except UNREADABLE:
        return False


def _some(names: list[str]) -> str:
    more = f" (+{len(names) - MOST_NAMES})" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES])[:300] + more
