"""The laws of the house, each a function from one file to what is wrong in it; test_architecture.py applies them."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

MOST_LINES, MOST_FUNCTION_LINES, MOST_PARAMETERS, MOST_NESTING = 350, 50, 6, 3
MOST_COLUMNS = 120
APPS = ("controlplane", "controlplane/base", "registry", "routing", "versions")
PACKAGES = ("controlplane", "registry", "routing", "versions")
TOP_LEVEL = {
    "manage.py", "controlplane", "registry", "routing", "versions", "templates", "static", "tests", "requirements.txt",
    "README.md", "LICENSE", "CONTRIBUTING.md", "Makefile", "pyproject.toml", ".ci", "deploy", "benchmarks", "docs",
    ".gitignore",
    ".pre-commit-config.yaml",
}  # fmt: skip
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
OTHER_SKINS = {"viewsets", "routers", "controllers", "handlers", "signals", "admin", "consumers"}
BROAD = {"Exception", "BaseException"}
BROAD_PLACES = {
    *("controlplane/base/jobs/engine.py", "controlplane/base/service_loop.py"),
    *("routing/dataplane/gateway.py", "controlplane/base/live.py"),
}
"""The service loops (jobs, background tasks), the data plane's door and the websocket."""
GENERATED_CODE_PLACES = re.compile(r"registry/protocols/compiler/\w+\.py")
LAW_CODES = re.compile(r"#\s*noqa(?!:)|#\s*noqa:.*\b(BLE|ANN|PLC0415|PLR09|C901|E501)|#\s*type:\s*ignore(?!\[)")
REDIS_NAMES_PLACE = "controlplane/base/redis_names.py"
OWN_MARKUP_PLACE = "controlplane/base/web/icons.py"
"""Icons are markup that we wrote."""
WRITTEN_BY_BENCHMARKS = {"docs/change-classifier.md", "docs/routing-lab.md"}
PARTS_WITHOUT_SIBLINGS = ("registry/protocols/codecs", "routing/policies", "routing/telemetry", "versions/sources")
UNSAFE_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
UNSAFE_MARKUP = {"mark_safe", "SafeString", "SafeText"}
NEST = ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.Try | ast.TryStar | ast.Match
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
IMPORT = ast.Import | ast.ImportFrom


@dataclass(frozen=True)
class Source:
    """One file of the repository, by its path from the top."""

    path: str
    text: str

    @property
    def place(self) -> PurePosixPath:
        """The path, in parts."""
        return PurePosixPath(self.path)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of a Python file; none of another."""
        return tuple(ast.walk(ast.parse(self.text))) if self.place.suffix == ".py" else ()

    @property
    def ours(self) -> bool:
        """Whether it is part of the product, not of its tests or benchmarks."""
        return self.place.parts[0] in PACKAGES

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function and method."""
        return (node for node in self.nodes if isinstance(node, FUNCTION))

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Every call, with the dotted name of what is called."""
        return ((ast.unparse(node.func), node) for node in self.nodes if isinstance(node, ast.Call))

    def imported(self) -> Iterator[str]:
        """Dotted names of everything imported."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            if isinstance(node, ast.ImportFrom):
                yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


Law = Callable[[Source], Iterable[str]]


def short_files(source: Source) -> Iterator[str]:
    """A file has at most 350 lines."""
    lines = source.text.count("\n")
    if source.place.suffix in {".py", ".js", ".html", ".sh"} and lines > MOST_LINES:
        yield f"{lines} lines"


def narrow_pages(source: Source) -> Iterator[str]:
    """A line of a page has at most 120 columns."""
    if source.place.suffix == ".html":
        yield from _wide(source.text)


def narrow_prose(source: Source) -> Iterator[str]:
    """A line of a document has at most 120 columns outside tables, code and the targets of links."""
    if source.place.suffix != ".md" or source.place.parts[0] == "benchmarks" or source.path in WRITTEN_BY_BENCHMARKS:
        return
    prose = re.sub(r"^```.*?^```|^\|.*?$", lambda found: "\n" * found[0].count("\n"), source.text, flags=re.M | re.S)
    yield from _wide(re.sub(r"`[^`\n]*`|\]\([^)\n]*\)", "", prose))


def _wide(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MOST_COLUMNS:
            yield f"line {number} has {len(line)} columns"


def short_functions(source: Source) -> Iterator[str]:
    """A function has at most 50 lines."""
    for function in source.functions():
        lines = (function.end_lineno or 0) - function.lineno + 1
        if lines > MOST_FUNCTION_LINES:
            yield f"{function.name} has {lines} lines"


def few_parameters(source: Source) -> Iterator[str]:
    """A function takes at most six parameters beside self."""
    for function in source.functions():
        given = function.args
        names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        count = len([name for name in names if name not in {"self", "cls"}])
        if count > MOST_PARAMETERS:
            yield f"{function.name} takes {count}"


def shallow(source: Source) -> Iterator[str]:
    """Blocks nest at most three deep."""
    for function in source.functions():
        depth = max((_depth(statement) for statement in function.body), default=0)
        if depth > MOST_NESTING:
            yield f"{function.name} nests {depth} deep"


def _depth(node: ast.AST) -> int:
    if isinstance(node, FUNCTION | ast.ClassDef):
        return 0
    nested = isinstance(node, NEST)
    branches = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        branches.remove(node.orelse[0])
        return max(_depth(node.orelse[0]), 1 + max(map(_depth, branches)))
    return nested + max(map(_depth, branches), default=0)


def imports_on_top(source: Source) -> Iterator[str]:
    """Nothing is imported inside a function."""
    for function in source.functions():
        if any(isinstance(node, IMPORT) for node in ast.walk(function)):
            yield f"{function.name} imports inside"


def telling_names(source: Source) -> Iterator[str]:
    """No module has a name that says nothing, and skin has one set of names in every app."""
    if source.place.suffix == ".py" and source.place.stem in VAGUE_NAMES | OTHER_SKINS:
        yield f"is named {source.place.stem}"


def narrow_excepts(source: Source) -> Iterator[str]:
    """A broad except stands in three named places only; one that raises again catches nothing."""
    if source.path in BROAD_PLACES:
        return
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _raises_again(node):
            yield f"line {node.lineno}: broad except"
    for name, call in source.calls():
        if name.rpartition(".")[2] == "suppress" and any(map(_is_broad, call.args)):
            yield f"line {call.lineno}: broad suppress"


def _is_broad(caught: ast.expr | None) -> bool:
    options = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(option is None or ast.unparse(option) in BROAD for option in options)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def typed_returns(source: Source) -> Iterator[str]:
    """Every function says what it returns."""
    for function in source.functions():
        if function.returns is None:
            yield f"{function.name} has no return type"


def no_waivers(source: Source) -> Iterator[str]:
    """No comment waives a law, and none waives everything."""
    if source.place.suffix != ".py" or source.path in {"tests/laws.py", "tests/test_architecture.py"}:
        return
    for number, line in enumerate(source.text.splitlines(), 1):
        if LAW_CODES.search(line):
            yield f"line {number}: {line.strip()}"


def only_urls_import_skin(source: Source) -> Iterator[str]:
    """Only urls import views and api."""
    if not source.ours or source.place.stem == "urls":
        return
    for name in source.imported():
        parts = name.split(".")
        if parts[0] in PACKAGES and {"views", "api"} & set(parts):
            yield f"imports {name}"


def no_siblings(source: Source) -> Iterator[str]:
    """Policies, codecs, collectors and sources do not import each other; `choice` is what all policies answer with."""
    folder = str(source.place.parent)
    package = folder.replace("/", ".")
    if folder in PARTS_WITHOUT_SIBLINGS and source.place.stem not in {"__init__", "choice"}:
        siblings = (name for name in source.imported() if name.startswith((f"{package}.", ".")))
        yield from (f"imports {name}" for name in siblings if not name.startswith("routing.policies.choice."))


def no_evaluation(source: Source) -> Iterator[str]:
    """Text becomes code in the compiler of adapters only."""
    if GENERATED_CODE_PLACES.fullmatch(source.path) or not source.ours:
        return
    for name, call in source.calls():
        if name in {"eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec"}:
            yield f"line {call.lineno}: {name}"


def no_unsafe_loading(source: Source) -> Iterator[str]:
    """Nothing is unpickled, and YAML is loaded by a safe loader."""
    for name in source.imported():
        if name.split(".")[0] in UNSAFE_MODULES:
            yield f"imports {name}"
    for name, call in source.calls():
        given = [one.value for one in call.keywords if one.arg == "Loader"] + call.args[1:2]
        safe = any("Safe" in ast.unparse(one) or ast.unparse(one) == "LOADER" for one in given)
        if re.fullmatch(r"yaml\.(unsafe_|full_)?load(_all)?", name) and not safe:
            yield f"line {call.lineno}: {name}"


def escaped_pages(source: Source) -> Iterator[str]:
    """Nothing unescaped reaches a page, and pages hold no inline script or style."""
    if source.ours and source.path != OWN_MARKUP_PLACE:
        called = (name for name, _ in source.calls())
        yield from (f"calls {name}" for name in called if name.rpartition(".")[2] in UNSAFE_MARKUP)
    if source.place.suffix != ".html":
        return
    for number, line in enumerate(source.text.splitlines(), 1):
        for what, pattern in UNSAFE_IN_PAGES.items():
            if pattern.search(line):
                yield f"line {number}: {what}"


UNSAFE_IN_PAGES = {
    "a safe filter": re.compile(r"\|\s*safe(seq)?\b"),
    "autoescape off": re.compile(r"autoescape\s+off"),
    "an inline script": re.compile(r"<script(?![^>]*\b(src=|type=\"application/json\"))", re.IGNORECASE),
    "an inline style": re.compile(r"<style|\sstyle=", re.IGNORECASE),
    "an event attribute": re.compile(r"\son[a-z]+=", re.IGNORECASE),
    "a javascript: address": re.compile(r"javascript:", re.IGNORECASE),
    "an address outside": re.compile(r"(src|href)=\"(https?:)?//", re.IGNORECASE),
}


def redis_names_together(source: Source) -> Iterator[str]:
    """Names in Redis are written down in one module, so that no two things share one by chance."""
    if not source.ours or source.path == REDIS_NAMES_PLACE:
        return
    for node in source.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("patchbay:"):
            yield f"line {node.lineno}: {node.value}"


def lock_numbers_together(source: Source) -> Iterator[str]:
    """Whoever takes an advisory lock has its number from the one module where all of them stand."""
    if not source.ours or "controlplane.base.advisory_locks" in source.imported():
        return
    for node in source.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "_advisory_" in node.value:
            yield f"line {node.lineno}: {node.value}"


def orm_only(source: Source) -> Iterator[str]:
    """No raw(), extra() or RawSQL, and no domain signals."""
    if not source.ours:
        return
    for name in source.imported():
        if name.startswith(("django.db.models.signals", "django.dispatch")) or name.endswith(".RawSQL"):
            yield f"imports {name}"
    for name, call in source.calls():
        if re.search(r"\.objects\b.*\.(raw|extra)$", name):
            yield f"line {call.lineno}: {name}"


def nothing_skipped(source: Source) -> Iterator[str]:
    """No test is skipped or expected to fail."""
    if source.place.parts[0] != "tests" or source.path in {"tests/laws.py", "tests/test_architecture.py"}:
        return
    for number, line in enumerate(source.text.splitlines(), 1):
        if re.search(r"pytest\.(skip|xfail|importorskip)\b|mark\.(skip|skipif|xfail)\b", line):
            yield f"line {number}: {line.strip()}"


LAWS: tuple[Law, ...] = (
    short_files, narrow_pages, narrow_prose, short_functions, few_parameters, shallow, imports_on_top, telling_names,
    narrow_excepts, typed_returns, no_waivers, only_urls_import_skin, no_siblings, no_evaluation, no_unsafe_loading,
    escaped_pages, orm_only, nothing_skipped, redis_names_together, lock_numbers_together,
)  # fmt: skip
