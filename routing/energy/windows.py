"""Windows as they are kept: what they gave, who claims a part of them, and the rates that follow. One row a window.

Facts and claims are kept for a day, so that a call of many hours still gets its share when it ends; rates for 30 days,
as records of calls are. Partitions are dropped whole.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from django.db import connection

from routing.energy.curve import STEP, Array, Numbers, summed
from routing.energy.shares import ReplicaRates, WindowFacts
from routing.history.partitions import Tier, drop_old, ensure, stamp

HOUR = 3600
WINDOW = Tier("energy_window", STEP, STEP, 6 * HOUR, 24 * HOUR)
RATE = Tier("energy_rate", STEP, STEP, 24 * HOUR, 30 * 24 * HOUR)


@dataclass(frozen=True, slots=True)
class WindowClaims:
    """Seconds that calls of a replica with a key spent in a window; every pair stands once."""

    replicas: Numbers
    keys: Numbers
    seconds: Array

    def joined(self, more: "WindowClaims") -> "WindowClaims":
        """These claims and more of them."""
        pairs = np.stack(
            [np.concatenate([self.replicas, more.replicas]), np.concatenate([self.keys, more.keys])], axis=1
        )
        alone, place = np.unique(pairs, axis=0, return_inverse=True)
        seconds = summed(place.ravel(), np.concatenate([self.seconds, more.seconds]), len(alone))
        return WindowClaims(alone[:, 0], alone[:, 1], seconds)


NOBODY = WindowClaims(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


@dataclass(frozen=True, slots=True)
class EnergyWindow:
    """A window that is settled. `grams_per_joule` is None as long as nobody said how the grid's power is made."""

    facts: WindowFacts
    claims: WindowClaims
    currency: str
    grams_per_joule: float | None


@dataclass(frozen=True, slots=True)
class WindowRates:
    """What a second of a call used in a window, by replica: joules, money (NaN if not known), joules that are emulated.

    `measured` is the part of the window that was measured on its devices, from 0 to 1.
    """

    replicas: Numbers
    joules: Array
    money: Array
    emulated: Array
    measured: Array
    currency: str
    grams_per_joule: float | None


class PackedFacts(msgspec.Struct, array_like=True, frozen=True):
    """Numbers of devices, then float32 of each column of WindowFacts."""

    devices: bytes
    columns: bytes
    currency: str
    grams_per_joule: float | None


class PackedRates(msgspec.Struct, array_like=True, frozen=True):
    """Numbers of replicas, then float32 of each column of WindowRates."""

    replicas: bytes
    columns: bytes
    currency: str
    grams_per_joule: float | None


_FACTS = msgspec.msgpack.Decoder(PackedFacts)
_CLAIMS = msgspec.msgpack.Decoder(tuple[bytes, bytes, bytes])
_RATES = msgspec.msgpack.Decoder(PackedRates)
_encode = msgspec.msgpack.Encoder().encode


def packed_facts(facts: WindowFacts, currency: str, grams_per_joule: float | None) -> bytes:
    """A window's facts as they are kept, in numbers of 32 bits."""
    columns = (facts.joules, facts.known_s, facts.counted_s, facts.idle_watts, facts.money, facts.emulated)
    body = np.stack(columns).astype("<f4").tobytes()
    return _encode(PackedFacts(facts.devices.astype("<i8").tobytes(), body, currency, grams_per_joule))


def packed_claims(claims: WindowClaims) -> bytes:
    """A window's claims as they are kept."""
    return _encode(
        (
            claims.replicas.astype("<i8").tobytes(),
            claims.keys.astype("<i8").tobytes(),
            claims.seconds.astype("<f8").tobytes(),
        )
    )


def window(facts: bytes, claims: bytes) -> EnergyWindow:
    """A window of its two packed parts."""
    kept = _FACTS.decode(facts)
    devices = np.frombuffer(kept.devices, "<i8")
    joules, known, counted, idle, money, emulated = (
        np.frombuffer(kept.columns, "<f4").reshape(6, len(devices)).astype(float)
    )
    said = WindowFacts(devices, joules, known, counted, idle, money, emulated > 0)
    replicas, keys, seconds = _CLAIMS.decode(claims)
    claimed = WindowClaims(np.frombuffer(replicas, "<i8"), np.frombuffer(keys, "<i8"), np.frombuffer(seconds, "<f8"))
    return EnergyWindow(said, claimed, kept.currency, kept.grams_per_joule)


def packed_rates(replicas: Numbers, found: ReplicaRates, of: EnergyWindow) -> bytes:
    """The rates of a window, for those replicas whose numbers are given."""
    joules, money, priced = found.used[:, 0], found.used[:, 1], found.used[:, 2]
    known = np.where(priced >= joules * (1 - 1e-6), money, np.nan)
    body = np.stack([joules, known, found.used[:, 3], found.measured]).astype("<f4").tobytes()
    return _encode(PackedRates(replicas.astype("<i8").tobytes(), body, of.currency, of.grams_per_joule))


def read(start: float, end: float) -> dict[int, EnergyWindow]:
    """The windows that begin in a span of time, by their beginning, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select extract(epoch from at)::int8, facts, claims from energy_window where at >= %s and at < %s "
            "order by at",
            [stamp(start), stamp(end)],
        )
        return {at: window(bytes(facts), bytes(claims)) for at, facts, claims in cursor.fetchall()}


def rates(moments: Collection[int]) -> dict[int, WindowRates]:
    """The rates of these windows, by their beginning; of those that are kept."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select extract(epoch from at)::int8, rates from energy_rate where at = any(%s)",
            [[stamp(at) for at in moments]],
        )
        return {at: _rates(bytes(body)) for at, body in cursor.fetchall()}


def _rates(body: bytes) -> WindowRates:
    kept = _RATES.decode(body)
    replicas = np.frombuffer(kept.replicas, "<i8")
    columns = np.frombuffer(kept.columns, "<f4").reshape(4, len(replicas)).astype(float)
    joules, money, emulated, measured = columns
    return WindowRates(replicas, joules, money, emulated, measured, kept.currency, kept.grams_per_joule)


def add(facts: Mapping[int, bytes]) -> None:
    """Keep the facts of new windows, by their beginning; nobody claims a part of them yet."""
    for at in {int(at // WINDOW.partition) * WINDOW.partition for at in facts}:
        ensure(WINDOW, at)
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into energy_window values (%s, %s, %s)",
            [(stamp(at), body, packed_claims(NOBODY)) for at, body in facts.items()],
        )


def claim(changed: Iterable[tuple[int, WindowClaims, bytes]]) -> None:
    """Keep new claims of windows, and the rates that follow."""
    rows = list(changed)
    for at in {int(at // RATE.partition) * RATE.partition for at, _, _ in rows}:
        ensure(RATE, at)
    with connection.cursor() as cursor:
        cursor.executemany(
            "update energy_window set claims = %s where at = %s",
            [(packed_claims(claims), stamp(at)) for at, claims, _ in rows],
        )
        cursor.executemany(
            "insert into energy_rate values (%s, %s) on conflict (at) do update set rates = excluded.rates",
            [(stamp(at), body) for at, _, body in rows],
        )


def forget(now: float) -> None:
    """Drop the partitions that are old."""
    for tier in (WINDOW, RATE):
        drop_old(tier, now - tier.kept)
