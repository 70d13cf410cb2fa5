"""A manifest of a revision: every file's path, size and SHA-256, and the small files' text. Reaches no database.

Memory is bounded by the number of files, never by their size: a file is hashed as it streams by.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from controlplane.base.messages import Sentence
from versions.reading.errors import SourceRefused, SourceUnreachable
from versions.reading.interface import ListedFile, OpenedSource

MOST_FILES = 100_000
LONGEST_PATH = 1000
MOST_TEXT = 1_000_000
"""The longest file, in bytes, whose text is kept beside its hash."""
MOST_TEXTS = 8_000_000
"""All kept texts of one manifest, in bytes."""
MOST_SPECIFICATION = 16_000_000
ATTEMPTS = 4
"""How often one file's transfer is taken up again where it broke off."""
KEPT_NAMES = frozenset(
    {
        *("config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json"),
        *("preprocessor_config.json", "processor_config.json", "model_index.json", "adapter_config.json"),
        *("chat_template.jinja", "chat_template.json", "added_tokens.json", "quantize_config.json"),
        *("openapi.json", "openapi.yaml", "openapi.yml", "swagger.json", "model.yaml", "spec.yaml", "spec.json"),
        *("template", "params", "system", "model.sig", "parameters.json"),
    }
)
SPECIFICATION = "specification.json"
"""The file of a manifest that holds the document of a watched specification, as canonical JSON."""
LIVE = "parameters.json"
"""The file of a manifest that says which parameters a live model takes, as a JSON schema."""
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill")
"""Endings of files that may run code when somebody loads them."""
KEPT_ENDINGS = (".sig", ".proto", ".jinja")


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """One file."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What was learned of a file: its line, and the stamp under which it need not be read again."""

    stamp: str
    size: int
    sha256: str


@dataclass(slots=True)
class ManifestReading:
    """A manifest in the making. `known` holds what an earlier attempt or scan read, by path."""

    known: dict[str, ReadFile] = field(default_factory=dict)
    lines: list[ManifestLine] = field(default_factory=list)
    pickles: list[ListedFile] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    text_bytes: int = 0
    bytes_read: int = 0


@dataclass(slots=True)
class _KeptText:
    """The text of a small file, as long as it is one."""

    most: int
    text: bytearray = field(default_factory=bytearray)

    def add(self, chunk: bytes) -> None:
        """Keep a chunk, if it fits."""
        if len(self.text) + len(chunk) <= self.most:
            self.text += chunk


Tell = Callable[[int], None]
"""Called with the bytes of each chunk, so that a long file shows that it moves and can be stopped."""


def read(opened: OpenedSource, reading: ManifestReading, tell: Tell) -> None:
    """Fill `reading` with every file of a revision. Raises SourceError, naming the file."""
    seen: set[str] = set()
    for listed in opened.files():
        if len(seen) >= MOST_FILES:
            raise too_many_files()
        path = safe_path(listed.path)
        if path in seen:
            raise SourceRefused(Sentence("the source lists {path} twice", path=repr(path)))
        seen.add(path)
        _take(opened, listed, reading, tell)
        if path.endswith(PICKLES):
            reading.pickles.append(listed)
    for gone in reading.known.keys() - seen:
        del reading.known[gone]
    reading.lines.sort(key=lambda line: line.path)


def too_many_files() -> SourceRefused:
    """What a source with more files than are read is refused with."""
    return SourceRefused(
        Sentence("the source has more than {most} files; watch a folder inside it", most=f"{MOST_FILES:,}")
    )


def safe_path(path: str) -> str:
    """`path` if it stays inside the source. Raises SourceRefused for `..`, absolute paths and control characters."""
    parts = PurePosixPath(path).parts
    plain = path.isprintable() and 0 < len(path) <= LONGEST_PATH and "\\" not in path
    if not plain or path.startswith("/") or not parts or any(part in ("..", ".") for part in path.split("/")):
        raise SourceRefused(
            Sentence("the source lists the path {path}, which does not stay inside it", path=repr(path[:200]))
        )
    return path


def is_kept(path: str) -> bool:
    """Whether a file's text belongs in the manifest: its change may break callers although no weight moved."""
    name = PurePosixPath(path).name
    return path == SPECIFICATION or name in KEPT_NAMES or name.endswith(KEPT_ENDINGS)


def digest_of(lines: Iterable[ManifestLine]) -> str:
    """SHA-256 over the sorted lines: what stands for the whole manifest."""
    return hashlib.sha256(_text(lines).encode()).hexdigest()


def packed(lines: Iterable[ManifestLine]) -> bytes:
    """The lines as they are stored."""
    return zlib.compress(_text(lines).encode(), 6)


def unpacked(data: bytes) -> Iterator[ManifestLine]:
    """The lines of a stored manifest, one at a time."""
    for line in zlib.decompress(data).decode().splitlines():
        sha256, size, path = line.split(" ", 2)
        yield ManifestLine(path, int(size), sha256)


def reading_from(saved: Mapping[str, list[object]]) -> ManifestReading:
    """A reading that goes on from saved progress."""
    known = {path: ReadFile(str(one[0]), int(str(one[1])), str(one[2])) for path, one in saved.items()}
    return ManifestReading(known=known)


def progress_of(reading: ManifestReading) -> dict[str, list[object]]:
    """What of a reading is worth saving."""
    return {path: [one.stamp, one.size, one.sha256] for path, one in reading.known.items()}


def _take(opened: OpenedSource, listed: ListedFile, reading: ManifestReading, tell: Tell) -> None:
    known = reading.known.get(listed.path)
    same = known is not None and listed.stamp != "" and known.stamp == listed.stamp and known.size == listed.size
    kept = is_kept(listed.path) and not listed.closed
    if kept:
        line = _read_text(opened, listed, reading, tell)
    elif listed.sha256:
        line = ManifestLine(listed.path, listed.size, listed.sha256)
    elif same and known is not None:
        line = ManifestLine(listed.path, known.size, known.sha256)
    else:
        line = _hashed(opened, listed, reading, tell, _KeptText(0))
    reading.known[listed.path] = ReadFile(listed.stamp, line.size, line.sha256)
    reading.lines.append(line)


def _read_text(opened: OpenedSource, listed: ListedFile, reading: ManifestReading, tell: Tell) -> ManifestLine:
    most = MOST_SPECIFICATION if listed.path == SPECIFICATION else min(MOST_TEXT, MOST_TEXTS - reading.text_bytes)
    if listed.size > most and listed.sha256:
        return ManifestLine(listed.path, listed.size, listed.sha256)
    kept = _KeptText(most)
    line = _hashed(opened, listed, reading, tell, kept)
    if listed.sha256 and line.sha256 != listed.sha256:
        raise SourceRefused(
            Sentence(
                "{path} has another SHA-256 than its upstream says ({found} instead of {said})",
                path=listed.path,
                found=line.sha256[:12],
                said=listed.sha256[:12],
            )
        )
    if line.size <= most:
        reading.texts[listed.path] = kept.text.decode("utf-8", "replace").replace("\x00", "\ufffd")
        reading.text_bytes += line.size
    return line


def _hashed(
    opened: OpenedSource, listed: ListedFile, reading: ManifestReading, tell: Tell, kept: _KeptText
) -> ManifestLine:
    """Hash a file as it streams by. A transfer that breaks off goes on where it stopped, a few times."""
    digest, size = hashlib.sha256(), 0
    for attempt in range(ATTEMPTS):
        try:
            for chunk in opened.chunks(listed, size):
                digest.update(chunk)
                size += len(chunk)
                reading.bytes_read += len(chunk)
                kept.add(chunk)
                tell(len(chunk))
        except SourceUnreachable:
            if attempt + 1 == ATTEMPTS:
                raise
        else:
            if listed.size < 0:
                break
        if 0 <= listed.size <= size:
            break
    if listed.size >= 0 and size != listed.size:
        raise SourceUnreachable(
            Sentence(
                "{size} bytes of {path} came, where its upstream lists {whole}",
                size=size,
                whole=listed.size,
                path=listed.path,
            )
        )
    return ManifestLine(listed.path, size, digest.hexdigest())


def _text(lines: Iterable[ManifestLine]) -> str:
    return "".join(f"{line.sha256} {line.size} {line.path}\n" for line in lines)
