"""The verbs on receivers of messages: add, change, switch, rotate the secret, test, remove."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from controlplane.base import access, events
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence, message_of
from controlplane.base.refusals import Conflict, Invalid, Missing
from controlplane.base.secrets import seal
from controlplane.base.webhook_signatures import new_secret
from registry import guard
from registry.transports.egress import EgressRefused, EndpointInvalid, parse_endpoint
from routing.alerts import bodies, outbox, sending
from routing.alerts.language import matching
from routing.alerts.models import AlertMessage, AlertReceiver, MessageState, ReceiverForm
from routing.alerts.reading import TOPIC
from routing.alerts.sending import SendOutcome
from routing.alerts.silences import read_matchers

BOTH_SECRETS = timedelta(hours=24)
"""How long the secret before signs beside the new one."""
MOST_RECEIVERS, MOST_LABELS = 50, 5
SHORTEST_INTERVAL, LONGEST_INTERVAL = 5.0, 86_400.0
FIELDS = ("name", "form", "address", "matchers", "group_by", "interval_s", "tells_resolved", "enabled")
KEPT = timedelta(days=30)


def listing(actor: access.Actor | None) -> QuerySet[AlertReceiver]:
    """Every receiver by name, without secrets. Raises Forbidden."""
    access.require(actor, "alert.change")
    return AlertReceiver.objects.defer("address", "secret", "previous_secret").order_by("name")


def get(actor: access.Actor | None, receiver_id: int) -> AlertReceiver:
    """One receiver of the listing. Raises Forbidden, Missing."""
    found = listing(actor).filter(pk=receiver_id).first()
    if found is None:
        raise _missing(receiver_id)
    return found


def messages(actor: access.Actor | None, receiver_id: int) -> QuerySet[AlertMessage]:
    """A receiver's messages of the last 30 days, the newest first. Raises Forbidden, Missing."""
    return AlertMessage.objects.filter(receiver=get(actor, receiver_id)).order_by("-created_at")


@transaction.atomic
def create(actor: access.Actor | None, given: Mapping[str, Any], request_id: str = "") -> tuple[AlertReceiver, str]:
    """Add a receiver. Returns it and its secret, which is not shown again. Raises Forbidden, Invalid, Conflict."""
    access.require(actor, "alert.change")
    values = _checked(given)
    for field in ("name", "address"):
        if field not in values:
            raise Invalid(field, Sentence("{field} is missing", field=field))
    if AlertReceiver.objects.count() >= MOST_RECEIVERS:
        raise Conflict("too_many", Sentence("there are {most} receivers, the most that are kept", most=MOST_RECEIVERS))
    address, secret = values.pop("address"), new_secret()
    row = AlertReceiver(**{"form": ReceiverForm.STANDARD, **values}, origin=origin_of(address), address=b"", secret=b"")
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("exists", Sentence("the name {name} is taken", name=repr(row.name))) from error
    _seal(row, address, secret)
    audit.record(actor, "alert_receiver.create", "alert_receiver", row.pk, told(row), request_id)
    outbox.catch_up(row, timezone.now())
    events.publish(TOPIC, {})
    return row, secret


@transaction.atomic
def change(
    actor: access.Actor | None, receiver_id: int, given: Mapping[str, Any], request_id: str = ""
) -> AlertReceiver:
    """Change the given fields, or switch it off or on; the secret stays. Raises Forbidden, Missing, Invalid, Conflict.

    Messages that wait go to the new address. The form stays: what waits is written in it.
    """
    access.require(actor, "alert.change")
    row = _locked(receiver_id)
    before, was_on = told(row), row.enabled
    values = _checked(given)
    address = values.pop("address", None)
    if values.get("form", row.form) != row.form:
        raise Conflict("form", Sentence("the form of a receiver stays; add another receiver in the form {form}",
                                        form=values["form"]))  # fmt: skip
    for name, value in values.items():
        setattr(row, name, value)
    if address is not None:
        secret = sending.opened(row, row.secret)
        before_that = sending.opened(row, row.previous_secret) if row.previous_secret else None
        row.origin = origin_of(address)
        _seal(row, address, secret)
        if before_that is not None:
            row.previous_secret = seal(before_that, settings.MASTER_KEY, sending.bound_to(row))
    if row.enabled and not was_on:
        row.state_reason, row.failing_since = "", None
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Conflict("exists", Sentence("the name {name} is taken", name=repr(row.name))) from error
    if row.enabled and not was_on:
        outbox.catch_up(row, timezone.now())
    if was_on and not row.enabled:
        sending.give_up(row.pk)
    detail = {"name": row.name, "changed": audit.difference(before, told(row)), "address": address is not None}
    audit.record(actor, "alert_receiver.edit", "alert_receiver", row.pk, detail, request_id)
    events.publish(TOPIC, {})
    return row


@transaction.atomic
def rotate(actor: access.Actor | None, receiver_id: int, request_id: str = "") -> tuple[AlertReceiver, str]:
    """Give a receiver a new secret; for 24 hours messages bear the signatures of both. Raises Forbidden, Missing."""
    access.require(actor, "alert.change")
    row = _locked(receiver_id)
    secret = new_secret()
    row.previous_secret, row.previous_until = bytes(row.secret), timezone.now() + BOTH_SECRETS
    row.secret = seal(secret, settings.MASTER_KEY, sending.bound_to(row))
    row.save(update_fields=["secret", "previous_secret", "previous_until"])
    audit.record(actor, "alert_receiver.rotate", "alert_receiver", row.pk, {"name": row.name}, request_id)
    events.publish(TOPIC, {})
    return row, secret


@transaction.atomic
def remove(actor: access.Actor | None, receiver_id: int, request_id: str = "") -> None:
    """Forget a receiver with its messages. Raises Forbidden, Missing."""
    access.require(actor, "alert.change")
    row = _locked(receiver_id)
    before = told(row)
    row.delete()
    audit.record(actor, "alert_receiver.remove", "alert_receiver", receiver_id, before, request_id)
    events.publish(TOPIC, {})


def try_out(actor: access.Actor | None, receiver_id: int, request_id: str = "") -> SendOutcome:
    """Send a test now, once, and wait for what comes of it: 20 seconds at the most. Raises Forbidden, Missing."""
    access.require(actor, "alert.change")
    row = AlertReceiver.objects.filter(pk=receiver_id).first()
    if row is None:
        raise _missing(receiver_id)
    now, message_id = timezone.now(), uuid.uuid4()
    body = bodies.written(row.form, bodies.MessageFacts(outbox.TEST, outbox.TEST, now), [])
    outcome = sending.post(row, str(message_id), body.encode(), now)
    with transaction.atomic():
        AlertMessage.objects.create(
            id=message_id, receiver=row, event=outbox.TEST, group=outbox.TEST, body=body, alerts=0, attempts=1,
            due_at=now, state=MessageState.FAILED if outcome.error else MessageState.SENT, status=outcome.status,
            error=outcome.error, sent_at=None if outcome.error else now,
        )  # fmt: skip
        detail = {"name": row.name, "status": outcome.status}
        audit.record(actor, "alert_receiver.test", "alert_receiver", receiver_id, detail, request_id)
        events.publish(TOPIC, {})
    return outcome


def told(row: AlertReceiver) -> dict[str, Any]:
    """A receiver as the log keeps it: without the address beyond its origin, and without secrets."""
    names = ("name", "form", "origin", "matchers", "group_by", "interval_s", "tells_resolved", "enabled")
    return {name: getattr(row, name) for name in names}


def forget_old() -> int:
    """Forget messages that are over since 30 days. Returns how many."""
    old = AlertMessage.objects.filter(created_at__lt=timezone.now() - KEPT)
    return old.exclude(state=MessageState.QUEUED).delete()[0]


def origin_of(address: str) -> str:
    """scheme://host:port of an address."""
    return parse_endpoint(address).origin


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in FIELDS:
            raise Invalid("unknown_field", Sentence("there is no field {field}", field=repr(str(name)[:60])))
        values[name] = _READERS[name](value)
    return values


def _name(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not 0 < len(text) <= 100 or not text.isprintable():
        raise Invalid("name", Sentence("the name {name} must be 1 to 100 printable characters", name=repr(text[:60])))
    return text


def _form(value: Any) -> str:
    if value not in ReceiverForm.values:
        raise Invalid("form", Sentence("form is {given}; expected one of {known}", given=repr(value)[:60],
                                       known=[*ReceiverForm.values]))  # fmt: skip
    return str(value)


def _address(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    try:
        parsed = parse_endpoint(text)
        asyncio.run(guard.egress().resolve(parsed.host, parsed.port))
    except (EndpointInvalid, EgressRefused) as error:
        raise Invalid("address", message_of(error)) from error
    except OSError as error:
        raise Invalid("address", Sentence("the name {host} does not resolve", host=parsed.host)) from error
    return text


def _matchers(value: Any) -> list[dict[str, str]]:
    return matching.as_json(read_matchers(value or "", least=0))


def _group_by(value: Any) -> list[str]:
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    fine = isinstance(parts, list) and len(parts) <= MOST_LABELS
    if not fine or not all(isinstance(part, str) and 0 < len(part) <= 100 for part in parts):
        raise Invalid("group_by", Sentence("group_by must be at most {most} labels", most=MOST_LABELS))
    return list(dict.fromkeys(parts))


def _interval(value: Any) -> float:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else -1.0
    if not SHORTEST_INTERVAL <= number <= LONGEST_INTERVAL:
        raise Invalid(
            "interval_s",
            Sentence("interval_s must be {least} to {most} seconds", least=SHORTEST_INTERVAL, most=LONGEST_INTERVAL),
        )
    return number


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Invalid("tells_resolved", Sentence("{given} is neither true nor false", given=repr(value)[:60]))
    return value


_READERS = {
    "name": _name, "form": _form, "address": _address, "matchers": _matchers, "group_by": _group_by,
    "interval_s": _interval, "tells_resolved": _flag, "enabled": _flag,
}  # fmt: skip


def _seal(row: AlertReceiver, address: str, secret: str) -> None:
    row.address = seal(address, settings.MASTER_KEY, sending.bound_to(row))
    row.secret = seal(secret, settings.MASTER_KEY, sending.bound_to(row))
    row.save(update_fields=["address", "secret"])


def _locked(receiver_id: int) -> AlertReceiver:
    row = AlertReceiver.objects.select_for_update().filter(pk=receiver_id).first()
    if row is None:
        raise _missing(receiver_id)
    return row


def _missing(receiver_id: int) -> Missing:
    return Missing("receiver", Sentence("there is no receiver {receiver}", receiver=receiver_id))
