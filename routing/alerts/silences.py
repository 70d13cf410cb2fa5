"""The verbs on silences, and acknowledging an alert. A silence ends by itself."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from controlplane.base import access, events
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence, message_of
from controlplane.base.refusals import Conflict, Invalid, Missing
from routing.alerts.language import matching
from routing.alerts.language.expressions import ExpressionInvalid
from routing.alerts.language.matching import Matcher
from routing.alerts.language.parsing import parse_matchers
from routing.alerts.models import OPEN, Alert, Silence
from routing.alerts.reading import TOPIC

LONGEST = timedelta(days=90)
LONGEST_TEXT = 500
MOST_MATCHERS = 20
KEPT = timedelta(days=30)


def listing(actor: access.Actor | None) -> QuerySet[Silence]:
    """Silences that hold or will, then those of the last 30 days, by their end. Raises Forbidden."""
    access.require(actor, "alert.read")
    return Silence.objects.filter(ends_at__gt=timezone.now() - KEPT).order_by("-ends_at", "-pk")


def get(actor: access.Actor | None, silence_id: int) -> Silence:
    """One silence. Raises Forbidden, Missing."""
    access.require(actor, "alert.read")
    found = Silence.objects.filter(pk=silence_id).first()
    if found is None:
        raise _missing(silence_id)
    return found


@transaction.atomic
def create(actor: access.Actor | None, given: Mapping[str, Any], request_id: str = "") -> Silence:
    """Hold messages back: matchers (text), ends_at, starts_at (now if absent), reason. Raises Forbidden, Invalid."""
    access.require(actor, "alert.change")
    now = timezone.now()
    starts, ends = _time("starts_at", given.get("starts_at"), now), _time("ends_at", given.get("ends_at"), None)
    if not max(starts, now) < ends <= starts + LONGEST:
        raise Invalid(
            "ends_at",
            Sentence("ends_at is {given}; expected a time after now and starts_at, at most {days} days later",
                     given=ends.isoformat(timespec="seconds"), days=LONGEST.days),
        )  # fmt: skip
    row = Silence.objects.create(
        matchers=matching.as_json(read_matchers(given.get("matchers"))),
        starts_at=starts,
        ends_at=ends,
        reason=short_text("reason", given.get("reason"), least=1),
        created_by=audit.actor_name(actor),
    )
    audit.record(actor, "silence.create", "silence", row.pk, told(row), request_id)
    events.publish(TOPIC, {})
    return row


@transaction.atomic
def end(actor: access.Actor | None, silence_id: int, request_id: str = "") -> Silence:
    """End a silence now. Raises Forbidden, Missing, Conflict if it is over."""
    access.require(actor, "alert.change")
    now = timezone.now()
    ended = Silence.objects.filter(pk=silence_id, ends_at__gt=now).update(ends_at=now)
    row = get(actor, silence_id)
    if not ended:
        raise Conflict("over", Sentence("the silence {silence} is over already", silence=silence_id))
    audit.record(actor, "silence.end", "silence", row.pk, told(row), request_id)
    events.publish(TOPIC, {})
    return row


@transaction.atomic
def acknowledge(actor: access.Actor | None, alert_id: int, note: Any = "", request_id: str = "") -> Alert:
    """Say that a person looks after an open alert: nothing more is sent of it until it is over. Raises Conflict."""
    access.require(actor, "alert.change")
    text = short_text("note", note, least=0)
    changed = Alert.objects.filter(pk=alert_id, state__in=OPEN, acknowledged_at=None).update(
        acknowledged_at=timezone.now(), acknowledged_by=audit.actor_name(actor), note=text
    )
    row = Alert.objects.filter(pk=alert_id).first()
    if row is None:
        raise Missing("alert", Sentence("there is no alert {alert}", alert=alert_id))
    if not changed:
        raise Conflict("state", Sentence("the alert {alert} is over, or acknowledged already", alert=alert_id))
    detail = {"rule": row.rule, "subject": row.subject, "note": text}
    audit.record(actor, "alert.acknowledge", "alert", row.pk, detail, request_id)
    events.publish(TOPIC, {})
    return row


def for_alert(row: Alert) -> str:
    """Matchers that silence this alert and no other."""
    matchers = [Matcher("alertname", "=", row.rule), Matcher("subject", "=", row.subject)]
    return ", ".join(one.told() for one in matchers)


def read_matchers(given: Any, *, least: int = 1) -> tuple[Matcher, ...]:
    """Matchers out of a text, or out of a list of name, op and value. Raises Invalid."""
    if isinstance(given, list):
        for one in given:
            if not isinstance(one, dict) or set(one) != {"name", "op", "value"}:
                raise Invalid("matchers", Sentence("a matcher is a mapping of name, op and value"))
            if one["op"] not in matching.OPS or not all(isinstance(part, str) for part in one.values()):
                raise Invalid("matchers", Sentence("a matcher is a mapping of name, op and value"))
        given = ", ".join(one.told() for one in matching.of_json(given))
    if not isinstance(given, str):
        raise Invalid("matchers", Sentence("matchers is missing"))
    try:
        found = parse_matchers(given)
    except ExpressionInvalid as error:
        raise Invalid("matchers", message_of(error)) from error
    if not least <= len(found) <= MOST_MATCHERS:
        raise Invalid(
            "matchers",
            Sentence("expected {least} to {most} matchers such as node=\"a\"", least=least, most=MOST_MATCHERS),
        )  # fmt: skip
    return found


def short_text(field: str, given: Any, least: int) -> str:
    """A text of one line. Raises Invalid."""
    text = " ".join(given.split()) if isinstance(given, str) else "" if given is None else None
    if text is None or not least <= len(text) <= LONGEST_TEXT or not text.isprintable():
        raise Invalid(
            field,
            Sentence("{field} must be {least} to {most} characters", field=field, least=least, most=LONGEST_TEXT),
        )
    return text


def told(row: Silence) -> dict[str, Any]:
    """A silence as the log keeps it."""
    matchers = ", ".join(one.told() for one in matching.of_json(row.matchers))
    times = {name: getattr(row, name).isoformat(timespec="seconds") for name in ("starts_at", "ends_at")}
    return {"name": matchers, **times, "reason": row.reason}


def forget_old() -> int:
    """Forget silences that ended more than 30 days ago. Returns how many."""
    return Silence.objects.filter(ends_at__lt=timezone.now() - KEPT).delete()[0]


def _time(field: str, given: Any, otherwise: datetime | None) -> datetime:
    if given in (None, "") and otherwise is not None:
        return otherwise
    try:
        found = given if isinstance(given, datetime) else parse_datetime(given) if isinstance(given, str) else None
    except ValueError:
        found = None
    if found is None:
        raise Invalid(
            field,
            Sentence("{field} is {given}; expected a time such as {example}", field=field, given=repr(given)[:60],
                     example="2026-11-30T12:00:00Z"),
        )  # fmt: skip
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def _missing(silence_id: int) -> Missing:
    return Missing("silence", Sentence("there is no silence {silence}", silence=silence_id))
