"""What rules would do now: before they are kept, and for a person who wonders."""

from dataclasses import dataclass

import redis

from controlplane.base import access
from controlplane.base.messages import Sentence
from controlplane.base.refusals import TryLater
from registry.specfile.errors import SpecError
from routing.alerts.language.evaluating import RuleFindings, evaluate
from routing.alerts.language.parsing import parse
from routing.alerts.observing import FleetWatch, wanted_by
from routing.alerts.rule_file import read_rules

SHOWN = 10
CHECK_SECONDS = 10.0
"""The step of history for functions over time: a page waits for it."""


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """For how many subjects a rule holds now, the first of them with values, and of how many too little is known."""

    name: str
    kind: str
    holds: int
    unknown: int
    subjects: dict[str, float]


@dataclass(frozen=True, slots=True)
class CheckedRules:
    """Every rule of a file; none if it has errors."""

    rules: tuple[CheckedRule, ...]
    errors: tuple[SpecError, ...]


def check(actor: access.Actor | None, text: str | bytes, file: str = "<paste>") -> CheckedRules:
    """For whom the rules of a file hold at this moment, `for` left out. Raises Forbidden, TryLater without Redis."""
    access.require(actor, "alert.read")
    found = read_rules(text, file)
    if found.errors:
        return CheckedRules((), found.errors)
    expressions = {draft.name: parse(draft.expr) for draft in found.rules}
    fleet = FleetWatch(step=CHECK_SECONDS, listening_since=1.0, looked_at=float("inf"))
    try:
        values, now = fleet.look(wanted_by(expressions.values()))
    except redis.RedisError as error:
        raise TryLater(Sentence("Redis does not answer, so nothing is known of the fleet now"), 5) from error
    checked = (_told(name, evaluate(one, values, now)) for name, one in expressions.items())
    return CheckedRules(tuple(checked), ())


def _told(name: str, findings: RuleFindings) -> CheckedRule:
    holding = findings.holding()
    shown = {subject: float(findings.vector.values[row]) for subject, row in list(holding.items())[:SHOWN]}
    return CheckedRule(name, findings.kind, len(holding), len(findings.unknown()), shown)
