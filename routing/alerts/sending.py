"""Sends messages: each try is a job, counted before it begins, and the body is the same bytes under the same id.

The schedule is Standard Webhooks': at once, after 5 s, 5 and 30 minutes, 2, 5, 10 and 10 hours.
A worker that is killed in a try leaves it counted; the next try has the same webhook-id, by which a receiver knows it.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from controlplane.base import events
from controlplane.base.audit import chain as audit
from controlplane.base.jobs.engine import JobFailed, Lease
from controlplane.base.messages import Sentence, cut, message_of
from controlplane.base.secrets import SecretError, unseal
from controlplane.base.webhook_signatures import signature
from registry import guard
from registry.canon import Failure
from registry.protocols.adapter import Wire
from registry.spec import Timeouts
from registry.transports.egress import Egress, parse_endpoint
from registry.transports.http import Client
from registry.transports.response import ResponseLimits
from registry.transports.target import Target
from routing.alerts.models import AlertMessage, AlertNotice, AlertReceiver, MessageState, NoticeState, ReceiverForm
from routing.alerts.reading import TOPIC

SCHEDULE = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 36_000.0)
"""Seconds before each try, counted from the end of the one before."""
TIMEOUTS = Timeouts(connect=5.0, first_byte=15.0, idle=5.0, total=20.0)
MOST_BYTES = 64 * 1024
LONGEST_WORDS = 300
LONGEST_RETRY_AFTER = 3600.0
GONE = 410
_SPREAD = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """What came of a try: the status, if there was an answer, and what went wrong, empty if nothing."""

    status: int | None
    error: str = ""
    retry_after: float = 0.0


def run(lease: Lease) -> dict[str, Any]:
    """The handler of "alert_message" jobs: one try, unless it was counted before."""
    row = AlertMessage.objects.select_related("receiver").filter(pk=lease.job.input["message"]).first()
    if row is None:
        raise JobFailed("message_gone", Sentence("the receiver was deleted"))
    attempt = int(lease.job.input["attempt"])
    claimed = AlertMessage.objects.filter(pk=row.pk, state=MessageState.QUEUED, attempts=attempt).update(
        attempts=attempt + 1, due_at=timezone.now() + _rest(attempt + 1)
    )
    if not claimed or not row.receiver.enabled:
        return {"tried": False}
    outcome = post(row.receiver, str(row.pk), row.body.encode(), timezone.now())
    settle(row, attempt + 1, outcome, timezone.now())
    return {"tried": True, "status": outcome.status, "error": str(outcome.error)}


def post(receiver: AlertReceiver, message_id: str, body: bytes, now: datetime) -> SendOutcome:
    """One try: the guarded address, bounded in time and size. Never raises for what a receiver does."""
    try:
        address = opened(receiver, receiver.address)
        secrets = [opened(receiver, receiver.secret)]
        if receiver.previous_secret and receiver.previous_until and receiver.previous_until > now:
            secrets.append(opened(receiver, receiver.previous_secret))
    except SecretError as error:
        return SendOutcome(None, message_of(error))
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)
    if receiver.form == ReceiverForm.STANDARD:
        stamp = str(int(now.timestamp()))
        signed = " ".join(f"v1,{signature(one, message_id, stamp, body)}" for one in secrets)
        headers += (
            (b"webhook-id", message_id.encode()),
            (b"webhook-timestamp", stamp.encode()),
            (b"webhook-signature", signed.encode()),
        )
    wire = Wire("POST", urlsplit(address).path or "/", body, headers)
    return asyncio.run(_post(guard.egress(), address, wire))


async def _post(egress: Egress, address: str, wire: Wire) -> SendOutcome:
    parsed = parse_endpoint(address)
    client = Client(lambda: egress, ResponseLimits(body=MOST_BYTES))
    try:
        answer = await client.send(Target(parsed.scheme, parsed.host, parsed.port, ""), wire, TIMEOUTS)
        status, headers = answer.status, dict(answer.headers)
        if 200 <= status < 300:
            return SendOutcome(status)
        try:
            text = (await answer.read()).decode("utf-8", "replace")
        except Failure:
            text = ""
        words = Sentence("the receiver answered {status}: {text}", status=status, text=" ".join(text.split())[:200])
        return SendOutcome(status, words, _retry_after(headers.get("retry-after", "")))
    except Failure as failure:
        return SendOutcome(None, message_of(failure))
    finally:
        await client.close()


@transaction.atomic
def settle(row: AlertMessage, attempts: int, outcome: SendOutcome, now: datetime) -> None:
    """Write down what came of a try; a receiver that is gone, or failed through a whole schedule, is switched off."""
    mine = AlertMessage.objects.filter(pk=row.pk, state=MessageState.QUEUED, attempts=attempts)
    error = cut(outcome.error, LONGEST_WORDS)
    receivers = AlertReceiver.objects.filter(pk=row.receiver_id)
    if not outcome.error:
        if mine.update(state=MessageState.SENT, sent_at=now, status=outcome.status, error=""):
            receivers.update(sent_at=now, failing_since=None)
    else:
        last = attempts >= len(SCHEDULE)
        rest = timedelta(seconds=max(outcome.retry_after, _rest(attempts).total_seconds()))
        state = MessageState.FAILED if last else MessageState.QUEUED
        mine.update(state=state, status=outcome.status, error=error, due_at=now + rest)
        receivers.filter(failing_since=None).update(failing_since=now)
        if outcome.status == GONE:
            switch_off(row.receiver_id, Sentence("it answered 410: it is gone and wants no more messages"))
        elif last:
            switch_off(
                row.receiver_id, Sentence("a message failed {count} times: {error}", count=attempts, error=error)
            )
    events.publish(TOPIC, {})


def switch_off(receiver_id: int, why: str) -> None:
    """Send nothing more to a receiver until a person switches it on; what waits for it is given up."""
    row = AlertReceiver.objects.select_for_update().get(pk=receiver_id)
    if not row.enabled:
        return
    AlertReceiver.objects.filter(pk=receiver_id).update(enabled=False, state_reason=why)
    give_up(receiver_id)
    audit.record(None, "alert_receiver.off", "alert_receiver", receiver_id, {"name": row.name, "why": why})


def give_up(receiver_id: int) -> None:
    """Give up what waits for a receiver that is switched off."""
    AlertNotice.objects.filter(receiver=receiver_id, state=NoticeState.WAITING).update(state=NoticeState.DROPPED)
    AlertMessage.objects.filter(receiver=receiver_id, state=MessageState.QUEUED).update(state=MessageState.FAILED)


def opened(receiver: AlertReceiver, sealed: Any) -> str:
    """An address or secret of a receiver. Raises SecretError. Never for people."""
    return unseal(bytes(sealed), settings.MASTER_KEY, bound_to(receiver))


def bound_to(receiver: AlertReceiver) -> str:
    """What the ciphertexts of a receiver are authenticated with."""
    return f"alert receiver {receiver.pk} {receiver.origin}"


def _rest(attempts: int) -> timedelta:
    """How long to wait after so many tries, spread by a tenth so that receivers are not asked all at once."""
    seconds = SCHEDULE[min(attempts, len(SCHEDULE) - 1)]
    return timedelta(seconds=seconds * _SPREAD.uniform(1.0, 1.1))


def _retry_after(text: str) -> float:
    return min(float(text), LONGEST_RETRY_AFTER) if text.isascii() and text.isdigit() else 0.0
