"""Webhooks that come in: four forms of signature, verified over the raw body, each delivery with one effect.

Standard Webhooks and GitHub sign the body; GitLab and Hugging Face send the secret itself. Only the Standard form has a
signed time, which must lie within five minutes of ours. A copy of a delivery gets the answer of the first.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from controlplane.base.messages import Sentence
from controlplane.base.webhook_signatures import signature
from versions.models import WebhookDelivery

TOLERANCE_SECONDS = 300
MOST_BYTES = 1_000_000
LONGEST_ID = 200
KEPT = timedelta(days=30)
SAME_SECONDS = 600
"""Hugging Face names no delivery: equal bodies within this time are one."""
Effect = Callable[["Delivered"], dict[str, Any]]


class WebhookRefused(Exception):
    """A delivery that is not signed as it must be, or too old. Nothing happened."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivery whose sender knows the secret. `form` is standard, github, gitlab or huggingface."""

    message_id: str
    form: str
    event: str
    body: Any


@dataclass(frozen=True, slots=True)
class ReceivedWebhook:
    """What a delivery caused, and whether it was a copy of an earlier one."""

    effect: dict[str, Any]
    copy: bool


def receive(place: str, secret: str, headers: Mapping[str, str], body: bytes, effect: Effect) -> ReceivedWebhook:
    """Verify a delivery to `place` and let it have its `effect` once, in one transaction. Raises WebhookRefused.

    `headers` have lower-case names.
    """
    delivered = verified(secret, headers, body, time.time())
    try:
        with transaction.atomic():
            row = WebhookDelivery.objects.create(place=place, message_id=delivered.message_id)
            row.effect = effect(delivered)
            row.save(update_fields=["effect"])
            return ReceivedWebhook(row.effect, copy=False)
    except IntegrityError:
        earlier = WebhookDelivery.objects.filter(place=place, message_id=delivered.message_id).first()
        if earlier is None:
            raise
        return ReceivedWebhook(earlier.effect, copy=True)


def verified(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> Delivered:
    """The delivery, if whoever sent it knows `secret`. Raises WebhookRefused."""
    if not secret:
        raise WebhookRefused(Sentence("this webhook has no secret, so it is off"))
    for header, read in _FORMS:
        if header in headers:
            message_id, form, event = read(secret, headers, body, now)
            return Delivered(message_id, form, event, _document(body))
    raise WebhookRefused(
        Sentence(
            "the delivery is not signed; expected webhook-signature, X-Hub-Signature-256, X-Gitlab-Token or"
            " X-Webhook-Secret"
        )
    )


def forget_old() -> int:
    """Forget deliveries of more than 30 days ago. Returns how many."""
    return WebhookDelivery.objects.filter(at__lt=Now() - KEPT).delete()[0]


Read = tuple[str, str, str]


def _standard(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> Read:
    message_id, stamp = _id(headers, "webhook-id"), headers.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 13):
        raise WebhookRefused(
            Sentence("webhook-timestamp is {stamp}; expected seconds since 1970", stamp=repr(stamp[:40]))
        )
    if abs(now - int(stamp)) > TOLERANCE_SECONDS:
        raise WebhookRefused(
            Sentence(
                "the delivery is {seconds} s away from our clock; at most {most} s are accepted",
                seconds=int(abs(now - int(stamp))),
                most=TOLERANCE_SECONDS,
            )
        )
    expected = signature(secret, headers["webhook-id"], stamp, body)
    given = [one.partition(",")[2] for one in headers["webhook-signature"].split(" ")[:10] if one.startswith("v1,")]
    if not any(_equal(one, expected) for one in given):
        raise WebhookRefused(Sentence("the signature is not that of this body under the stored secret"))
    return message_id, "standard", ""


def _github(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> Read:
    expected = f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
    if not _equal(headers["x-hub-signature-256"], expected):
        raise WebhookRefused(Sentence("the signature is not that of this body under the stored secret"))
    return _id(headers, "x-github-delivery"), "github", headers.get("x-github-event", "")[:60]


def _gitlab(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> Read:
    if not _equal(headers["x-gitlab-token"], secret):
        raise WebhookRefused(Sentence("{header} is not the stored secret", header="X-Gitlab-Token"))
    return _id(headers, "x-gitlab-event-uuid"), "gitlab", headers.get("x-gitlab-event", "")[:60]


def _huggingface(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> Read:
    if not _equal(headers["x-webhook-secret"], secret):
        raise WebhookRefused(Sentence("{header} is not the stored secret", header="X-Webhook-Secret"))
    return f"{hashlib.sha256(body).hexdigest()}:{int(now // SAME_SECONDS)}", "huggingface", ""


_FORMS: tuple[tuple[str, Callable[[str, Mapping[str, str], bytes, float], Read]], ...] = (
    ("webhook-signature", _standard),
    ("x-hub-signature-256", _github),
    ("x-gitlab-token", _gitlab),
    ("x-webhook-secret", _huggingface),
)


def _id(headers: Mapping[str, str], name: str) -> str:
    found = headers.get(name, "")
    if not 0 < len(found) <= LONGEST_ID or not (found.isascii() and found.isprintable()):
        raise WebhookRefused(
            Sentence("{header} must be 1 to {most} printable characters", header=name, most=LONGEST_ID)
        )
    return found


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _document(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None
