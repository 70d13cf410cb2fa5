"""The watch: one look at the fleet every few seconds, in one process at a time, and what follows from it.

Everything that a look changes, the notices for receivers included, is written in one transaction under a lock. A worker
that dies in it has changed nothing, and the next one sees the states as they were.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import redis
from django.db import connection, transaction
from django.utils import timezone

from controlplane.base import advisory_locks, events, redis_names
from routing.alerts import outbox, rules, states
from routing.alerts.language.evaluating import RuleFindings, SubjectValues, evaluate
from routing.alerts.language.expressions import ExpressionInvalid, RuleExpression, first_series, threshold
from routing.alerts.language.parsing import parse
from routing.alerts.language.vocabulary import FACTS, SubjectKind
from routing.alerts.models import OPEN, Alert, AlertEnd, AlertRule, AlertState
from routing.alerts.observing import FleetWatch, wanted_by
from routing.alerts.reading import TOPIC
from routing.alerts.rule_file import filled
from routing.alerts.states import AlertTimes, OpenAlert

VALUES_SECONDS = 15.0
"""How often values of alerts that fire are brought up to date."""
MOST_OPEN = 20_000
"""The most alerts that begin in one look; those beyond begin in the next."""
KEPT = timedelta(days=30)
LONGEST_SUBJECT = 300
log = logging.getLogger(__name__)
_fleet = FleetWatch()
_told_at = [0.0]
Values = Mapping[SubjectKind, SubjectValues]


def watch(now: datetime | None = None) -> int:
    """One look. Returns how many alerts moved; 0 if another process looks now, or Redis is away."""
    try:
        with transaction.atomic():
            moved = _look(now or timezone.now()) if _alone() else 0
        events.store().set(redis_names.ALERTS_LOOKED, time.time(), ex=86_400)
        return moved
    except redis.RedisError as error:
        log.warning("alerts are not evaluated while Redis is away: %s", error)
        return 0


def begin_anew() -> None:
    """Forget what this process knows of the fleet, as after a start."""
    _fleet.forget()


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [advisory_locks.ALERTS])
        return bool(cursor.fetchone()[0])


def _look(now: datetime) -> int:
    if not AlertRule.objects.filter(shipped=True).exists():
        rules.ensure_shipped()
    active = compiled(AlertRule.objects.filter(enabled=True).order_by("name"))
    values, _ = _fleet.look(wanted_by(expression for _, expression in active))
    moves = judge(active, values, _fleet.looked_at, now)
    fired, resolved = moves.write(now)
    outbox.note(fired, "firing", now)
    outbox.note(resolved, "resolved", now)
    outbox.dispatch(now)
    if moves.count:
        events.publish(TOPIC, {})
    return moves.count


def compiled(rows: Sequence[AlertRule] | Any) -> list[tuple[AlertRule, RuleExpression]]:
    """Rules that can be read; one that cannot, of an older Patchbay, is logged and left out."""
    found = []
    for row in rows:
        try:
            found.append((row, parse(row.expr)))
        except ExpressionInvalid as error:
            log.warning("the rule %s cannot be read and is left out: %s", row.name, error)
    return found


@dataclass
class AlertMoves:
    """What a look changes: alerts to open, to change, to end; those that never fired go. `values` refresh rows."""

    opened: list[Alert] = field(default_factory=list)
    changed: dict[int, OpenAlert] = field(default_factory=dict)
    ended: dict[int, str] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)
    facts: dict[int, dict[str, Any]] = field(default_factory=dict)
    values: dict[int, float] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many alerts move."""
        return len(self.opened) + len(self.changed) + len(self.ended) + len(self.gone)

    def write(self, now: datetime) -> tuple[list[Alert], list[Alert]]:
        """Write it all. Returns those that begin to fire, and those that are resolved."""
        Alert.objects.filter(pk__in=self.gone).delete()
        Alert.objects.bulk_create(self.opened, batch_size=1000)
        fired = [row for row in self.opened if row.state == AlertState.FIRING]
        resolved = []
        rows = list(Alert.objects.filter(pk__in=[*self.changed, *self.ended]))
        for row in rows:
            moved = self.changed.get(row.pk)
            begins = moved is not None and moved.state == AlertState.FIRING and row.state == AlertState.PENDING
            if moved is not None:
                row.state, row.since = moved.state, moved.since
                row.unknown_at, row.false_at = moved.unknown_at, moved.false_at
            if row.pk in self.ended:
                row.state, row.end, row.resolved_at = AlertState.RESOLVED, self.ended[row.pk], now
                resolved.append(row)
            for name, value in self.facts.get(row.pk, {}).items():
                setattr(row, name, value)
            if begins:
                row.fired_at = now
                fired.append(row)
        Alert.objects.bulk_update(rows, _CHANGING, batch_size=500)
        self._refresh()
        return fired, resolved

    def _refresh(self) -> None:
        if not self.values or time.monotonic() - _told_at[0] < VALUES_SECONDS:
            return
        _told_at[0] = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(
                "update routing_alert as a set value = v.value "
                "from unnest(%s::bigint[], %s::float8[]) as v(id, value) where a.id = v.id",
                [list(self.values), list(self.values.values())],
            )


_CHANGING = (
    *("state", "since", "unknown_at", "false_at", "fired_at", "resolved_at", "end", "value", "labels", "annotations"),
    *("severity", "expr", "unit", "threshold"),
)


def judge(
    active: Sequence[tuple[AlertRule, RuleExpression]], values: Values, looked_at: float, now: datetime
) -> AlertMoves:
    """What follows from a look for every alert that is open, or should be."""
    there: dict[str, dict[tuple[str, str], OpenAlert]] = {}
    columns = ("rule", "kind", "subject", "pk", "state", "since", "unknown_at", "false_at")
    for rule, kind, subject, *rest in Alert.objects.filter(state__in=OPEN).values_list(*columns):
        there.setdefault(rule, {})[kind, subject] = OpenAlert(*rest)
    moves = AlertMoves()
    for row, expression in active:
        findings = evaluate(expression, values, looked_at)
        _judge_rule(RuleLook(row, expression, findings), there.pop(row.name, {}), moves, now)
    for alerts in there.values():
        for alert in alerts.values():
            _end(alert, AlertEnd.RULE, moves)
    return moves


@dataclass(frozen=True)
class RuleLook:
    """A rule and what it finds in one look."""

    row: AlertRule
    expression: RuleExpression
    findings: RuleFindings

    def facts(self, number: int) -> dict[str, Any]:
        """What an alert keeps of the subject in this row: labels, value, and the words of its annotations."""
        value = float(self.findings.vector.values[number])
        labels = dict(self.findings.labels[number])
        subject = labels.pop("subject", self.findings.subjects[number])
        labels |= {name: text for name, text in self.row.labels.items() if name != "severity"}
        told = {**labels, "subject": subject, "alertname": self.row.name}
        series, compared = first_series(self.expression.tree), threshold(self.expression.tree)
        return {
            "severity": self.row.labels.get("severity", "")[:32],
            "labels": labels,
            "annotations": {name: filled(text, value, told) for name, text in self.row.annotations.items()},
            "expr": self.row.expr,
            "value": value,
            "unit": FACTS[series].unit if series else "",
            "threshold": f"{compared[0]} {compared[1]:g}" if compared else "",
        }


def _judge_rule(look: RuleLook, there: dict[tuple[str, str], OpenAlert], moves: AlertMoves, now: datetime) -> None:
    times = AlertTimes(timedelta(seconds=look.row.for_s), timedelta(seconds=look.row.keep_s))
    holding, unknown = look.findings.holding(), look.findings.unknown()
    kind, exists = look.findings.kind, set(look.findings.subjects)
    for (alert_kind, subject), alert in there.items():
        if alert_kind != kind or subject not in exists:
            _end(alert, AlertEnd.SUBJECT if alert_kind == kind else AlertEnd.RULE, moves)
            continue
        holds = True if subject in holding else None if subject in unknown else False
        after = states.moved(alert, holds, times, now)
        if holds:
            moves.values[alert.id] = float(look.findings.vector.values[holding[subject]])
        if after is None:
            moves.gone.append(alert.id)
        elif after.state == AlertState.RESOLVED:
            moves.ended[alert.id] = AlertEnd.OVER
        elif after != alert:
            moves.changed[alert.id] = after
            if holds:
                moves.facts[alert.id] = look.facts(holding[subject])
    for subject, number in holding.items():
        if (kind, subject) in there or len(subject) > LONGEST_SUBJECT or len(moves.opened) >= MOST_OPEN:
            continue
        opened = states.moved(None, True, times, now)
        assert opened is not None
        fired_at = now if opened.state == AlertState.FIRING else None
        facts = look.facts(number)
        moves.opened.append(
            Alert(
                rule=look.row.name,
                kind=kind,
                subject=subject,
                state=opened.state,
                since=now,
                fired_at=fired_at,
                **facts,
            )
        )


def _end(alert: OpenAlert, why: str, moves: AlertMoves) -> None:
    if alert.state == AlertState.FIRING:
        moves.ended[alert.id] = why
    else:
        moves.gone.append(alert.id)


def forget_old() -> int:
    """Forget alerts that were resolved more than 30 days ago, with their notices. Returns how many."""
    return Alert.objects.filter(state=AlertState.RESOLVED, resolved_at__lt=timezone.now() - KEPT).delete()[0]
