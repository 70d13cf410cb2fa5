"""Writes the Prometheus text format 0.0.4: families of samples, for tens of thousands of lines a scrape.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

FamilyKind = Literal["gauge", "counter", "histogram"]
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")
"""What no reader shows, and Prometheus' lexer takes for an end (NUL): told as U+FFFD."""


@dataclass(slots=True)
class MetricFamily:
    """A metric with its samples: pairs of labels, as `labels` writes them, and a value. Counters end in _total."""

    name: str
    kind: FamilyKind
    help: str
    samples: list[tuple[str, float]] = field(default_factory=list)

    def add(self, value: float, **given: str) -> None:
        """A sample with these labels."""
        self.samples.append((labels(given), value))


def labels(given: Mapping[str, str]) -> str:
    """Labels in braces, by name; nothing if there are none."""
    if not given:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(given[name])}"' for name in sorted(given)) + "}"


def _escaped(value: str) -> str:
    if value.isalnum():
        return value
    return _CONTROL.sub("\ufffd", value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def histogram(
    family: MetricFamily, given: Mapping[str, str], buckets: Iterable[tuple[str, float]], total: float
) -> None:
    """Add the buckets of one histogram (upper bound, samples up to it; the last is +Inf), their sum and their count."""
    count = 0.0
    for bound, count in buckets:
        family.samples.append((f"_bucket{labels({**given, 'le': bound})}", count))
    plain = labels(given)
    family.samples += [(f"_count{plain}", count), (f"_sum{plain}", total)]


def written(families: Iterable[MetricFamily]) -> bytes:
    """The text of families. One without samples is left out."""
    parts: list[str] = []
    for one in families:
        if not one.samples:
            continue
        words = one.help.replace("\\", "\\\\").replace("\n", "\\n")
        name = one.name
        parts.append(f"# HELP {name} {words}\n# TYPE {name} {one.kind}\n")
        parts += [f"{name}{told} {_number(value)}\n" for told, value in one.samples]
    return "".join(parts).encode()


def _number(value: float) -> str:
    """A float as Prometheus reads it back."""
    if value != value:
        return "NaN"
    text = repr(float(value))
    return {"inf": "+Inf", "-inf": "-Inf"}.get(text, text)
