"""Expressions over arrays: every subject of a kind at once.

A value can be there, known to be absent (a comparison that does not hold, a label that does not match), or not known
for want of data. What is not known is neither true nor false, and `and`, `or`, `unless` carry that on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from routing.alerts.language.expressions import (
    Aggregation,
    AlertNumber,
    Arithmetic,
    BitTest,
    Comparison,
    Expression,
    Logic,
    OverTime,
    Reduction,
    RuleExpression,
    SeriesSelector,
    selectors,
)
from routing.alerts.language.matching import Matcher, all_match
from routing.alerts.language.vocabulary import FACTS, SubjectKind
from routing.alerts.language.windows import SeriesWindow
from routing.samples.frames import Array

Labels = Mapping[str, str]


@dataclass(frozen=True)
class SubjectRoster:
    """The subjects of a kind with their labels, in the order of every column."""

    kind: SubjectKind
    subjects: tuple[str, ...]
    labels: tuple[Labels, ...]
    _masks: dict[tuple[Matcher, ...], Array] = field(default_factory=dict)
    _groups: dict[tuple[str, ...], "SubjectGroups"] = field(default_factory=dict)

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """The row of each subject."""
        return {subject: row for row, subject in enumerate(self.subjects)}

    def mask(self, matchers: tuple[Matcher, ...]) -> Array:
        """Which subjects match."""
        if matchers not in self._masks:
            self._masks[matchers] = np.array([all_match(matchers, labels) for labels in self.labels], bool)
        return self._masks[matchers]

    def groups(self, by: tuple[str, ...]) -> "SubjectGroups":
        """The subjects in groups that have the same values of the labels `by`."""
        if by not in self._groups:
            keys: dict[tuple[str, ...], int] = {}
            rows = [keys.setdefault(tuple(labels.get(name, "") for name in by), len(keys)) for labels in self.labels]
            told = tuple(dict(zip(by, key, strict=True)) for key in keys)
            names = tuple(", ".join(f"{name}={value}" for name, value in one.items()) or "all" for one in told)
            self._groups[by] = SubjectGroups(names, told, np.array(rows, int))
        return self._groups[by]


@dataclass(frozen=True, slots=True)
class SubjectGroups:
    """Groups by name with their labels, and the group of each subject."""

    subjects: tuple[str, ...]
    labels: tuple[Labels, ...]
    of: Array


@dataclass(frozen=True, slots=True)
class SubjectValues:
    """What is known of a kind's subjects now: a column a series, NaN where nothing is known, and windows back."""

    roster: SubjectRoster
    columns: Mapping[str, Array]
    windows: Mapping[str, SeriesWindow] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertVector:
    """Values of all subjects or groups; one without a value is `known` to have none, or not known."""

    values: Array
    known: Array

    @property
    def there(self) -> Array:
        """Which have a value."""
        found: Array = self.known & ~np.isnan(self.values)
        return found


@dataclass(frozen=True, slots=True)
class RuleFindings:
    """What a rule finds: by subject or group whether its condition holds, and with which value."""

    kind: str
    subjects: tuple[str, ...]
    labels: tuple[Labels, ...]
    vector: AlertVector

    def holding(self) -> dict[str, int]:
        """Subjects for which the condition holds, with their rows."""
        return {self.subjects[row]: int(row) for row in np.flatnonzero(self.vector.there)}

    def unknown(self) -> frozenset[str]:
        """Subjects of which too little is known."""
        return frozenset(self.subjects[row] for row in np.flatnonzero(~self.vector.known))


def evaluate(rule: RuleExpression, values: Mapping[SubjectKind, SubjectValues], now: float) -> RuleFindings:
    """Whether the expression holds for each subject, as of `now` (Unix time)."""
    assert rule.shape.kind is not None
    roster = values[rule.shape.kind].roster
    vector = _Evaluation(values, now).vector(rule.tree)
    if rule.shape.by is None:
        return RuleFindings(roster.kind, roster.subjects, roster.labels, vector)
    groups = roster.groups(rule.shape.by)
    return RuleFindings("group", groups.subjects, groups.labels, vector)


class _Evaluation:
    def __init__(self, values: Mapping[SubjectKind, SubjectValues], now: float) -> None:
        self._values, self._now = values, now

    def vector(self, tree: Expression) -> AlertVector:
        """The value of a part: arrays of subjects or groups, or one number for all."""
        match tree:
            case AlertNumber():
                return AlertVector(np.array(tree.value), np.array(True))
            case SeriesSelector():
                return self._selected(tree, None)
            case OverTime():
                return self._selected(tree.selector, tree)
            case BitTest():
                return self._masked(tree)
            case Aggregation():
                return self._aggregated(tree)
            case Logic():
                return _joined(tree.op, self.vector(tree.left), self.vector(tree.right))
            case Arithmetic() | Comparison():
                return self._both(tree)

    def _selected(self, tree: SeriesSelector, over: OverTime | None) -> AlertVector:
        of = self._values[FACTS[tree.series].kind]
        count = len(of.roster.subjects)
        if over is None:
            column = of.columns.get(tree.series)
        else:
            window = of.windows.get(tree.series)
            column = None if window is None else window.over(over.function, over.seconds, self._now)
        values = column if column is not None and len(column) == count else np.full(count, np.nan)
        known = ~np.isnan(values)
        if tree.matchers:
            meant = of.roster.mask(tree.matchers)
            return AlertVector(np.where(meant, values, np.nan), known | ~meant)
        return AlertVector(values, known)

    def _masked(self, tree: BitTest) -> AlertVector:
        mask = self._selected(tree.mask, None)
        bits = np.where(mask.there, mask.values, 0.0).astype(np.int64)
        return AlertVector(np.where(bits & tree.bit != 0, mask.values, np.nan), mask.known)

    def _aggregated(self, tree: Aggregation) -> AlertVector:
        kind = next(FACTS[selector.series].kind for selector, _ in selectors(tree.inner))
        roster = self._values[kind].roster
        groups = roster.groups(tree.by)
        inner = self.vector(tree.inner)
        count = len(groups.subjects)
        there = inner.there
        counts = np.bincount(groups.of[there], minlength=count)
        values = _reduced(tree.reduction, inner.values[there], groups.of[there], counts)
        known = np.bincount(groups.of[inner.known], minlength=count) > 0
        return AlertVector(np.where(known, values, np.nan), known)

    def _both(self, tree: Arithmetic | Comparison) -> AlertVector:
        left, right = self.vector(tree.left), self.vector(tree.right)
        known = left.known & right.known
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            if isinstance(tree, Arithmetic):
                values = _ARITHMETIC[tree.op](left.values, right.values)
                impossible = left.there & right.there & ~np.isfinite(values)
                return AlertVector(np.where(np.isfinite(values), values, np.nan), known & ~impossible)
            holds = _COMPARISONS[tree.op](left.values, right.values) & left.there & right.there
        kept = left.values if left.values.ndim else right.values
        return AlertVector(np.where(holds, kept, np.nan), known)


def _joined(op: str, left: AlertVector, right: AlertVector) -> AlertVector:
    """Two conditions, each true, false or not known."""
    yes, also = left.there, right.there
    no, not_also = left.known & ~yes, right.known & ~also
    if op == "or":
        return AlertVector(np.where(yes, left.values, right.values), yes | also | (no & not_also))
    if op == "unless":
        also, not_also = not_also, also
    return AlertVector(np.where(yes & also, left.values, np.nan), (yes & also) | no | not_also)


def _reduced(reduction: Reduction, values: Array, groups: Array, counts: Array) -> Array:
    """One value a group, NaN for a group without any; a count is 0 then."""
    if reduction == "count":
        return counts.astype(float)
    if reduction in ("sum", "avg"):
        total = np.bincount(groups, weights=values, minlength=len(counts))
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Array = np.where(counts > 0, total / (counts if reduction == "avg" else 1.0), np.nan)
        return found
    extreme = np.full(len(counts), -np.inf if reduction == "max" else np.inf)
    (np.maximum if reduction == "max" else np.minimum).at(extreme, groups, values)
    return np.where(counts > 0, extreme, np.nan)


_ARITHMETIC = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
_COMPARISONS = {
    ">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip
