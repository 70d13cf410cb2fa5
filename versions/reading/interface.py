"""What a kind of source is: how to ask it cheaply whether it moved, and how to read one revision of it.

Each file in versions.sources has a `look` and an `opened`; versions.kinds lists them. None of them imports another.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from registry.spec import Parameter
from registry.upstreams.binding import Upstream
from versions.reading.web import Web


@dataclass(frozen=True, slots=True)
class LiveSubject:
    """A live model: what its spec declares, and its endpoint without those limits, so that it answers for itself.

    `mistyped` is the endpoint with one parameter declared of another type, by its name, so that a wrong type arrives.
    """

    parameters: tuple[Parameter, ...]
    upstream: Upstream
    mistyped: Mapping[str, Upstream]


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """Where a source is, and what its upstream said last.

    `cursor` is what the last `look` gave back; empty asks without a condition. `folders` are the directories on this
    machine that may be read. `budget` is the number of calls that one reading of a live model may make.
    """

    location: str
    reference: str = ""
    secret: str = ""
    cursor: Mapping[str, Any] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    budget: int = 0
    subject: LiveSubject | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """The revision that an upstream has now, and the cursor with which the next `look` asks.

    `owner_id` is the repository owner's id where the upstream tells one. A cursor's `hashes` stand for the content that
    the upstream vouches for: if they move and the revision does not, somebody tampered.
    """

    revision: str
    cursor: Mapping[str, Any]
    owner_id: str = ""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file of a revision. `size` is -1 if unknown; `sha256` is empty if the file must be read to know it.

    `stamp` is what the upstream says instead of a SHA-256 (an ETag, a time, a blob's id): the same stamp and size mean
    that the file need not be read again before the next full scan. `handle` is the source's own way to the bytes.
    `closed`: the bytes cannot be read here, so the SHA-256 is all there is.
    """

    path: str
    size: int
    sha256: str = ""
    stamp: str = ""
    handle: str = ""
    closed: bool = False


class OpenedSource(Protocol):
    """One revision, open for reading. Methods raise SourceError."""

    def files(self) -> Iterator[ListedFile]:
        """Every file, one at a time, so that a million of them need no memory."""

    def chunks(self, file: ListedFile, start: int = 0) -> Iterator[bytes]:
        """The bytes of a file from `start` on."""


@dataclass(frozen=True, slots=True)
class SourceDoor:
    """One kind of source.

    `address` is the URL that a location leads to, empty for a folder.
    `look` makes at most one request and returns None if nothing moved since `place.cursor`; a new cursor may also come
    with the known revision, after a reformat. `opened` gives a revision.
    `moves`: a revision can change while it is read, so `look` is asked again afterwards. `vouched`: the upstream's own
    hashes stand for the content, so a full scan need not read every byte.
    """

    address: Callable[[str], str]
    look: Callable[[SourcePlace, Web], Sighting | None]
    opened: Callable[[SourcePlace, Sighting, Web], AbstractContextManager[OpenedSource]]
    moves: bool
    vouched: bool
