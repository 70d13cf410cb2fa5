"""A directory on this machine, or one that is mounted here. Only folders that an admin opened may be watched."""

import hashlib
import itertools
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controlplane.base.messages import Sentence
from versions.reading.errors import SourceGone, SourceMoved, SourceRefused, SourceUnreachable
from versions.reading.interface import ListedFile, OpenedSource, Sighting, SourcePlace
from versions.reading.web import CHUNK, Web
from versions.scan import MOST_FILES, too_many_files

LEFT_OUT = frozenset({".git", ".cache", "lost+found"})
DEEPEST = 64


def address(location: str) -> str:
    """A folder has none."""
    return ""


def look(place: SourcePlace, web: Web) -> Sighting | None:
    """The revision is a SHA-256 over every file's path, size and time; no file is opened."""
    digest = hashlib.sha256()
    for listed in _walk(_root(place)):
        digest.update(f"{listed.path}\0{listed.size}\0{listed.stamp}\n".encode("utf-8", "surrogateescape"))
    revision = digest.hexdigest()
    return None if place.cursor.get("revision") == revision else Sighting(revision, {"revision": revision})


@contextmanager
def opened(place: SourcePlace, sighting: Sighting, web: Web) -> Iterator[OpenedSource]:
    """The directory as it is now."""
    yield _Directory(_root(place))


class _Directory:
    def __init__(self, root: Path) -> None:
        self._root = root

    def files(self) -> Iterator[ListedFile]:
        """Every regular file below the folder."""
        return _walk(self._root)

    def chunks(self, file: ListedFile, start: int = 0) -> Iterator[bytes]:
        """The file's bytes, if it is the one that was listed."""
        path = _inside(self._root, self._root / file.path)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise SourceMoved(Sentence("{path} went away while it was read", path=file.path)) from error
        with open(descriptor, "rb", buffering=0) as opened_file:
            if _stamp(os.fstat(descriptor)) != file.stamp:
                raise SourceMoved(Sentence("{path} changed while the source was read", path=file.path))
            opened_file.seek(start)
            try:
                while chunk := opened_file.read(CHUNK):
                    yield chunk
            except OSError as error:
                raise SourceUnreachable(
                    Sentence("{path} cannot be read: {error}", path=file.path, error=error.strerror or "")
                ) from error
            if _stamp(os.fstat(descriptor)) != file.stamp:
                raise SourceMoved(Sentence("{path} changed while the source was read", path=file.path))


def _root(place: SourcePlace) -> Path:
    """The watched folder, free of symlinks. Raises SourceRefused outside the folders that are open."""
    given = Path(place.location)
    try:
        root = given.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceGone(Sentence("there is no folder {path} on this worker", path=place.location[:200])) from error
    open_folders = [Path(folder).resolve() for folder in place.folders]
    if not any(root.is_relative_to(folder) for folder in open_folders):
        raise SourceRefused(
            Sentence(
                "{path} is in no folder that may be watched; an admin names those in the environment's SOURCE_FOLDERS",
                path=place.location[:200],
            )
        )
    if not root.is_dir():
        raise SourceRefused(Sentence("{path} is no folder", path=place.location[:200]))
    return root


def _walk(root: Path) -> Iterator[ListedFile]:
    for count, listed in enumerate(_found(root), 1):
        if count > MOST_FILES:
            raise too_many_files()
        yield listed


def _found(root: Path) -> Iterator[ListedFile]:
    waiting = [(root, "", 0)]
    while waiting:
        folder, prefix, depth = waiting.pop()
        if depth > DEEPEST:
            raise SourceRefused(Sentence("{path} nests deeper than {most} folders", path=prefix, most=DEEPEST))
        for entry in _entries(folder, prefix):
            path = f"{prefix}{entry.name}"
            if not entry.is_dir(follow_symlinks=False):
                yield _listed(root, Path(entry.path), path)
            elif entry.name not in LEFT_OUT:
                waiting.append((Path(entry.path), f"{path}/", depth + 1))


def _entries(folder: Path, prefix: str) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            found = list(itertools.islice(entries, MOST_FILES + 1))
    except OSError as error:
        raise SourceUnreachable(
            Sentence("the folder {path} cannot be read: {error}", path=prefix or ".", error=error.strerror or "")
        ) from error
    if len(found) > MOST_FILES:
        raise too_many_files()
    return sorted(found, key=lambda entry: entry.name)


def _listed(root: Path, place: Path, path: str) -> ListedFile:
    target = _inside(root, place)
    try:
        found = target.stat()
    except OSError as error:
        raise SourceMoved(Sentence("{path} went away while it was read", path=path)) from error
    if not stat.S_ISREG(found.st_mode):
        raise SourceRefused(Sentence("{path} is no regular file; take it out of the folder", path=path))
    return ListedFile(path, found.st_size, stamp=_stamp(found))


def _inside(root: Path, place: Path) -> Path:
    """Where a path leads. Raises SourceRefused if a symlink leads out of the folder."""
    try:
        target = place.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise SourceMoved(Sentence("{path} went away while it was read", path=str(place.relative_to(root)))) from error
    if not target.is_relative_to(root):
        raise SourceRefused(
            Sentence(
                "{path} is a symlink that leaves the folder; put the file itself there, or watch the folder above",
                path=str(place.relative_to(root)),
            )
        )
    return target


def _stamp(found: os.stat_result) -> str:
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ino}"
