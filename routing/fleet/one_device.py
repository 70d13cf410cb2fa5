"""The live values of one device, all of its series: the stream "device/ID"."""

import numpy as np
from django.db import DatabaseError

from controlplane.base.stream_frames import StreamTable
from routing.device.figures import text
from routing.history.current import known
from routing.models import Device
from routing.samples.dimensions import SERIES

MOST_KNOWN = 10_000
_uuids: dict[int, str] = {}


def read(parameter: str) -> StreamTable | None:
    """A table without rows whose `more` has `values` by series, `age` in seconds and `source`; None for no device.

    `texts` are the values as people read them, in any language: yes and no are left out.

    A device's uuid never changes, so that PostgreSQL is asked for it once.
    """
    if not (parameter.isascii() and parameter.isdecimal() and len(parameter) < 19):
        return None
    uuid = _uuids.get(int(parameter)) or _find(int(parameter))
    if uuid is None:
        return None
    current = known()
    one = current.by_subject.get(uuid)
    more = {
        "values": one.values if one is not None else {},
        "texts": {name: text(name, value) for name, value in one.values.items() if SERIES[name].unit != "flag"}
        if one is not None
        else {},
        "age": round(one.age_s, 1) if one is not None else None,
        "source": one.source if one is not None else None,
        "away": bool(current.away),
    }
    return StreamTable((), (), np.zeros((0, 0)), more=more)


def _find(number: int) -> str | None:
    try:
        uuid = Device.objects.filter(pk=number).values_list("uuid", flat=True).first()
    except DatabaseError:
        return None
    if uuid is not None and len(_uuids) < MOST_KNOWN:
        _uuids[number] = uuid
    return uuid
