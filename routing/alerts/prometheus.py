"""Rules as Prometheus' own, over the families of /metrics: those whose series are there.

Devices are patchbay_device_… and engines patchbay_engine_…; what Patchbay knows of sources and of calls is no family of
this kind, and rules over it are left out.
"""

from collections.abc import Sequence

import yaml

from routing.alerts.language.expressions import (
    Aggregation,
    AlertNumber,
    Arithmetic,
    Comparison,
    Expression,
    Logic,
    OverTime,
    SeriesSelector,
)
from routing.alerts.language.parsing import parse
from routing.alerts.language.vocabulary import FACTS
from routing.alerts.rule_file import RuleDraft, duration
from routing.samples.dimensions import SERIES

HEAD = """\
# The rules that come with Patchbay, for a Prometheus that scrapes its /metrics. Rules over telemetry sources and over
# calls are left out: their series are not there. Written by `python -m tests.prometheus_rules`; a test holds it.
"""
PREFIXES = {"device": "patchbay_device_", "engine": "patchbay_engine_"}
OURS = {"device_silent_seconds": "patchbay_device_age_seconds"}
SUBJECT = {"device": "device", "engine": "endpoint"}


class NotOnMetrics(Exception):
    """A series that /metrics does not have."""


def exported(rules: Sequence[RuleDraft]) -> tuple[str, tuple[str, ...]]:
    """The text of a rule file, and the names of the rules that cannot be written."""
    found, left = [], []
    for rule in rules:
        try:
            found.append(_rule(rule))
        except NotOnMetrics:
            left.append(rule.name)
    groups = {"groups": [{"name": "patchbay", "rules": found}]}
    return HEAD + yaml.safe_dump(groups, sort_keys=False, allow_unicode=True, width=110), tuple(left)


def _rule(rule: RuleDraft) -> dict[str, object]:
    expression = parse(rule.expr)
    subject = SUBJECT.get(str(expression.shape.kind), "")
    words = {
        name: text.replace("{{ $labels.subject }}", f"{{{{ $labels.{subject} }}}}")
        for name, text in rule.annotations.items()
    }
    entry: dict[str, object] = {"alert": rule.name, "expr": promql(expression.tree), "for": duration(rule.for_s)}
    entry |= {"keep_firing_for": duration(rule.keep_s)} if rule.keep_s else {}
    return {**entry, "labels": dict(rule.labels), "annotations": words}


def promql(tree: Expression) -> str:
    """An expression in PromQL. Raises NotOnMetrics."""
    match tree:
        case AlertNumber():
            return f"{tree.value:g}"
        case SeriesSelector():
            told = ", ".join(one.told() for one in tree.matchers)
            return _family(tree.series) + (f"{{{told}}}" if told else "")
        case OverTime():
            return f"{tree.function}({promql(tree.selector)}[{duration(tree.seconds)}])"
        case Aggregation():
            by = f" by ({', '.join(tree.by)})" if tree.by else ""
            return f"{tree.reduction}{by} ({promql(tree.inner)})"
        case Arithmetic() | Comparison() | Logic():
            return f"{_inner(tree.left)} {tree.op} {_inner(tree.right)}"


def _inner(tree: Expression) -> str:
    text = promql(tree)
    return f"({text})" if isinstance(tree, Arithmetic | Comparison | Logic) else text


def _family(series: str) -> str:
    if series in OURS:
        return OURS[series]
    if series not in SERIES:
        raise NotOnMetrics(series)
    return PREFIXES[FACTS[series].kind] + series
