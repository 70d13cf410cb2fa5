"""The verbs on tariffs: set one from a moment on, take one back that does not count yet."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from controlplane.base import access, events
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Conflict, Invalid, Missing
from routing.energy_tables import EnergyTariff
from routing.inventory import fields
from routing.inventory.fields import Reader, Unfit
from routing.inventory.listing import TOPIC
from routing.inventory.verbs import checked

MOST_PRICES = 500
MOST_PRICE = 1e6
LATE = timedelta(seconds=60)
"""How far back a new tariff may begin: what it takes to send it."""
_CURRENCY = re.compile("[A-Z]{3}")


def number(least: float, most: float, absent: bool = False) -> Reader:
    """A reader of a finite number within bounds, or of none if it may be `absent`."""

    def read(value: Any) -> float | None:
        if value is None and absent:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise Unfit(Sentence("a number from {least} to {most}", least=f"{least:g}", most=f"{most:g}"))
        return float(value)

    return read


def currency(value: Any) -> str:
    """Three capital letters (ISO 4217), or nothing."""
    if value not in ("", None) and not (isinstance(value, str) and _CURRENCY.fullmatch(value)):
        raise Unfit(Sentence("three capital letters, such as EUR"))
    return value or ""


def prices(value: Any) -> dict[str, float]:
    """Prices per hour by the model of a device."""
    if not isinstance(value, dict) or len(value) > MOST_PRICES:
        raise Unfit(Sentence("a mapping of at most {most} device models to prices per hour", most=MOST_PRICES))
    read = number(0, MOST_PRICE)
    return {fields.DEVICE["model"](name): read(price) for name, price in value.items()}


def begins(value: Any) -> datetime:
    """A moment that is not over, with its time zone; now if there is none."""
    now = timezone.now()
    if value in (None, ""):
        return now
    try:
        found = value if isinstance(value, datetime) else parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found < now - LATE or found > now + timedelta(days=3660):
        raise Unfit(
            Sentence("a time with its zone that is not over, such as 2027-01-01T00:00Z; what was used keeps its cost")
        )
    return found


TARIFF: Mapping[str, Reader] = {
    "currency": currency,
    "prices": prices,
    "pue": number(1, 5),
    "grid_g_per_kwh": number(0, 5000, absent=True),
    "valid_from": begins,
}


def listing(actor: access.Actor | None) -> QuerySet[EnergyTariff]:
    """Every tariff, the newest first. Raises Forbidden."""
    access.require(actor, "fleet.read")
    return EnergyTariff.objects.order_by("-valid_from")


@transaction.atomic
def set_tariff(actor: access.Actor | None, draft: Mapping[str, Any], request_id: str = "") -> EnergyTariff:
    """Let a tariff count from `valid_from` on, now if left out. What else is left out is as in the one before it.

    Raises Forbidden, Invalid, Conflict if another one begins at that moment.
    """
    access.require(actor, "fleet.change")
    given = checked(draft, TARIFF)
    start = given.pop("valid_from", None) or timezone.now()
    before = EnergyTariff.objects.filter(valid_from__lte=start).order_by("-valid_from").first()
    row = EnergyTariff(**({**told(before), **given} if before is not None else given))
    row.valid_from, row.author = start, audit.actor_name(actor)
    if row.prices and not row.currency:
        raise Invalid("currency", Sentence("prices are given without a currency; expected one such as EUR"))
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("valid_from", Sentence("another tariff begins at that moment; choose another one")) from error
    audit.record(actor, "tariff.set", "tariff", row.pk, told(row) | {"valid_from": start.isoformat()}, request_id)
    events.publish(TOPIC, {"tariff": row.pk})
    return row


@transaction.atomic
def withdraw(actor: access.Actor | None, tariff_id: int, request_id: str = "") -> None:
    """Take back a tariff that does not count yet. Raises Forbidden, Missing, Conflict if it does."""
    access.require(actor, "fleet.change")
    row = EnergyTariff.objects.select_for_update().filter(pk=tariff_id).first()
    if row is None:
        raise Missing("tariff", Sentence("there is no tariff {tariff}", tariff=tariff_id))
    if row.valid_from <= timezone.now():
        raise Conflict("valid_from", Sentence("this tariff counts already; set a new one, which counts from now on"))
    row.delete()
    audit.record(actor, "tariff.withdraw", "tariff", tariff_id, told(row), request_id)
    events.publish(TOPIC, {"tariff": tariff_id})


def told(row: EnergyTariff) -> dict[str, Any]:
    """A tariff's fields as a draft."""
    return {name: getattr(row, name) for name in TARIFF if name != "valid_from"}
