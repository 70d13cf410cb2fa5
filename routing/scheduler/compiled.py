"""Machine code for the numeric core: one decorator for all that the simulator and the scheduler run per event."""

import hashlib
import logging
import re
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import llvmlite.binding
import numba

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
ROUTING = Path(__file__).resolve().parents[1]
_FROM = re.compile(r"^from (routing[\w.]*) import \(?([^)\n]*|[^)]*)\)?$", re.MULTILINE)


def sources(folder: Path) -> dict[str, str]:
    """The texts, by module, that machine code is made of: every module of a package that compiles, and what it imports.

    Numba looks only at the file of the function itself, so code kept beside it goes stale when a function or a
    constant that it uses changes elsewhere.
    """
    texts = {_module(path, folder): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))}
    wanted = [name for name, text in texts.items() if f"from {__name__} import" in text]
    made: dict[str, str] = {}
    while wanted:
        name = wanted.pop()
        if name in texts and name not in made:
            made[name] = texts[name]
            wanted += _imported(texts[name])
    return dict(sorted(made.items()))


def _module(path: Path, folder: Path) -> str:
    return ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__")


def _imported(text: str) -> Iterator[str]:
    for module, names in _FROM.findall(text):
        yield module
        yield from (f"{module}.{name.split()[0]}" for name in names.split(",") if name.strip())


def _keep() -> bool:
    """Name a folder for machine code by the sources it is made of; whether one could be made."""
    digest = hashlib.sha256("\0".join(chain.from_iterable(sources(ROUTING).items())).encode())
    folder = ROUTING.parent / ".data" / "compiled" / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    if not any(folder.iterdir()):
        log.warning("compiling the scheduler core: once after each change of it, about a minute")
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    return True


KEPT = _keep()
INLINE = 20_000
llvmlite.binding.set_option("patchbay", f"--inline-threshold={INLINE}")
"""Functions that hand a fleet's arrays to each other run two to five times faster as one (benchmarks/simulator.py)."""


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """`function` in machine code, compiled at its first call and kept on disk if that is possible.

    No fast-math: the same seed must give the same result to the bit, compiled or not (`function.py_func`).
    """
    made: Callable[P, R] = numba.njit(cache=KEPT, error_model="numpy")(function)
    return made


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """`compiled` for a few lines in a hot loop: pasted into its callers, as a call costs more than they do."""
    made: Callable[P, R] = numba.njit(inline="always", error_model="numpy")(function)
    return made


def typeof(value: object) -> Any:
    """The compiler's type of a value."""
    return numba.typeof(value)  # type: ignore[no-untyped-call]
