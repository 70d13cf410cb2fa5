"""Small fleets of values, for expressions."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from routing.alerts.language.evaluating import RuleFindings, SubjectRoster, SubjectValues, evaluate
from routing.alerts.language.parsing import parse
from routing.alerts.language.vocabulary import KINDS, SubjectKind
from routing.alerts.language.windows import SeriesWindow

NOW = 1_800_000_000.0
NAN = math.nan
Rows = Mapping[str, Sequence[float]]


def devices(
    columns: Rows, history: Mapping[str, Sequence[Sequence[float]]] | None = None, tick: float = 2.0
) -> "Fleet":
    """Devices GPU-0, GPU-1 … two on each node; `history` holds rows of all devices, the oldest first."""
    count = len(next(iter(columns.values()), next(iter((history or {}).values()), [[]])[0]))
    labels = tuple(
        {"node": f"node-{number // 2}", "vendor": "amd" if number % 2 else "nvidia", "rack": f"r{number // 4}"}
        for number in range(count)
    )
    roster = SubjectRoster("device", tuple(f"GPU-{number}" for number in range(count)), labels)
    windows = {}
    for series, rows in (history or {}).items():
        windows[series] = SeriesWindow(600.0)
        for back, row in enumerate(rows):
            windows[series].add(NOW - tick * (len(rows) - 1 - back), np.array(row, float))
    values = SubjectValues(roster, {name: np.array(column, float) for name, column in columns.items()}, windows)
    return {**nothing(), "device": values}


Fleet = dict[SubjectKind, SubjectValues]


def nothing() -> Fleet:
    return {kind: SubjectValues(SubjectRoster(kind, (), ()), {}) for kind in KINDS}


def found(expr: str, fleet: Fleet) -> RuleFindings:
    return evaluate(parse(expr), fleet, NOW)


def holding(expr: str, fleet: Fleet) -> dict[str, float]:
    """Subjects for which the expression holds, with the value."""
    findings = found(expr, fleet)
    return {subject: float(findings.vector.values[row]) for subject, row in findings.holding().items()}
