"""What fires now, and what fired: for pages, strips and programs."""

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import redis
from django.db.models import Case, Count, Q, QuerySet, Value, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language

from controlplane.base import access, events, redis_names
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Missing
from routing.alerts.language import matching
from routing.alerts.language.matching import Matcher
from routing.alerts.models import OPEN, Alert, AlertEnd, AlertState, Silence
from routing.samples.reasons import held_by

TOPIC = "alerts"
"""The live topic that tells pages that an alert, a rule or a silence changed."""
SEVERITIES = ("critical", "warning", "info")
"""Worst first; any other severity comes after these."""


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """One alert for a page. `href` leads to its subject, if that is there; `silenced`: its messages are held back.

    `subject` is a device's uuid, an engine's or a source's name, a model's name, or a group's labels; `value` is the
    last one known, in `unit`, and `threshold` what it is compared with, as "> 85". `since` is when it fired.
    """

    id: int
    rule: str
    severity: str
    kind: str
    subject: str
    labels: Mapping[str, str]
    summary: str
    value: float | None
    unit: str
    threshold: str
    since: datetime
    silenced: bool
    acknowledged_by: str
    href: str

    @property
    def told_value(self) -> str:
        """The value with its unit; empty if it is not known."""
        return "" if self.value is None else with_unit(self.value, self.unit)

    @property
    def told_threshold(self) -> str:
        """The threshold with the same unit; empty if there is none."""
        op, _, number = self.threshold.partition(" ")
        return f"{op} {with_unit(float(number), self.unit)}" if number else ""


@dataclass(frozen=True, slots=True)
class FiringAlerts:
    """What fires now, worst and oldest first: the first rows, and how many there are in all and by severity."""

    rows: tuple[FiringAlert, ...]
    total: int
    by_severity: Mapping[str, int]


def firing(actor: access.Actor | None, most: int = 50, subjects: Collection[str] | None = None) -> FiringAlerts:
    """What fires now. Two queries, whatever there is. Raises Forbidden.

    `subjects`: only alerts of these devices (by uuid), models (by name), engines or sources. Pages listen to the live
    topic `alerts` and ask again. Use it as `firing(request.user, most=5)`; a device's page gives `subjects={uuid}`.
    """
    access.require(actor, "alert.read")
    found = Alert.objects.filter(state=AlertState.FIRING)
    if subjects is not None:
        found = found.filter(subject__in=subjects)
    every = sorted(found, key=_worst_first)
    quiet = silenced_by(timezone.now())
    counts = Counter(row.severity for row in every)
    return FiringAlerts(tuple(shown(row, quiet) for row in every[:most]), len(every), counts)


def fires() -> int:
    """How many alerts fire now. For the navigation, which asks for all who may see them."""
    return Alert.objects.filter(state=AlertState.FIRING).count()


def looked_ago() -> float | None:
    """How many seconds ago the rules were evaluated last; None if nobody knows."""
    try:
        found = cast(bytes | None, events.notices().get(redis_names.ALERTS_LOOKED))
    except redis.RedisError:
        return None
    return None if found is None else max(0.0, time.time() - float(found))


def listing(actor: access.Actor | None, state: str = "", words: str = "") -> QuerySet[Alert]:
    """Alerts in `state` (empty: open ones), the newest first; `words` in rule or subject. Raises Forbidden."""
    access.require(actor, "alert.read")
    rows = Alert.objects.filter(state=state) if state else Alert.objects.filter(state__in=OPEN)
    if words:
        rows = rows.filter(Q(rule__icontains=words) | Q(subject__icontains=words) | Q(labels__node__icontains=words))
    return rows.order_by("-resolved_at", "-fired_at", "-since", "pk")


def worst_first(rows: QuerySet[Alert]) -> QuerySet[Alert]:
    """What fires before what is about to, then by severity, the oldest first."""
    ranks = [When(severity=name, then=Value(rank)) for rank, name in enumerate(SEVERITIES)]
    fires = Case(When(state=AlertState.FIRING, then=Value(0)), default=Value(1))
    return rows.order_by(fires, Case(*ranks, default=Value(len(ranks))), "since", "pk")


def open_by_rule(actor: access.Actor | None) -> dict[str, int]:
    """How many alerts each rule fires now. Raises Forbidden."""
    access.require(actor, "alert.read")
    rows = Alert.objects.filter(state=AlertState.FIRING).order_by().values_list("rule")
    return dict(rows.annotate(count=Count("pk")))


def one(actor: access.Actor | None, alert_id: int) -> Alert:
    """One alert. Raises Forbidden, Missing."""
    access.require(actor, "alert.read")
    found = Alert.objects.filter(pk=alert_id).first()
    if found is None:
        raise Missing("alert", Sentence("there is no alert {alert}", alert=alert_id))
    return found


def silenced_by(now: datetime) -> list[tuple[Silence, tuple[Matcher, ...]]]:
    """Silences that hold now, with their matchers."""
    rows = Silence.objects.filter(starts_at__lte=now, ends_at__gt=now)
    return [(row, matching.of_json(row.matchers)) for row in rows]


def shown(row: Alert, quiet: list[tuple[Silence, tuple[Matcher, ...]]]) -> FiringAlert:
    """An alert as pages show it, in the reader's language."""
    return FiringAlert(
        id=row.pk,
        rule=row.rule,
        severity=row.severity,
        kind=row.kind,
        subject=row.subject,
        labels=row.labels,
        summary=summary(row.annotations),
        value=row.value,
        unit=row.unit,
        threshold=row.threshold,
        since=row.fired_at or row.since,
        silenced=any(matching.all_match(matchers, labels_of(row)) for _, matchers in quiet),
        acknowledged_by=row.acknowledged_by,
        href="" if row.end == AlertEnd.SUBJECT else href(row.kind, row.subject, row.labels),
    )


def labels_of(row: Alert) -> dict[str, str]:
    """Every label that a silence or a receiver can match."""
    return {**row.labels, "alertname": row.rule, "severity": row.severity, "kind": row.kind, "subject": row.subject}


def summary(annotations: Mapping[str, str]) -> str:
    """What an alert says, in the reader's language if the rule has words in it (summary_zh)."""
    if (get_language() or "").startswith("zh") and annotations.get("summary_zh"):
        return annotations["summary_zh"]
    return annotations.get("summary", "")


def href(kind: str, subject: str, labels: Mapping[str, str]) -> str:
    """The page of a subject; empty if it has none."""
    if kind == "device":
        return reverse("gpus-device", args=[subject])
    name = subject if kind == "model" else labels.get("model", "") if kind == "engine" else ""
    return reverse("model", args=[name]) if name else ""


def with_unit(value: float, unit: str) -> str:
    """A value as people read it: 91 °C, 97 %, 3.2 GB; of a mask the reasons in it."""
    if unit == "bits":
        language = "zh" if (get_language() or "").startswith("zh") else "en"
        return ", ".join(one.name[language] for one in held_by(value))
    if unit == "ratio":
        return f"{100 * value:.4g} %"
    if unit.startswith("bytes"):
        rank = next((rank for rank, (_, step) in enumerate(_BYTES) if abs(value) >= step), len(_BYTES) - 1)
        name, step = _BYTES[rank]
        return f"{value / step:.3g} {name}{'/s' if unit.endswith('second') else ''}"
    return f"{value:.4g} {_MARKS[unit]}" if unit in _MARKS else f"{value:.4g}"


_BYTES = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0))
_MARKS = {
    "celsius": "°C", "watts": "W", "seconds": "s", "joules": "J", "hertz": "Hz", "volts": "V", "per_second": "/s",
}  # fmt: skip


def _worst_first(row: Alert) -> tuple[int, datetime]:
    rank = SEVERITIES.index(row.severity) if row.severity in SEVERITIES else len(SEVERITIES)
    return rank, row.fired_at or row.since
