"""Energy, money and carbon as people read them."""

import math

from routing.energy.sums import MoneyAmount

DASH = "–"


def joules(value: float | None) -> str:
    """Joules of a call or a token: 0.42 J, 12.3 J, 4.56 kJ."""
    return DASH if value is None else _scaled(value, (("MJ", 1e6), ("kJ", 1e3), ("J", 1)))


def energy(value: float | None) -> str:
    """Joules of a day or a fleet, as watt-hours: 12.3 Wh, 4.56 kWh."""
    return DASH if value is None else _scaled(value / 3600, (("MWh", 1e6), ("kWh", 1e3), ("Wh", 1)))


def power(value: float | None) -> str:
    """Watts: 412 W, 12.3 kW."""
    return DASH if value is None else _scaled(value, (("MW", 1e6), ("kW", 1e3), ("W", 1)))


def grams(value: float | None) -> str:
    """Grams of CO2: 12.3 mg, 4.56 g, 1.23 kg."""
    return DASH if value is None else _scaled(value, (("t", 1e6), ("kg", 1e3), ("g", 1), ("mg", 1e-3)))


def money(value: MoneyAmount | None) -> str:
    """An amount with its currency: 0.0123 EUR."""
    return DASH if value is None else f"{_digits(value.amount)} {value.currency}".rstrip()


def part(value: float | None) -> str:
    """A part of a whole in per cent."""
    return DASH if value is None else f"{100 * value:.0f} %" if value in (0, 1) else f"{100 * value:.1f} %"


def _scaled(value: float, units: tuple[tuple[str, float], ...]) -> str:
    unit, size = next((one for one in units if abs(value) >= one[1]), units[-1])
    return f"{_digits(value / size)} {unit}"


def _digits(value: float) -> str:
    """Three digits that count; whole numbers from 1,000 on."""
    if value == 0 or not math.isfinite(value):
        return "0"
    places = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{min(9, max(0, places))}f}"
