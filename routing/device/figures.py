"""Values as people read them: each in its unit, with as many digits as mean something."""

from django.utils.translation import gettext

from routing.samples.dimensions import SERIES

_STEPS = (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))
_SCALED = {"bytes": "B", "bytes_counted": "B", "bytes_per_second": "B/s", "joules": "J"}
_UNITS = {"celsius": "°C", "watts": "W", "volts": "V", "seconds": "s", "per_second": "/s"}
_DIGITS = {"celsius": 0, "watts": 0, "volts": 3}


def text(series: str, value: float) -> str:
    """A value of this series with its unit. Raises KeyError if there is no such series."""
    unit = SERIES[series].unit
    if unit == "ratio":
        return f"{100 * value:.1f} %"
    if unit == "flag":
        return gettext("yes") if value else gettext("no")
    if unit == "bits":
        return f"0x{int(value):x}"
    if unit == "hertz":
        return f"{value / 1e6:,.0f} MHz"
    if unit in _SCALED:
        return scaled(value, _SCALED[unit])
    if unit == "number":
        return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"
    return f"{value:,.{_DIGITS.get(unit, 1)}f} {_UNITS[unit]}"


def scaled(value: float, unit: str) -> str:
    """A value in decimal multiples of a unit, with three digits: 30.0 GB, 1.25 GB/s, 640 kB."""
    for prefix, step in _STEPS:
        if abs(value) >= step:
            number = value / step
            return f"{number:,.{2 if number < 10 else 1 if number < 100 else 0}f} {prefix}{unit}"
    return f"{value:,.0f} {unit}"
