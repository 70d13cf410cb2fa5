"""What a commit's spec files would do: a row for each spec, with the file and line of everything that is wrong."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controlplane.base.messages import Sentence
from registry.catalog import importing, releases
from registry.specfile import file as spec_file
from registry.specfile.file import SpecRow
from versions.reading.errors import SourceRefused
from versions.sources.git import CommitTree

ENDINGS = (".yaml", ".yml")
MOST_FILES = 2000
LARGEST_FILE = 5_000_000
MOST_BYTES = 50_000_000


@dataclass(frozen=True)
class SpecText:
    """One YAML file of a commit."""

    path: str
    data: bytes


@dataclass(frozen=True)
class PushRow:
    """What a push would do to one model: new, changed, unchanged or invalid. A file that cannot be read has no name."""

    file: str
    line: int
    name: str
    action: str
    errors: tuple[str, ...] = ()
    row: SpecRow | None = None


def spec_files(tree: CommitTree, folder: str) -> Iterator[SpecText]:
    """The YAML files below `folder`, hidden ones left out. Raises SourceRefused for too many or too large ones."""
    count = total = 0
    below = f"{folder}/" if folder else ""
    for file in tree.files():
        if not file.path.startswith(below) or not file.path.endswith(ENDINGS) or _hidden(file.path):
            continue
        count, total = count + 1, total + file.size
        if count > MOST_FILES:
            raise SourceRefused(
                Sentence("the folder holds more than {most} YAML files, the most that are read", most=MOST_FILES)
            )
        if file.closed or file.size > LARGEST_FILE or total > MOST_BYTES:
            raise SourceRefused(
                Sentence(
                    "{path} is not read: a spec file has at most {most} MB and is no LFS object, all of them together"
                    " have at most {total} MB",
                    path=file.path[:200],
                    most=LARGEST_FILE // 1_000_000,
                    total=MOST_BYTES // 1_000_000,
                )
            )
        yield SpecText(file.path, b"".join(tree.chunks(file)))


def plan(files: Iterable[SpecText]) -> list[PushRow]:
    """What these files would do; nothing is written."""
    known = releases.world()
    taken: dict[str, str] = {}
    rows: list[PushRow] = []
    for file in files:
        parsed = spec_file.parse(file.data, file.path)
        rows += [PushRow(file.path, error.line, "", "invalid", (error.placed,)) for error in parsed.errors]
        for row in parsed.rows:
            found = importing.plan_row(row, known)
            errors = (*(error.placed for error in found.errors), *_taken(row, file.path, taken))
            action = "invalid" if errors else found.action
            rows.append(PushRow(file.path, row.line, row.name, action, errors, row))
    return rows


def _taken(row: SpecRow, path: str, taken: dict[str, str]) -> Iterator[str]:
    """Names that another file has already."""
    if row.spec is None:
        return
    for name in (row.spec.name, *row.spec.aliases):
        place = f"{path}:{row.line}"
        first = taken.setdefault(name, place)
        if first.rpartition(":")[0] != path:
            yield Sentence("{place}: the name {name} is already taken in {first}", place=place, name=name, first=first)


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))
