"""YAML text to plain values with line numbers, in one pass over the parser's events and within fixed bounds.

Scalars follow YAML 1.2's core schema (yes, no, on and 2026-01-01 stay text). Anchors, aliases, tags and several
documents are refused: without aliases no small file can grow.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from controlplane.base.messages import Sentence
from registry.specfile.errors import Finding, Path, show

MAX_BYTES = 20_000_000
MAX_NODES = 1_000_000
MAX_DEPTH = 24
MAX_DIGITS = 40

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,16}")
DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]{1,3})?")
CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
PROBLEMS = (
    Sentence("while parsing a flow mapping: did not find expected ',' or '}'"),
    Sentence("while parsing a flow sequence: did not find expected ',' or ']'"),
    Sentence("while parsing a flow node: did not find expected node content"),
    Sentence("while parsing a block node: did not find expected node content"),
    Sentence("while parsing a block mapping: did not find expected key"),
    Sentence("while parsing a block collection: did not find expected '-' indicator"),
    Sentence("mapping values are not allowed in this context"),
    Sentence("while scanning a simple key: could not find expected ':'"),
    Sentence("while scanning a quoted scalar: found unexpected end of stream"),
    Sentence("while scanning for the next token: found character that cannot start any token"),
    Sentence("did not find expected <document start>"),
)
"""What the YAML parser says most."""
NO_KEY = object()


A_FILE = Sentence("a YAML file")


class TextInvalid(Exception):
    """Text that is not acceptable YAML at all. `line` counts from 1, 0 if unknown."""

    def __init__(self, message: str, line: int = 0, given: str = "", expected: str = A_FILE) -> None:
        super().__init__(message)
        self.line, self.given, self.expected = line, given, expected


@dataclass(frozen=True, slots=True)
class Tree:
    """A parsed file: its value, the line of every key and item (by the container's id), and what is wrong inside it."""

    value: Any
    lines: dict[int, dict[str | int, int]]
    findings: tuple[Finding, ...]

    def line(self, path: Path) -> int:
        """The line of the deepest part of `path` that exists."""
        node, line = self.value, 1
        for part in path:
            line = self.lines.get(id(node), {}).get(part, line)
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                break
        return line


@dataclass(slots=True)
class Frame:
    """A container being filled, which hangs `under` a key or index. `key` is the key that waits for its value."""

    container: Any
    lines: dict[str | int, int]
    under: str | int
    key: Any = NO_KEY
    line: int = 0


@dataclass(slots=True)
class TreeBuilder:
    """Collects events into values."""

    frames: list[Frame] = field(default_factory=list)
    lines: dict[int, dict[str | int, int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    nodes: int = 0
    documents: int = 0
    value: Any = None

    def take(self, event: yaml.Event) -> None:
        """Take the parser's next event; raises TextInvalid if a bound is passed."""
        if isinstance(event, yaml.ScalarEvent):
            self.scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self.start(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self.frames.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise TextInvalid(
                Sentence("the alias *{anchor} is not accepted; write the value out", anchor=str(event.anchor)),
                line_of(event),
                f"*{event.anchor}",
            )
        elif isinstance(event, yaml.DocumentStartEvent):
            self.document(event)

    def document(self, event: yaml.Event) -> None:
        """Allow one document a file."""
        self.documents += 1
        if self.documents > 1:
            raise TextInvalid(
                Sentence("the file holds several YAML documents; put all models in one list"), line_of(event), "---"
            )

    def scalar(self, event: yaml.ScalarEvent) -> None:
        """Place a scalar as a key or a value."""
        self.count(event)
        frame = self.frames[-1] if self.frames else None
        if frame is not None and isinstance(frame.container, dict) and frame.key is NO_KEY:
            frame.key, frame.line = event.value, line_of(event)
            return
        plain = event.implicit[0] and not event.style
        self.place(resolve(event.value) if plain else event.value, line_of(event))

    def start(self, event: yaml.Event) -> None:
        """Open a mapping or a list."""
        self.count(event)
        line = line_of(event)
        if len(self.frames) >= MAX_DEPTH:
            raise TextInvalid(
                Sentence("nested deeper than {most} levels", most=MAX_DEPTH),
                line,
                Sentence("a nested value"),
                Sentence("a flatter file"),
            )
        container: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        frame = self.frames[-1] if self.frames else None
        if frame is not None and isinstance(frame.container, dict) and frame.key is NO_KEY:
            raise TextInvalid(
                Sentence("a list or mapping cannot be a key"), line, Sentence("a complex key"), Sentence("a plain name")
            )
        under = "" if frame is None else len(frame.container) if isinstance(frame.container, list) else frame.key
        self.place(container, line)
        lines: dict[str | int, int] = {}
        self.lines[id(container)] = lines
        self.frames.append(Frame(container, lines, under))

    def count(self, event: Any) -> None:
        """Hold the bounds on nodes and refuse anchors and tags."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise TextInvalid(
                Sentence("more than {most} values; split the file", most=f"{MAX_NODES:,}"), line_of(event)
            )
        if event.anchor:
            raise TextInvalid(
                Sentence("the anchor &{anchor} is not accepted; write the value out", anchor=str(event.anchor)),
                line_of(event),
                f"&{event.anchor}",
            )
        if event.tag is not None and event.tag != "!":
            raise TextInvalid(
                Sentence("the tag {tag} is not accepted; leave it out", tag=event.tag),
                line_of(event),
                show(event.tag),
                Sentence("a plain value"),
            )

    def place(self, value: Any, line: int) -> None:
        """Put `value` where the innermost open container wants it."""
        if not self.frames:
            self.value = value
            return
        frame = self.frames[-1]
        if isinstance(frame.container, list):
            frame.lines[len(frame.container)] = line
            frame.container.append(value)
            return
        key, frame.key = frame.key, NO_KEY
        if key in frame.container:
            first = frame.lines[key]
            self.findings.append(
                Finding(
                    (*self.path(), key),
                    Sentence("{key} twice", key=repr(key)[:74]),
                    Sentence("each key once"),
                    Sentence(
                        "the key {key} is already set in line {first}; remove one of the two",
                        key=repr(key[:40]),
                        first=first,
                    ),
                    frame.line,
                )
            )
            return
        frame.container[key] = value
        frame.lines[key] = frame.line

    def path(self) -> Path:
        """The path of the innermost open container."""
        return tuple(frame.under for frame in self.frames[1:])


def load(text: str | bytes) -> Tree:
    """Parse YAML `text` of at most 20 MB. Raises TextInvalid."""
    source = decoded(text)
    builder = TreeBuilder()
    try:
        for event in events(source):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise TextInvalid(*explain(error, source, mark.line + 1 if mark else 0)) from error
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        line = source.count("\n", 0, position if isinstance(position, int) else 0) + 1
        raise TextInvalid(
            Sentence("the file holds a control character; remove it"), line, Sentence("a control character")
        ) from error
    return Tree(builder.value, builder.lines, tuple(builder.findings))


def events(source: str) -> Iterator[yaml.Event]:
    """The parser's events."""
    parsed: Iterator[yaml.Event] = yaml.parse(source, Loader=LOADER)
    return parsed


def decoded(text: str | bytes) -> str:
    """`text` as str. Raises TextInvalid if it is too large, not UTF-8 or holds NUL."""
    if len(text) > MAX_BYTES:
        raise TextInvalid(
            Sentence(
                "the file is larger than {most} MB, the most that is accepted; split it", most=MAX_BYTES // 1_000_000
            ),
            given=Sentence("{most} bytes or more", most=MAX_BYTES + 1),
            expected=Sentence("at most {most} bytes", most=MAX_BYTES),
        )
    try:
        raw = text if isinstance(text, bytes) else text.encode()
        source = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise TextInvalid(
            Sentence("the file is not UTF-8; save it as UTF-8"), line, Sentence("other bytes"), Sentence("UTF-8 text")
        ) from error
    except UnicodeEncodeError as error:
        raise TextInvalid(
            Sentence("the text holds half a surrogate pair"), 0, Sentence("a lone surrogate"), Sentence("UTF-8 text")
        ) from error
    if "\0" in source:
        line = source.count("\n", 0, source.index("\0")) + 1
        raise TextInvalid(
            Sentence("the file holds a NUL character; is it a binary file?"), line, "NUL", Sentence("UTF-8 text")
        )
    return source


def explain(error: yaml.MarkedYAMLError, source: str, line: int) -> tuple[str, int, str, str]:
    """Message, line, given and expected for a syntax error."""
    lines = source.splitlines()
    given = show(lines[line - 1].strip()) if 0 < line <= len(lines) else ""
    line = min(line, max(len(lines), 1))
    start = lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())] if lines else ""
    if "\t" in start:
        return Sentence("a tab is used for indentation; YAML allows spaces only"), line, given, Sentence("spaces")
    return Sentence("not valid YAML: {problem}", problem=problem_of(error)), line, given, Sentence("valid YAML")


def problem_of(error: yaml.MarkedYAMLError) -> str:
    """What the parser says of an error; its most frequent words are sentences, which pages tell in any language."""
    said = f"{error.context}: {error.problem}" if error.context else str(error.problem)
    return next((sentence for sentence in PROBLEMS if sentence == said), said)


def line_of(event: Any) -> int:
    """The event's line, counted from 1."""
    return int(event.start_mark.line) + 1


def resolve(text: str) -> Any:
    """A plain scalar's value: null, bool, int, float or str. A number of absurd size stays text, of the wrong type."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text[0] not in "0123456789+-." or len(text) > MAX_DIGITS:
        return text
    if INTEGER.fullmatch(text):
        return int(text)
    if HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if DECIMAL.fullmatch(text):
        number = float(text)
        return text if number in (float("inf"), float("-inf")) else number
    return text
