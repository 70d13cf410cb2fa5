"""Text to JSON data: JSON, or YAML as it is really published (anchors used twice, `1e-8`, dates, numeric keys)."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_BYTES = 50_000_000
MAX_DEPTH = 400
MAX_NODES = 2_000_000

_INT = re.compile(r"[-+]?[0-9]+$")
_HEX = re.compile(r"0x[0-9a-fA-F]+$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable(ValueError):
    """The text is neither JSON nor YAML, or is too large or too deep; the message says where."""


@dataclass(slots=True)
class _Open:
    """A collection that is still being filled."""

    value: Any
    anchor: str | None
    key: str | None = None
    size: int = 1
    merges: list[dict[str, Any]] = field(default_factory=list)


def load(source: Any) -> Any:
    """The JSON data of a text; a value that is not text comes back as it is. Raises Unreadable."""
    if isinstance(source, bytes):
        source = source.decode("utf-8", errors="replace")
    if not isinstance(source, str):
        return source
    if len(source) > MAX_BYTES:
        raise Unreadable(f"text of {len(source)} characters; at most {MAX_BYTES} are read")
    if source.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(source)
        except (ValueError, RecursionError):
            pass
    return _load_yaml(source)


def _load_yaml(text: str) -> Any:
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            builder.take(event)
    except yaml.YAMLError as error:
        raise Unreadable(f"neither JSON nor YAML: {' '.join(str(error).split())[:300]}") from error
    return builder.result


class _Builder:
    """Builds data from parser events. An anchor that is used twice means its latest value, as YAML 1.2 says."""

    def __init__(self) -> None:
        self.result: Any = None
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._count = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        """Use one parser event."""
        if isinstance(event, yaml.ScalarEvent):
            value = event.value if event.style or not event.implicit[0] else scalar(event.value)
            if event.anchor:
                self._anchors[event.anchor] = value, 1
            self._put(value, plain=event.value, size=1)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._begin({} if isinstance(event, yaml.MappingStartEvent) else [], event.anchor)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise Unreadable(f"unknown YAML alias *{event.anchor}")
            value, size = self._anchors[event.anchor]
            self._put(value, plain=event.anchor, size=size)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1

    def _begin(self, value: Any, anchor: str | None) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH} levels")
        if anchor:
            self._anchors.pop(anchor, None)
        self._stack.append(_Open(value, anchor))

    def _end(self) -> None:
        done = self._stack.pop()
        for merged in done.merges:
            for name, item in merged.items():
                done.value.setdefault(name, item)
        if done.anchor:
            self._anchors[done.anchor] = done.value, done.size
        self._put(done.value, plain="", size=done.size)

    def _put(self, value: Any, plain: str, size: int) -> None:
        """Put a value of so many parts, aliases written out, if it belongs."""
        if self._stack:
            self._stack[-1].size += size
        self._count += 1
        if self._count > MAX_NODES or size > MAX_NODES:
            raise Unreadable(f"more than {MAX_NODES} values, aliases written out")
        if not self._stack:
            self.result = value if self._documents <= 1 else self.result
            return
        top = self._stack[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is None:
            top.key = plain if not isinstance(value, str) else value
        else:
            _set(top, value)


def _set(top: _Open, value: Any) -> None:
    key, top.key = top.key, None
    if key == "<<" and isinstance(value, dict):
        top.merges.append(value)
    elif key == "<<" and isinstance(value, list):
        top.merges.extend(item for item in value if isinstance(item, dict))
    else:
        top.value[key] = value


def scalar(text: str) -> Any:
    """A plain YAML scalar by the 1.2 core schema; dates stay text."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "0123456789+-.":
        return text
    if _INT.match(text):
        return int(text) if len(text) < 400 else text
    if _HEX.match(text):
        return int(text, 16)
    if _FLOAT.match(text):
        return float(text)
    return text
