"""The latest sample of each dimension of devices: the seam between the inventory and telemetry."""

from collections.abc import Sequence
from typing import TypedDict


class LatestValue(TypedDict):
    """A dimension's newest value, its unit, and how many seconds old it is."""

    value: float
    unit: str
    age_s: float


Latest = dict[str, LatestValue]
"""By the dimension's name. What no source gives is absent."""


def latest(uuids: Sequence[str]) -> dict[str, Latest]:
    """The latest values of these devices, by uuid; none as long as no collector reports."""
    return {uuid: {} for uuid in uuids}
