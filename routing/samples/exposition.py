"""Reads the Prometheus text format within bounds: only the metrics that are asked for, and never an exception.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4). Text that does not end with a line feed
was cut off; its last line may hold half a number and is left out.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

LONGEST = 8 * 1024 * 1024
"""Bytes of one exposition. A node of 16 devices with every DCGM field gives about 0.5 MB."""
LONGEST_LINE = 16 * 1024
MOST_SAMPLES = 50_000
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
# Possessive, because a hostile line must not be tried in every way: it would take seconds.
_REST = re.compile(r"[ \t]*+(?:\{(.*)\})?+[ \t]*+(\S++)(?:[ \t]++-?[0-9]++)?+[ \t]*+")
_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]{1,3})?|[Ii]nf)|[Nn]a[Nn]")
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:,|$)')
_PAGES = ("<", "{", "[")
"""What a page of HTML and JSON begin with, which often are one line without a line feed."""
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One line of an exposition."""

    metric: str
    labels: dict[str, str]
    value: float


@dataclass(slots=True)
class Exposition:
    """What a text held: samples of the wanted metrics, and what was wrong with it: fault → its first place."""

    samples: list[MetricSample] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)


def read(body: bytes, wanted: Collection[str]) -> Exposition:
    """The samples of `wanted` metrics. A text that is no exposition has a fault and no samples."""
    if len(body) > LONGEST:
        return Exposition(faults={"too long": f"{len(body)} bytes"})
    found, lines, broken = Exposition(), 0, 0
    for line in _lines(body, found):
        lines += 1
        name = _NAME.match(line)
        if name is None or len(line) > LONGEST_LINE:
            broken += 1
            found.faults.setdefault("malformed", line[:80])
            continue
        if name[0] not in wanted:
            continue
        sample = _sample(name[0], line[name.end() :])
        if sample is None:
            found.faults.setdefault("malformed", line[:80])
        elif len(found.samples) >= MOST_SAMPLES:
            found.faults["too long"] = f"more than {MOST_SAMPLES} samples"
        else:
            found.samples.append(sample)
    if broken > lines / 2:
        return Exposition(faults={"not an exposition": found.faults["malformed"]})
    return found


def _lines(body: bytes, found: Exposition) -> Iterator[str]:
    lines = body.decode("utf-8", "replace").split("\n")
    last = lines.pop()
    for line in lines:
        text = line.strip(" \t\r")
        if text and not text.startswith("#"):
            yield text
    if last.strip():
        found.faults["cut off"] = last[:80]
        if last.lstrip().startswith(_PAGES):
            yield last


def _sample(metric: str, rest: str) -> MetricSample | None:
    parts = _REST.fullmatch(rest)
    if parts is None or _NUMBER.fullmatch(parts[2]) is None:
        return None
    labels = _labels(parts[1] or "")
    return None if labels is None else MetricSample(metric, labels, float(parts[2]))


def _labels(text: str) -> dict[str, str] | None:
    labels: dict[str, str] = {}
    position = 0
    while position < len(text):
        label = _LABEL.match(text, position)
        if label is None or label[1] in labels:
            return None
        value = label[2]
        labels[label[1]] = _ESCAPE.sub(_unescaped, value) if "\\" in value else value
        position = label.end()
    return labels


def _unescaped(escape: re.Match[str]) -> str:
    return "\n" if escape[1] == "n" else escape[1]
