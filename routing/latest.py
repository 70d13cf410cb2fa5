"""The latest sample of each dimension of devices: the seam between the inventory and telemetry."""

from collections.abc import Sequence
from typing import TypedDict

from controlplane.base import access
from routing.history import current
from routing.history.latest import LatestValues
from routing.samples.dimensions import DIMENSION_OF, ENGINE, SERIES


class LatestValue(TypedDict):
    """A series' newest value, its unit, how many seconds old it is, and the dimension that it is of."""

    value: float
    unit: str
    age_s: float
    dimension: str


Latest = dict[str, LatestValue]
"""By the name of the series. What no source gives is absent."""


def latest(uuids: Sequence[str]) -> dict[str, Latest]:
    """The latest values of these devices, by uuid; of a device not heard of for ten minutes none."""
    known = current.current()
    return {uuid: _told(known[uuid]) if uuid in known else {} for uuid in uuids}


def engines(actor: access.Actor | None) -> list[tuple[str, str, Latest]]:
    """Models in model servers: subject, source and latest values, by subject. Raises Forbidden."""
    access.require(actor, "fleet.read")
    known = sorted(current.current().items())
    return [(name, one.source, _told(one)) for name, one in known if name.startswith(ENGINE)]


def _told(one: LatestValues) -> Latest:
    age = round(one.age_s, 1)
    told: Latest = {}
    for name, value in one.values.items():
        series = SERIES[name]
        told[name] = {
            "value": series.meant(value), "unit": series.unit, "age_s": age, "dimension": DIMENSION_OF[name].name
        }  # fmt: skip
    return told
