"""Energy and cost for other pages: what the fleet draws and costs now, and what a model's calls use.

Live power comes from the current values, sums from settled windows, which are about a minute behind.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from controlplane.base import access
from routing.energy import sums, tariffs
from routing.energy.sums import CallEnergy, DeviceEnergy, MoneyAmount
from routing.history.current import STALE_SECONDS, current
from routing.models import Device

SETTLED_WITHIN = timedelta(minutes=3)
"""So long after its first reading the energy of a device is settled, whatever the rhythm of its source."""


@dataclass(frozen=True, slots=True)
class EnergyNow:
    """The fleet at this moment, slices left out.

    `devices` that are there; `measured` of them say what they draw, `emulated` of these are made up. `watts` is None if
    none says. `cost_per_hour` is of the `priced` devices, `grams_per_hour` of what is drawn. `today`: since midnight
    UTC, as far as it is settled. `measured_since`: when telemetry began whose energy is not settled yet; None if some
    of today is, or if no device says what it draws.
    """

    devices: int
    measured: int
    emulated: int
    priced: int
    watts: float | None
    cost_per_hour: MoneyAmount | None
    grams_per_hour: float | None
    today: DeviceEnergy
    measured_since: datetime | None = None

    @property
    def late(self) -> bool:
        """Whether energy should have been settled by now, and was not: settling stands still."""
        return self.measured_since is not None and timezone.now() - self.measured_since > SETTLED_WITHIN


def now(actor: access.Actor | None, there: Sequence[tuple[str, str, bool]] | None = None) -> EnergyNow:
    """What the fleet draws and costs now, and has used today. Five queries at most. Raises Forbidden.

    `there`: the whole devices that are there, for a page that has read them: uuid, model, and whether it is emulated.
    """
    access.require(actor, "fleet.read")
    fields = ("uuid", "model", "node__emulated")
    rows = there if there is not None else [*Device.objects.filter(parent=None, gone_at=None).values_list(*fields)]
    moment = time.time()
    known, history = current(), tariffs.between(moment, moment)
    drawn = {}
    for uuid, _, emulated in rows:
        found = known.get(uuid)
        if found is not None and found.age_s <= STALE_SECONDS and "power_watts" in found.values:
            drawn[uuid] = (found.values["power_watts"], emulated)
    tariff = history.at(moment)
    prices = [tariff.prices[model] for _, model, _ in rows if model in tariff.prices] if tariff is not None else []
    watts = sum(one for one, _ in drawn.values()) if drawn else None
    grams = history.grams_per_joule(moment)
    today = sums.of_all_devices(actor, sums.last_days(1))
    return EnergyNow(
        devices=len(rows),
        measured=len(drawn),
        emulated=sum(emulated for _, emulated in drawn.values()),
        priced=len(prices),
        watts=watts,
        cost_per_hour=MoneyAmount(sum(prices), tariff.currency) if tariff is not None and prices else None,
        grams_per_hour=watts * 3600 * grams if watts is not None and grams is not None else None,
        today=today,
        measured_since=_first_reading() if drawn and not today.known_s else None,
    )


def _first_reading() -> datetime | None:
    """When telemetry began, of what the finest history still has."""
    with connection.cursor() as cursor:
        cursor.execute("select min(at) from telemetry_second")
        found: datetime | None = cursor.fetchone()[0]
    return found


def of_models(actor: access.Actor | None, names: Sequence[str], days: int = 1) -> dict[str, CallEnergy]:
    """What calls of these models used today and on the days before it, `days` in all. One query. Raises Forbidden.

    Models without a call on own devices are absent. `joules_per_call`, `joules_per_token`, `cost_per_thousand` and
    `grams_per_call` of the result are None where they are not known.
    """
    return sums.by_model(actor, sums.last_days(days), names)
