"""A git repository over HTTP. A revision is a commit; its tree is fetched without history into a temporary folder."""

import base64
import hashlib
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import IO, Any

from dulwich.client import AbstractHttpGitClient
from dulwich.errors import GitProtocolError, HangupException, NotGitRepository
from dulwich.lfs import LFSPointer
from dulwich.object_store import iter_tree_contents
from dulwich.objects import S_ISGITLINK, Blob, Commit, ObjectID, Tag
from dulwich.refs import Ref
from dulwich.repo import Repo

from controlplane.base.messages import Sentence
from versions.reading.errors import SourceGone, SourceMoved, SourceRefused, SourceUnreachable
from versions.reading.interface import ListedFile, OpenedSource, Sighting, SourcePlace
from versions.reading.web import MOST_BYTES, Web, shown
from versions.scan import MOST_FILES, too_many_files

MOST_PACK = 1_000_000_000
LARGEST_BLOB = 48_000_000
"""Larger files belong in LFS, whose pointers name a SHA-256; git would hold the whole file in memory."""
LONGEST_POINTER = 1024
PROTOCOL = 0
"""Version 0 names every branch in one request; version 2 needs two."""
SHA1, DELTAS, OFFSET_DELTA = 40, (6, 7), 6


def address(location: str) -> str:
    """The location is the address."""
    return location


def look(place: SourcePlace, web: Web) -> Sighting | None:
    """One request for the commit that `reference` names: a branch, a tag, or nothing for the default branch."""
    if _is_commit(place.reference):
        commit = place.reference
    else:
        with _told(place.location):
            refs = _Client(place, web, MOST_BYTES).get_refs("", protocol_version=PROTOCOL).refs
        commit = _commit_of(refs, place.reference, place.location)
    return None if place.cursor.get("revision") == commit else Sighting(commit, {"revision": commit})


@contextmanager
def opened(place: SourcePlace, sighting: Sighting, web: Web) -> Iterator[OpenedSource]:
    """The tree of one commit."""
    with at_commit(place, sighting.revision, web) as tree:
        yield tree


@contextmanager
def at_commit(place: SourcePlace, commit: str, web: Web) -> Iterator["CommitTree"]:
    """The tree of one commit, and who wrote it."""
    with (
        tempfile.TemporaryDirectory(prefix="patchbay-git-") as folder,
        tempfile.TemporaryFile() as pack,
        Repo.init_bare(folder) as repository,
        _told(place.location),
    ):
        _fetch(_Client(place, web, MOST_PACK), repository, ObjectID(commit.encode()), pack)
        yield CommitTree(repository, commit)


class CommitTree:
    """One commit. `author` is a name and an e-mail address, `message` the first line of what it says."""

    def __init__(self, repository: Repo, commit: str) -> None:
        self._store = repository.object_store
        found = self._store[ObjectID(commit.encode())]
        while isinstance(found, Tag):
            found = self._store[found.object[1]]
        if not isinstance(found, Commit):
            raise SourceRefused(Sentence("{commit} is no commit", commit=commit[:12]))
        self._tree = found.tree
        self._read: dict[bytes, ListedFile] = {}
        name, _, mail = found.author.decode("utf-8", "replace").partition("<")
        self.author = (name.strip(), mail.partition(">")[0].strip())
        self.message = found.message.decode("utf-8", "replace").strip().partition("\n")[0]

    def files(self) -> Iterator[ListedFile]:
        """Every file. A symlink is the text of its target and is not followed; a submodule is its commit.

        A blob is read once, however many names it has: a tree of a few kilobytes can name one a million times.
        """
        for number, entry in enumerate(iter_tree_contents(self._store, self._tree)):
            if number > MOST_FILES:
                raise too_many_files()
            if entry.path is None or entry.mode is None or entry.sha is None:
                continue
            path, stamp = entry.path.decode("utf-8", "surrogateescape"), entry.sha.decode()
            if S_ISGITLINK(entry.mode):
                yield ListedFile(path, SHA1, hashlib.sha256(entry.sha).hexdigest(), stamp, closed=True)
                continue
            if entry.sha not in self._read:
                self._read[entry.sha] = self._blob(entry.sha, stamp)
            yield replace(self._read[entry.sha], path=path)

    def _blob(self, sha: ObjectID, stamp: str) -> ListedFile:
        data = self._store[sha].as_raw_string()
        pointer = LFSPointer.from_bytes(data) if len(data) <= LONGEST_POINTER else None
        if pointer is not None:
            return ListedFile("", pointer.size, pointer.oid, stamp, closed=True)
        return ListedFile("", len(data), hashlib.sha256(data).hexdigest(), stamp, handle=stamp)

    def chunks(self, file: ListedFile, start: int = 0) -> Iterator[bytes]:
        """A blob's bytes."""
        blob = self._store[ObjectID(file.handle.encode())]
        assert isinstance(blob, Blob)
        yield blob.data[start:]


@dataclass(slots=True)
class _Reply:
    """What dulwich asks of an answer."""

    content_type: str | None
    redirect_location: str
    status: int
    close: Callable[[], None]


class _Client(AbstractHttpGitClient):
    """Git's smart HTTP through the guarded client."""

    def __init__(self, place: SourcePlace, web: Web, most: int) -> None:
        super().__init__(place.location, quiet=True)
        self._web, self._most, self._secret = web, most, place.secret

    def _http_request(
        self, url: str, headers: dict[str, str] | None = None, data: Any = None, raise_for_status: bool = True
    ) -> Any:
        given = dict(headers or {})
        if self._secret and url.startswith(self._base_url):
            user = self._secret if ":" in self._secret else f"git:{self._secret}"
            given["authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
        stack = ExitStack()
        response = stack.enter_context(self._web.opened("GET" if data is None else "POST", url, given, data))
        chunks, held = self._web.bounded(response, self._most), bytearray()

        def read(count: int = -1) -> bytes:
            while count < 0 or len(held) < count:
                chunk = next(chunks, b"")
                if not chunk:
                    break
                held.extend(chunk)
            taken = bytes(held[:count] if count >= 0 else held)
            del held[: len(taken)]
            return taken

        kind, place = response.headers.get("content-type"), str(response.url)
        return _Reply(kind, "" if place == url else place, response.status_code, stack.close), read


def _fetch(client: _Client, repository: Repo, commit: ObjectID, pack: IO[bytes]) -> None:
    """Put one commit's tree into `repository`, after a look at what its pack would unfold to."""

    def wanted(refs: Any, depth: int | None = None) -> list[ObjectID]:
        return [commit]

    client.fetch_pack("", wanted, repository.get_graph_walker(), pack.write, depth=1, protocol_version=PROTOCOL)
    _refuse_bomb(pack)
    pack.seek(0)
    stored, keep, drop = repository.object_store.add_pack()
    try:
        while chunk := pack.read(1 << 20):
            stored.write(chunk)
    except BaseException:
        drop()
        raise
    keep()


def _refuse_bomb(pack: IO[bytes]) -> None:
    """Unfold every object of a pack without keeping it. Raises SourceRefused for one that is too large."""
    pack.seek(0)
    head = pack.read(12)
    if head[:4] != b"PACK":
        raise SourceUnreachable(Sentence("the repository sent no pack"))
    offset = 12
    for _ in range(int.from_bytes(head[8:12], "big")):
        pack.seek(offset)
        start = pack.read(64)
        size, kind, used = _object_head(start)
        if size > LARGEST_BLOB:
            raise SourceRefused(
                Sentence(
                    "the repository holds a file of {size} MB; at most {most} MB are read, larger ones belong in LFS",
                    size=size // 1_000_000,
                    most=LARGEST_BLOB // 1_000_000,
                )
            )
        if kind in DELTAS:
            used += 20 if kind != OFFSET_DELTA else _offset_length(start[used:])
        offset += used + _unfolded(pack, offset + used, size)


def _object_head(data: bytes) -> tuple[int, int, int]:
    """Size, kind and length of an object's head."""
    kind, size, shift, used = (data[0] >> 4) & 7, data[0] & 15, 4, 1
    while data[used - 1] & 0x80:
        size |= (data[used] & 0x7F) << shift
        shift, used = shift + 7, used + 1
    return size, kind, used


def _offset_length(data: bytes) -> int:
    return next(index for index, byte in enumerate(data) if not byte & 0x80) + 1


def _unfolded(pack: IO[bytes], offset: int, size: int) -> int:
    """The length of one compressed object. Raises SourceRefused if it unfolds to more than it says."""
    pack.seek(offset)
    unfold, used, came = zlib.decompressobj(), 0, 0
    while not unfold.eof:
        data = unfold.unconsumed_tail or pack.read(1 << 16)
        if not data:
            raise SourceUnreachable(Sentence("the repository's pack ends early"))
        came += len(unfold.decompress(data, 1 << 18))
        used += len(data) - len(unfold.unconsumed_tail) - len(unfold.unused_data)
        if came > size:
            raise SourceRefused(Sentence("the repository's pack holds an object that is larger than it says"))
    return used


def _commit_of(refs: Any, reference: str, location: str) -> str:
    tried = [reference, f"refs/heads/{reference}", f"refs/tags/{reference}"] if reference else ["HEAD"]
    for name in tried:
        found = refs.get(Ref(f"{name}^{{}}".encode())) or refs.get(Ref(name.encode()))
        if found:
            return str(found.decode())
    raise SourceGone(Sentence("{url} has no branch or tag {name}", url=shown(location), name=repr(reference or "HEAD")))


def _is_commit(reference: str) -> bool:
    return len(reference) == SHA1 and all(char in "0123456789abcdef" for char in reference)


@contextmanager
def _told(location: str) -> Iterator[None]:
    """Say what git's own errors mean."""
    try:
        yield
    except NotGitRepository as error:
        raise SourceGone(Sentence("{url} is no git repository", url=shown(location))) from error
    except (GitProtocolError, HangupException) as error:
        if "not our ref" in str(error):
            raise SourceMoved(Sentence("the branch of {url} moved while it was read", url=shown(location))) from error
        raise SourceUnreachable(
            Sentence("{url} does not speak git as expected: {error}", url=shown(location), error=str(error)[:200])
        ) from error
    except (KeyError, zlib.error, ValueError, IndexError) as error:
        raise SourceUnreachable(Sentence("what {url} sent is no whole repository", url=shown(location))) from error
