"""Rules as Prometheus' own, over the families of /metrics: those whose series are there.

Devices are patchbay_device_…, engines patchbay_engine_…, and what gateways count of a model's calls is summed up by
model. What else Patchbay knows is no family of this kind, and rules over it are left out and named.
"""

from collections.abc import Sequence

import yaml

from routing.alerts.language.expressions import (
    Aggregation,
    AlertNumber,
    Arithmetic,
    BitTest,
    Comparison,
    Expression,
    Logic,
    OverTime,
    SeriesSelector,
    selectors,
)
from routing.alerts.language.parsing import parse
from routing.alerts.language.vocabulary import FACTS
from routing.alerts.rule_file import RuleDraft, duration
from routing.samples.dimensions import SERIES

HEAD = """\
# The rules that come with Patchbay, for a Prometheus that scrapes its /metrics. One bit of a mask is read by
# arithmetic, since PromQL has no bits. Written by `python -m tests.prometheus_rules`; a test holds it.
"""
LEFT_OUT = "# Left out, since /metrics does not have what they read:\n"
PREFIXES = {"device": "patchbay_device_", "engine": "patchbay_engine_"}
OURS = {"device_silent_seconds": "patchbay_device_age_seconds"}
_CALLS = "sum by (model) (rate(patchbay_calls_total{%s}[1m]))"
_FAILED, _SERVED = 'failure!="",status!~"4.."', 'status!~"4[0-8].|49[0-8]"'
MODELS = {
    "model_calls_per_second": _CALLS % "%s",
    "model_error_ratio": f"{_CALLS} / {_CALLS}" % (f"%s{_FAILED}", f"%s{_SERVED}"),
    "model_calls_in_flight": "sum by (model) (patchbay_model_calls_in_flight{%s})",
}
"""What gateways count, by model; %s takes matchers."""
SUBJECT = {"device": "device", "engine": "endpoint"}


class NotOnMetrics(Exception):
    """A series that /metrics does not have."""


def exported(rules: Sequence[RuleDraft]) -> tuple[str, tuple[str, ...]]:
    """The text of a rule file, and the rules that cannot be written, each with what it reads."""
    found, left = [], []
    for rule in rules:
        try:
            found.append(_rule(rule))
        except NotOnMetrics as missing:
            left.append(f"{rule.name} ({missing})")
    head = HEAD + (LEFT_OUT + "".join(f"# - {one}\n" for one in left) if left else "")
    groups = {"groups": [{"name": "patchbay", "rules": found}]}
    return head + yaml.safe_dump(groups, sort_keys=False, allow_unicode=True, width=110), tuple(left)


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
        case SeriesSelector() if FACTS[tree.series].kind == "model":
            return _of_model(tree)
        case SeriesSelector():
            told = ", ".join(one.told() for one in tree.matchers)
            return _family(tree.series) + (f"{{{told}}}" if told else "")
        case OverTime():
            step = ":2s" if FACTS[tree.selector.series].kind == "model" else ""
            return f"{tree.function}({promql(tree.selector)}[{duration(tree.seconds)}{step}])"
        case Aggregation():
            if inner := next((one for one, _ in selectors(tree.inner) if FACTS[one.series].kind == "model"), None):
                _only_by_model(inner.series, tree.by)
            by = f" by ({', '.join(tree.by)})" if tree.by else ""
            return f"{tree.reduction}{by} ({promql(tree.inner)})"
        case BitTest():
            mask = promql(tree.mask)
            return f"{mask} and (floor({mask} / {tree.bit}) % 2 == 1)"
        case Arithmetic() | Comparison() | Logic():
            return f"{_inner(tree.left)} {tree.op} {_inner(tree.right)}"


def _inner(tree: Expression) -> str:
    text = promql(tree)
    return f"({text})" if isinstance(tree, Arithmetic | Comparison | BitTest | Logic) else text


def _of_model(tree: SeriesSelector) -> str:
    if tree.series not in MODELS:
        raise NotOnMetrics(tree.series)
    _only_by_model(tree.series, [one.name for one in tree.matchers])
    text = MODELS[tree.series]
    told = "".join(f"{one.told()}," for one in tree.matchers)
    filled = text % ((told,) * text.count("%s"))
    return f"({filled.replace('{}', '')})"


def _only_by_model(series: str, labels: Sequence[str]) -> None:
    for name in labels:
        if name != "model":
            raise NotOnMetrics(f"{series} by {name}")


def _family(series: str) -> str:
    if series in OURS:
        return OURS[series]
    if series not in SERIES:
        raise NotOnMetrics(series)
    return PREFIXES[FACTS[series].kind] + series
