"""From samples of an exposition to readings: our series, in our units, each value checked; what lies is told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from routing.samples.dimensions import SERIES
from routing.samples.exposition import MetricSample, read

MOST_SUBJECTS = 4096
MOST_COMPLAINTS = 50


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a source says that cannot be true: one of `faults.FAULTS`, of which metric of which device, the value."""

    fault: str
    metric: str = ""
    subject: str = ""
    value: str = ""


@dataclass(slots=True)
class Observed:
    """What was read of one device, or of one model in a model server. `values` lacks the series that were not given."""

    labels: dict[str, str] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceReading:
    """What one look at a source gave: subjects by their identity, and complaints."""

    subjects: dict[str, Observed] = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """How one metric becomes a series: times `scale`, only with the labels in `where`.

    `several`: what several samples of one subject mean. "same" refuses two values, "sum" and "max" join them,
    "count" counts them. What differs in the label `apart` is joined so for each of its values, and these are added.
    """

    series: str
    scale: float = 1.0
    where: tuple[tuple[str, str], ...] = ()
    several: Literal["same", "sum", "max", "count"] = "same"
    apart: str = ""

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether a sample with these labels counts."""
        return all(labels.get(name) == value for name, value in self.where)


@dataclass(frozen=True, slots=True)
class TelemetrySource:
    """What a collector knows of its source: rules by metric, labels that identify a subject, and labels to keep.

    The first metric of `rules` that gives a series for a subject wins, so newer names stand before older ones.
    `identity`: alternatives, of which the first that a sample has counts; its labels are joined by "/". Without an
    identity the source speaks of one subject, whose identity is empty. `blanks`: values that mean "not known".
    """

    name: str
    rules: Mapping[str, tuple[Rule, ...]]
    identity: tuple[tuple[str, ...], ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    blanks: frozenset[float] = frozenset()


def reading(body: bytes, source: TelemetrySource) -> SourceReading:
    """What `body`, the source's exposition, says. Never raises; whatever is wrong with it is among the complaints."""
    exposition = read(body, source.rules)
    complaints = [Complaint(fault, value=place) for fault, place in exposition.faults.items()]
    by_metric: dict[str, list[MetricSample]] = {}
    for sample in exposition.samples:
        by_metric.setdefault(sample.metric, []).append(sample)
    found: dict[str, Observed] = {}
    doubted: set[tuple[str, str]] = set()
    for metric, rule in ((metric, rule) for metric, rules in source.rules.items() for rule in rules):
        taken = _joined(by_metric.get(metric, ()), rule, source, complaints)
        for subject, (value, labels) in taken.items():
            if subject not in found and len(found) >= MOST_SUBJECTS:
                complaints.append(Complaint("too many devices", metric, subject))
                continue
            one = found.setdefault(subject, Observed())
            one.labels.update(labels)
            if value is None:
                doubted.add((subject, rule.series))
            elif rule.series not in one.values and (subject, rule.series) not in doubted:
                one.values[rule.series] = value
    return SourceReading(found, tuple(complaints[:MOST_COMPLAINTS]))


Taken = dict[str, tuple[float | None, dict[str, str]]]


def _joined(
    samples: list[MetricSample] | tuple[()], rule: Rule, source: TelemetrySource, complaints: list[Complaint]
) -> Taken:
    groups: dict[str, list[MetricSample]] = {}
    for sample in samples:
        groups.setdefault(sample.labels.get(rule.apart, ""), []).append(sample)
    taken: Taken = {}
    for group in groups.values():
        for subject, (value, labels) in _of_group(group, rule, source, complaints).items():
            before = taken.get(subject, (0.0, {}))[0]
            taken[subject] = (None if before is None or value is None else before + value, labels)
    return taken


def _of_group(samples: list[MetricSample], rule: Rule, source: TelemetrySource, complaints: list[Complaint]) -> Taken:
    taken: Taken = {}
    for sample in samples:
        subject = identity(sample, source)
        if sample.value in source.blanks or not rule.takes(sample.labels):
            continue
        if subject is None:
            complaints.append(Complaint("no identity", sample.metric))
            continue
        value = 1.0 if rule.several == "count" else sample.value * rule.scale
        fault = SERIES[rule.series].fault(value)
        if fault:
            complaints.append(Complaint(fault, sample.metric, subject, repr(sample.value)))
            taken[subject] = (None, dict(_kept(sample, source)))
            continue
        if subject not in taken:
            taken[subject] = (value, dict(_kept(sample, source)))
            continue
        together = _together(taken[subject][0], value, rule)
        if together is None and taken[subject][0] is not None:
            complaints.append(Complaint("two values", sample.metric, subject, repr(sample.value)))
        taken[subject] = (together, taken[subject][1])
    return taken


def _together(first: float | None, second: float, rule: Rule) -> float | None:
    if first is None:
        return None
    if rule.several == "max":
        return max(first, second)
    if rule.several in ("sum", "count"):
        return first + second
    return first if first == second else None


def identity(sample: MetricSample, source: TelemetrySource) -> str | None:
    """Which subject a sample is of; None if it does not say."""
    if not source.identity:
        return ""
    for alternative in source.identity:
        parts = [sample.labels.get(name, "") for name in alternative]
        if parts[0]:
            return printable("/".join(part for part in parts if part)[:200])
    return None


def _kept(sample: MetricSample, source: TelemetrySource) -> Iterator[tuple[str, str]]:
    for ours, theirs in source.labels.items():
        if value := sample.labels.get(theirs):
            yield ours, printable(value[:200])


def printable(text: str) -> str:
    """Text that can be shown and stored: what is no printable character is a dot."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "·" for one in text)
