"""The text of a spec file to plain values with line numbers, within fixed bounds.

Anchors, aliases, tags and several documents are refused: without aliases no small file can grow.
"""

from dataclasses import dataclass
from typing import Any

import yaml

from controlplane.base.messages import Sentence
from controlplane.base.yaml_reader import RepeatedKey, YamlDialect, YamlInvalid, read_yaml
from registry.specfile.errors import Finding, Path, show

MAX_BYTES = 20_000_000
MAX_DEPTH = 24
DIALECT = YamlDialect(most_values=1_000_000, most_levels=MAX_DEPTH, most_digits=40, lines=True)
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


def load(text: str | bytes) -> Tree:
    """Parse YAML `text` of at most 20 MB. Raises YamlInvalid."""
    source = decoded(text)
    try:
        found = read_yaml(source, DIALECT)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlInvalid(*explain(error, source, mark.line + 1 if mark else 0)) from error
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        line = source.count("\n", 0, position if isinstance(position, int) else 0) + 1
        raise YamlInvalid(
            Sentence("the file holds a control character; remove it"), line, Sentence("a control character")
        ) from error
    return Tree(found.value, found.lines, tuple(map(repeated, found.repeated)))


def repeated(one: RepeatedKey) -> Finding:
    """What is wrong with a key that occurs twice: its first value counts."""
    key = str(one.path[-1])
    return Finding(
        one.path,
        Sentence("{key} twice", key=repr(key)[:74]),
        Sentence("each key once"),
        Sentence(
            "the key {key} is already set in line {first}; remove one of the two",
            key=repr(key[:40]),
            first=one.first,
        ),
        one.line,
    )


def decoded(text: str | bytes) -> str:
    """`text` as str. Raises YamlInvalid if it is too large, not UTF-8 or holds NUL."""
    if len(text) > MAX_BYTES:
        raise YamlInvalid(
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
        raise YamlInvalid(
            Sentence("the file is not UTF-8; save it as UTF-8"), line, Sentence("other bytes"), Sentence("UTF-8 text")
        ) from error
    except UnicodeEncodeError as error:
        raise YamlInvalid(
            Sentence("the text holds half a surrogate pair"), 0, Sentence("a lone surrogate"), Sentence("UTF-8 text")
        ) from error
    if "\0" in source:
        line = source.count("\n", 0, source.index("\0")) + 1
        raise YamlInvalid(
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
