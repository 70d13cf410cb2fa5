"""The latest frame of each source, in Redis, with when it arrived: what pages and metrics show."""

from dataclasses import dataclass
from typing import cast

import msgspec
import redis

from controlplane.base import redis_names
from routing.samples.frames import Frame, unpack


class LatestFrame(msgspec.Struct, array_like=True, frozen=True):
    """A frame, and when it arrived, in Unix time."""

    arrived: float
    frame: Frame


@dataclass(frozen=True, slots=True)
class LatestValues:
    """What is known of one subject: from which source, for how many seconds, and its values by series."""

    source: str
    age_s: float
    values: dict[str, float]


_DECODER = msgspec.msgpack.Decoder(LatestFrame)
encode = msgspec.msgpack.Encoder().encode


def frames(client: redis.Redis) -> list[LatestFrame]:
    """The latest frame of every source. Raises redis.RedisError."""
    found = cast(dict[bytes, bytes], client.hgetall(redis_names.TELEMETRY_LATEST))
    return [_DECODER.decode(body) for body in found.values()]


def by_subject(found: list[LatestFrame], now: float) -> dict[str, LatestValues]:
    """What is known of each device or model. If two sources tell of one, the younger frame counts."""
    known: dict[str, LatestValues] = {}
    for one in sorted(found, key=lambda one: one.arrived):
        age = max(0.0, now - one.arrived)
        known |= {subject: LatestValues(one.frame.source, age, values) for subject, values in unpack(one.frame).items()}
    return known
