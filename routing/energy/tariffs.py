"""What devices and their energy cost: one tariff at a time, each with the moment from which it counts.

A tariff holds everything (prices by device model, currency, PUE, the grid's carbon) and is never changed: a new one
counts from its moment on, so that what was used before it keeps its cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from routing.energy_tables import EnergyTariff, GridIntensity
from routing.history.partitions import stamp

JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class TariffHistory:
    """Tariffs, the newest first, and the grid's grams per kWh by the hour in Unix time."""

    tariffs: Sequence[EnergyTariff]
    hours: dict[int, float]

    def at(self, moment: float) -> EnergyTariff | None:
        """The tariff that counts at this moment; None before the first."""
        when = stamp(moment)
        return next((one for one in self.tariffs if one.valid_from <= when), None)

    def grams_per_joule(self, moment: float) -> float | None:
        """The carbon of a joule at the device, the building's share (PUE) included; None if nobody said it."""
        tariff = self.at(moment)
        grams = self.hours.get(int(moment // 3600) * 3600)
        if grams is None and tariff is not None:
            grams = tariff.grid_g_per_kwh
        return None if grams is None else grams * (tariff.pue if tariff is not None else 1.0) / JOULES_PER_KWH


def between(start: float, end: float) -> TariffHistory:
    """All that counts between two moments."""
    hours = GridIntensity.objects.filter(hour__gt=stamp(start - 3600), hour__lte=stamp(end))
    return TariffHistory(
        list(EnergyTariff.objects.order_by("-valid_from")),
        {int(hour.timestamp()): grams for hour, grams in hours.values_list("hour", "g_per_kwh")},
    )
