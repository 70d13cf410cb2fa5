"""What is wrong with a spec, told so that a person can mend it without asking."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

Path = tuple[str | int, ...]

SHOWN = 80
USERINFO = re.compile(r"(?<=://)[^/@\s]*@")


@dataclass(frozen=True, slots=True)
class SpecError:
    """One error. `line` counts from 1 (0 if there is no file); `path` reads like models[3].params.temperature.range.

    `given` is a short repr of the value, at most 80 characters, and never a secret.
    """

    file: str
    line: int
    path: str
    given: str
    expected: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else ""
        return f"{where}{self.path}: {self.message}" if self.path else f"{where}{self.message}"


class SpecInvalid(Exception):
    """A document that is not a spec; `errors` holds every reason."""

    def __init__(self, errors: tuple[SpecError, ...]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Finding:
    """An error before it is known which file and line it belongs to. `path` leads into the document."""

    path: Path
    given: str
    expected: str
    message: str
    line: int = 0

    def at(self, file: str, line: int, prefix: str) -> SpecError:
        """This finding with its place."""
        inside = dotted(self.path)
        joint = "." if prefix and inside and not inside.startswith("[") else ""
        return SpecError(file, self.line or line, f"{prefix}{joint}{inside}", self.given, self.expected, self.message)


class Findings(list[Finding]):
    """Every finding of one document."""

    def add(self, path: Path, given: Any, expected: str, message: str = "") -> None:
        """Note that `given` at `path` is not what was `expected`; without a `message` one is written from the three."""
        shown = show(given)
        text = message or f"{_last(path) or 'the document'} is {shown}; expected {expected}"
        self.append(Finding(path, shown, expected, text))

    def hide(self, path: Path, expected: str, message: str) -> None:
        """Note an error whose value may be a secret and is not repeated."""
        self.append(Finding(path, "(not shown)", expected, message))

    def unknown(self, path: Path, known: tuple[str, ...]) -> None:
        """Note a key that a spec does not have. Its value is not repeated: it may be a secret."""
        key = str(path[-1])
        expected = f"one of {', '.join(known)}"
        hint = f".{near}" if (near := suggestion(key, known)) else f"; expected {expected}"
        self.append(Finding(path, key, expected, f"unknown key {key!r}{hint}"))


def show(value: Any) -> str:
    """A short repr of at most 80 characters; the user and password of an address are left out."""
    if isinstance(value, dict):
        text = "a mapping with " + (", ".join(str(key)[:20] for key in list(value)[:4]) or "no keys")
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value[:100]):
        text = f"a list of {len(value)} items"
    elif isinstance(value, list):
        text = "[" + ", ".join(show(item) for item in value[:10]) + (", ...]" if len(value) > 10 else "]")
    elif isinstance(value, bool) or value is None:
        text = {True: "true", False: "false", None: "null"}[value]
    elif isinstance(value, int) and value.bit_length() > 200:
        text = "a number of more than 60 digits"
    else:
        text = repr(value[:200] if isinstance(value, str) else value)
    text = USERINFO.sub("***@", text)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def dotted(path: Path) -> str:
    """`("params", "stop", "options", 2)` as `params.stop.options[2]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _last(path: Path) -> str:
    """The end of a path that still says where: `range`, `tags[2]`."""
    start = len(path) - 1
    while start > 0 and isinstance(path[start], int):
        start -= 1
    return dotted(path[max(start, 0) :])


def suggestion(given: Any, known: tuple[str, ...] | list[str]) -> str:
    """A " Did you mean x?" for a near miss, or nothing."""
    near = get_close_matches(str(given).lower()[:64], known, n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""
