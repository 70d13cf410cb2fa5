"""What a device draws while no call runs: the tenth percentile of its call-free minutes, the last sixty of them.

The lowest tenth, because work that does not come through here raises the power of some call-free minutes. Until one was
seen, it is the lowest power of any window so far: calls then get less rather than more. A minute is taken five minutes
after it, when the records of nearly all calls that ran in it have come.
"""

from collections.abc import Mapping

import numpy as np
from django.db import connection

from routing.energy.curve import Array, Numbers, WindowJoules

PERCENTILE = 10
MINUTES = 60
LATER = 300
LEAST_KNOWN = 5.0
"""A window tells of idle power if so many of its seconds are known."""
Idle = dict[int, tuple[float, list[float]]]
"""By device: the lowest power so far, and that of its last call-free minutes, in watts."""


def known() -> Idle:
    """What is known of every device that was ever measured."""
    with connection.cursor() as cursor:
        cursor.execute("select device_id, lowest, watts from energy_idle")
        return {device: (lowest, watts) for device, lowest, watts in cursor.fetchall()}


def lowered(idle: Idle, devices: Numbers, found: Mapping[int, WindowJoules]) -> Array:
    """The idle power of each device, after windows that may have been the lowest so far; NaN if none was measured."""
    lower = {}
    for device in devices.tolist():
        lowest = _lowest(found[device]) if device in found else np.inf
        before, watts = idle.get(device, (np.inf, []))
        if lowest < before:
            idle[device] = (lowest, watts)
            lower[device] = lowest
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into energy_idle (device_id, lowest) select * from unnest(%s::bigint[], %s::real[]) "
            "on conflict (device_id) do update set lowest = excluded.lowest",
            [list(lower), list(lower.values())],
        )
    return np.array([_watts(*idle[one]) if one in idle else np.nan for one in devices.tolist()], float)


def keep(seen: Mapping[int, float]) -> None:
    """Keep the power of a call-free minute by device."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update energy_idle set watts = (seen.watt || watts)[1:%s] "
            "from (select * from unnest(%s::bigint[], %s::real[])) seen (device, watt) where device_id = seen.device",
            [MINUTES, list(seen), list(seen.values())],
        )


def _watts(lowest: float, watts: list[float]) -> float:
    return float(np.percentile(watts, PERCENTILE)) if watts else lowest


def _lowest(one: WindowJoules) -> float:
    enough = one.known_s >= LEAST_KNOWN
    return float((one.joules[enough] / one.known_s[enough]).min()) if enough.any() else float("inf")
