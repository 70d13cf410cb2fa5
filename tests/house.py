"""The house in numbers: `python -m tests.house` prints rooms, arrows, circles, the longest things, and tests to code.

A room is a package. Its children are the modules and packages directly inside it; an arrow goes from a child to another
one that it imports, imports under TYPE_CHECKING counted. A circle is a set of children that reach each other. The floor
`controlplane.base` is a room of its own beside the roof `controlplane`.
"""

import ast
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("controlplane", "registry", "routing", "versions")
PURE = (
    "registry.canon",
    "registry.spec",
    "registry.addresses",
    "registry.predict_form",
    "registry.reasons",
    "registry.steering",
    "registry.wording",
    "registry.resolve",
    "registry.lifecycle",
    "registry.access.keys",
    "registry.specfile",
    "registry.protocols",
    "registry.transports",
    "registry.upstreams",
    "routing.table",
    "routing.dataplane",
    "routing.scheduler",
    "routing.policies",
    "routing.chains",
    "routing.samples",
    "routing.alerts.language",
    "routing.telemetry",
    "routing.agent",
    "routing.lab.learn",
    "versions.diff",
    "versions.scan",
    "versions.reading",
    "versions.sources",
    "versions.evidence",
    "controlplane.base.messages",
    "controlplane.base.secrets",
    "controlplane.base.memory",
    "controlplane.base.egress_rules",
    "controlplane.base.service_loop",
    "controlplane.base.redis_names",
    "controlplane.base.yaml_reader",
)
"""The pure core and the data plane: they reach no framework and no database, and are typed strictly."""
Graph = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Room:
    """One package: its children with their arrows, and its circles."""

    name: str
    arrows: Graph
    circles: tuple[tuple[str, ...], ...]

    @property
    def floors(self) -> int:
        """Children on the longest way down, a circle counted as one."""
        return floors(self.arrows)


def modules(root: Path = ROOT) -> dict[str, str]:
    """The text of every module of the product, by its dotted name; migrations are left out."""
    files = (path for package in PACKAGES for path in sorted((root / package).rglob("*.py")))
    return {_dotted(path.relative_to(root)): path.read_text() for path in files if "migrations" not in path.parts}


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imports(texts: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Which modules each module imports, of those given."""
    return {name: frozenset(_imported(text, texts)) - {name} for name, text in texts.items()}


def _imported(text: str, known: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else node.module


def rooms(arrows: Graph) -> list[Room]:
    """Every package with more than one child, outermost first."""
    inside: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name, targets in arrows.items():
        parts = _parts(name)
        for depth in range(len(parts)):
            inside[".".join(parts[:depth])][parts[depth]].update(_siblings(parts, depth, targets))
    found = []
    for name, children in sorted(inside.items()):
        graph = {child: frozenset(targets - {child}) & set(children) for child, targets in children.items()}
        if len(graph) > 1:
            found.append(Room(name, graph, tuple(circles(graph))))
    return found


def _parts(name: str) -> list[str]:
    floor = "controlplane.base"
    return [floor, *name.split(".")[2:]] if name == floor or name.startswith(f"{floor}.") else name.split(".")


def _siblings(parts: list[str], depth: int, targets: frozenset[str]) -> Iterator[str]:
    for target in targets:
        other = _parts(target)
        if other[:depth] == parts[:depth] and len(other) > depth:
            yield other[depth]


def circles(arrows: Graph) -> list[tuple[str, ...]]:
    """The sets of children that reach each other, each sorted."""
    reach = {child: _reached(child, arrows) for child in arrows}
    found = {tuple(sorted(other for other in reach[child] if child in reach[other])) for child in arrows}
    return sorted(one for one in found if one)


def _reached(start: str, arrows: Graph) -> frozenset[str]:
    seen: set[str] = set()
    waiting = list(arrows[start])
    while waiting:
        child = waiting.pop()
        if child not in seen:
            seen.add(child)
            waiting += arrows[child]
    return frozenset(seen)


def floors(arrows: Graph) -> int:
    """The number of children on the longest way along arrows; those of one circle count once."""
    reach = {child: _reached(child, arrows) for child in arrows}
    known: dict[str, int] = {}
    for child in sorted(arrows, key=lambda one: len(reach[one])):
        below = (known.get(other, 0) for other in arrows[child] if child not in reach[other])
        known[child] = 1 + max(below, default=0)
    return max(known.values(), default=0)


def shared_class_names(texts: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Names that several classes bear, with their modules; `Command` and `Meta` are the names that Django asks for."""
    owners: dict[str, list[str]] = defaultdict(list)
    for name, text in texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and node.name not in ("Command", "Meta"):
                owners[node.name].append(name)
    return {one: tuple(where) for one, where in sorted(owners.items()) if len(where) > 1}


def longest_function(texts: Mapping[str, str]) -> tuple[int, str]:
    """Lines and place of the longest function."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = (
        ((node.end_lineno or 0) - node.lineno + 1, f"{name}.{node.name}")
        for name, text in texts.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, kinds)
    )
    return max(found, default=(0, ""))


def longest_line(root: Path = ROOT) -> tuple[int, str]:
    """Columns and place of the longest line of Python or HTML."""
    found = (
        (len(line), f"{path.relative_to(root)}:{number}")
        for folder in (*PACKAGES, "templates")
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in {".py", ".html"} and "migrations" not in path.parts
        for number, line in enumerate(path.read_text().splitlines(), 1)
    )
    return max(found, default=(0, ""))


def proportions(root: Path = ROOT) -> dict[str, float]:
    """Lines of tests for each line of code, by package."""
    folders = {"controlplane": ("base", "console", "rest", "services", "browser")}
    return {
        package: sum(_lines(root / "tests" / name) for name in folders.get(package, (package,)))
        / _lines(root / package)
        for package in PACKAGES
    }


def _lines(folder: Path) -> int:
    files = (path for path in folder.rglob("*.py") if "migrations" not in path.parts)
    return sum(path.read_text().count("\n") for path in files)


def main() -> None:
    """Print the house in numbers."""
    texts = modules()
    arrows = imports(texts)
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    print(f"commit {commit}: {len(texts)} modules, {sum(map(len, arrows.values()))} arrows between them")
    print(f"{'room':<42} {'children':>8} {'floors':>6} {'arrows':>6}  circles")
    for room in rooms(arrows):
        count = sum(map(len, room.arrows.values()))
        told = "; ".join(" ↔ ".join(circle) for circle in room.circles)
        print(f"{room.name or 'the house':<42} {len(room.arrows):>8} {room.floors:>6} {count:>6}  {told}")
    print("longest function: {} lines, {}".format(*longest_function(texts)))
    print("longest line: {} columns, {}".format(*longest_line()))
    print("tests to code: " + ", ".join(f"{package} {ratio:.2f}" for package, ratio in proportions().items()))


if __name__ == "__main__":
    main()
