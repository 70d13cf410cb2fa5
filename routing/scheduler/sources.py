"""The texts that a module is made of: its own, and those of all that it imports from its package, read off the syntax.

What is digested follows from the imports, so that a module that moves or is added cannot be left out.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path


def modules_of(folder: Path) -> dict[str, str]:
    """The text of each module of the package in `folder`, by the module's full name."""
    return {_name(path, folder): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))}


def closure(roots: Iterable[str], modules: Mapping[str, str]) -> dict[str, str]:
    """The texts of `roots` and of all that they import, directly or not, by name. Raises KeyError for unknown roots."""
    wanted = list(roots)
    reached = {name: modules[name] for name in wanted}
    while wanted:
        for name in imported(modules[wanted.pop()]):
            if name in modules and name not in reached:
                reached[name] = modules[name]
                wanted.append(name)
    return dict(sorted(reached.items()))


def importers(module: str, modules: Mapping[str, str]) -> list[str]:
    """The modules that import `module` themselves."""
    last = module.rpartition(".")[2]
    return [name for name, text in modules.items() if last in text and module in imported(text)]


def imported(text: str) -> Iterator[str]:
    """The full names that a module's text may import: of modules, and of what is in them."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def digest(texts: Mapping[str, str]) -> str:
    """SHA-256 over names and texts, in hexadecimal."""
    return hashlib.sha256("\0".join(chain.from_iterable(texts.items())).encode()).hexdigest()


def _name(path: Path, folder: Path) -> str:
    return ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__")
