"""The latest frame of each source, in Redis, with when it arrived: what pages and metrics show."""

import logging
import math
import time
from collections.abc import Callable, Iterable
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
    """What is known of one subject: from which source, and its values by series.

    `heard` is when they arrived, on the monotonic clock of this process.
    """

    source: str
    heard: float
    values: dict[str, float]

    @property
    def age_s(self) -> float:
        """For how many seconds these values have been known."""
        return max(0.0, time.monotonic() - self.heard)


Unpacking = Callable[[Frame], dict[str, dict[str, float]]]
_DECODER = msgspec.msgpack.Decoder(LatestFrame)
encode = msgspec.msgpack.Encoder().encode
log = logging.getLogger(__name__)


def read(client: redis.Redis) -> tuple[list[LatestFrame], float]:
    """The latest frame of every source, and the time by the clock of Redis, which says too when frames arrived.

    A body that another version of Patchbay wrote and this one cannot read is left out. Raises redis.RedisError.
    """
    with client.pipeline(transaction=False) as pipe:
        pipe.hgetall(redis_names.TELEMETRY_LATEST)
        pipe.time()
        found, (seconds, microseconds) = pipe.execute()
    return list(_decoded(cast(dict[bytes, bytes], found).values())), seconds + microseconds / 1e6


def _decoded(bodies: Iterable[bytes]) -> Iterable[LatestFrame]:
    for body in bodies:
        try:
            yield _DECODER.decode(body)
        except msgspec.MsgspecError as error:
            log.warning("the latest frame of a source is left out: %s", error)


def by_subject(
    found: Iterable[LatestFrame], now: float, longest: float = math.inf, unpacked: Unpacking = unpack
) -> dict[str, LatestValues]:
    """What is known of each device or model. If two sources tell of one, the younger frame counts.

    `now` is by the clock that said when the frames arrived. Those of more than `longest` seconds ago are left out.
    `unpacked` gives the values of a frame.
    """
    known: dict[str, LatestValues] = {}
    begin = time.monotonic() - now
    for one in sorted(found, key=lambda one: one.arrived):
        if now - one.arrived > longest:
            continue
        try:
            told = unpacked(one.frame)
        except (KeyError, ValueError) as error:
            log.warning("the latest frame of %s is left out: %r", one.frame.source, error)
            continue
        heard = begin + min(one.arrived, now)
        known |= {subject: LatestValues(one.frame.source, heard, values) for subject, values in told.items()}
    return known


def forget(client: redis.Redis, longest: float) -> int:
    """Forget sources without a frame for `longest` seconds. Returns how many. Raises redis.RedisError."""
    found, now = read(client)
    silent = [one.frame.source for one in found if now - one.arrived > longest]
    if silent:
        client.hdel(redis_names.TELEMETRY_LATEST, *silent)
    return len(silent)
