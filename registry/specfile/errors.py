"""What is wrong with a spec, told so that a person can mend it without asking."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from controlplane.base.messages import Sentence, joined

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
        return str(self.placed)

    @property
    def placed(self) -> str:
        """The message with its place in front."""
        places = [f"{self.file}:{self.line}"] if self.line else []
        return joined([*places, *([self.path] if self.path else []), self.message], ": ")


class SpecInvalid(Exception):
    """A document that is not a spec; `errors` holds every reason."""

    def __init__(self, errors: tuple[SpecError, ...]) -> None:
        super().__init__(joined([error.placed for error in errors], "; "))
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
        text = message or Sentence(
            "{path} is {shown}; expected {expected}",
            path=_last(path) or Sentence("the document"),
            shown=shown,
            expected=expected,
        )
        self.append(Finding(path, shown, expected, text))

    def hide(self, path: Path, expected: str, message: str) -> None:
        """Note an error whose value may be a secret and is not repeated."""
        self.append(Finding(path, Sentence("(not shown)"), expected, message))

    def unknown(self, path: Path, known: tuple[str, ...]) -> None:
        """Note a key that a spec does not have. Its value is not repeated: it may be a secret."""
        key = str(path[-1])
        expected = Sentence("one of {known}", known=", ".join(known))
        near = nearest(key, known)
        message = (
            Sentence("unknown key {key}. Did you mean {near}?", key=repr(key), near=repr(near))
            if near
            else Sentence("unknown key {key}; expected {expected}", key=repr(key), expected=expected)
        )
        self.append(Finding(path, key, expected, message))


def show(value: Any) -> str:
    """A short repr of at most 80 characters; the user and password of an address are left out."""
    if isinstance(value, dict):
        keys = USERINFO.sub("***@", ", ".join(str(key)[:20] for key in list(value)[:4]))
        return Sentence("a mapping with {keys}", keys=_short(keys, 65)) if keys else Sentence("a mapping with no keys")
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value[:100]):
        return Sentence("a list of {count} items", count=len(value))
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return Sentence("a number of more than 60 digits")
    if isinstance(value, list):
        text = "[" + ", ".join(show(item) for item in value[:10]) + (", ...]" if len(value) > 10 else "]")
    elif isinstance(value, bool) or value is None:
        text = {True: "true", False: "false", None: "null"}[value]
    else:
        text = repr(value[:200] if isinstance(value, str) else value)
    return _short(USERINFO.sub("***@", text), SHOWN)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


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


def nearest(given: Any, known: tuple[str, ...] | list[str]) -> str:
    """Which of the `known` names was probably meant; empty if none is like it."""
    near = get_close_matches(str(given).lower()[:64], known, n=1, cutoff=0.6)
    return near[0] if near else ""


def suggested(message: str, given: Any, known: tuple[str, ...] | list[str]) -> str:
    """`message`, with a "Did you mean x?" behind it for a near miss."""
    near = nearest(given, known)
    return Sentence("{message} Did you mean {near}?", message=message, near=repr(near)) if near else message
