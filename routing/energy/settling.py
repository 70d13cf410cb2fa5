"""Settling: the energy of windows that are over is measured and shared out to calls, exactly once.

A window is measured GRACE seconds after its end and kept. A call claims its part of every window that it ran in when
its record has come and its last window is measured, however long it ran: what calls before it got of these windows is
counted anew, so a window's energy is always shared by all calls that are known of it. The windows, the claims, the sums
and the mark are written in one transaction, and what waits is taken away in it.
"""

import logging
import time
from dataclasses import dataclass
from datetime import date

import numpy as np
import redis
from django.db import connection, transaction

from controlplane.base import advisory_locks
from routing.energy import idle, measuring, placing, windows
from routing.energy.curve import STEP, Array, Numbers, summed
from routing.energy.placing import PlacementHistory
from routing.energy.shares import ReplicaRates, rates
from routing.energy.tariffs import TariffHistory, between
from routing.energy.totals import OF_MODELS, EnergyTotals
from routing.energy.windows import EnergyWindow, WindowClaims
from routing.energy_tables import EnergyMark, WaitingCall
from routing.history import store
from routing.history.partitions import stamp

GRACE = 45
"""Seconds after a window's end until it is measured: by then the next reading of a source that collects every 30
seconds has come."""
MOST_WINDOWS, MOST_CALLS, AT_ONCE = 60, 20_000, 360 * STEP
LONGEST_AWAY = 23 * 3600
"""What lies further back is not settled any more: history has steps of ten seconds for a day."""
TRIFLE = 1e-6
"""Seconds that are an error of rounding."""
log = logging.getLogger(__name__)


def settle(now: float | None = None) -> int:
    """Settle what is over by `now`, in Unix time. Returns how many windows were measured; 0 if Redis is away."""
    moment = time.time() if now is None else now
    try:
        limit = int((store.stored_until(moment) - GRACE) // STEP) * STEP
    except redis.RedisError as error:
        log.warning("energy is settled later: %s", error)
        return 0
    measured, more = 0, True
    while more:
        count, calls = _batch(limit, moment)
        measured += count
        more = count == MOST_WINDOWS or calls == MOST_CALLS
    windows.forget(moment)
    return measured


@transaction.atomic
def _batch(limit: int, now: float) -> tuple[int, int]:
    """Measure the next windows and share out what waits. Returns how many windows and how many calls."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [advisory_locks.ENERGY])
    mark = EnergyMark.objects.first()
    if mark is None:
        placing.look(stamp(limit), stamp(now))
        EnergyMark.objects.create(until=stamp(limit), looked_at=stamp(now))
        return 0, 0
    placed = placing.look(mark.looked_at, stamp(now))
    begin = max(int(mark.until.timestamp()), limit - LONGEST_AWAY)
    count = max(0, min(MOST_WINDOWS, (limit - begin) // STEP))
    end, words, totals = begin + count * STEP, measuring.devices(), EnergyTotals()
    if count:
        measuring.measure(begin, count, words, totals)
        measuring.see_idle(begin - idle.LATER, end - idle.LATER, placed)
    calls = list(WaitingCall.objects.filter(ended__lte=stamp(end)).order_by("ended", "id")[:MOST_CALLS])
    batch = _claiming(calls, placed)
    if batch is not None:
        _claim(batch, placed, totals)
    totals.write(placed.names, words)
    with connection.cursor() as cursor:
        done = [call.pk for call in calls]
        cursor.execute(f"delete from {WaitingCall._meta.db_table} where id = any(%s)", [done])  # noqa: S608
    EnergyMark.objects.filter(pk=mark.pk).update(until=stamp(end), looked_at=stamp(now))
    return count, len(calls)


@dataclass(frozen=True, slots=True)
class ClaimingCalls:
    """Calls that claim their part now: when they ran, and whose they are, as places in `whose` (replica and key)."""

    calls: list[WaitingCall]
    began: Array
    ended: Array
    place: Numbers
    whose: Numbers

    def spent(self, at: int) -> Array:
        """How many seconds of the window that begins at `at` each of `whose` spent in it, calls side by side added."""
        seconds = np.minimum(self.ended, at + STEP) - np.maximum(self.began, at)
        return summed(self.place, np.maximum(0.0, seconds), len(self.whose))


def _claiming(waiting: list[WaitingCall], placed: PlacementHistory) -> ClaimingCalls | None:
    """Those calls that ran while their model sat on a device of ours; the others used nothing of ours."""
    numbers, spans = placed.numbers(), placed.spans()
    found: list[tuple[WaitingCall, int]] = []
    for call in waiting:
        replica = numbers.get((call.model, call.endpoint), 0)
        since, until = spans.get(replica, (0.0, 0.0))
        if call.ended.timestamp() >= since and call.began.timestamp() < until:
            found.append((call, replica))
    if not found:
        return None
    pairs = np.array([(replica, call.api_key_id) for call, replica in found], np.int64)
    whose, place = np.unique(pairs, axis=0, return_inverse=True)
    return ClaimingCalls(
        [call for call, _ in found],
        np.array([call.began.timestamp() for call, _ in found]),
        np.array([call.ended.timestamp() for call, _ in found]),
        place.ravel(),
        whose,
    )


def _claim(batch: ClaimingCalls, placed: PlacementHistory, totals: EnergyTotals) -> None:
    """Share the windows in which the calls ran anew, and count the calls."""
    first, last = float(batch.began.min()), float(batch.ended.max())
    claimed = np.zeros(len(batch.whose))
    start = int(first // STEP) * STEP
    while start <= last:
        changed = []
        for at, window in windows.read(start, min(start + AT_ONCE, last + 1)).items():
            spent = batch.spent(at)
            claimed += spent
            used = spent > 0
            if used.any():
                more = WindowClaims(batch.whose[used, 0], batch.whose[used, 1], spent[used])
                changed.append(_shared_anew(at, window, more, placed, totals))
        windows.claim(changed)
        start += AT_ONCE
    prices = between(first, last)
    _count(batch, claimed, prices, totals)


def _shared_anew(
    at: int, window: EnergyWindow, more: WindowClaims, placed: PlacementHistory, totals: EnergyTotals
) -> tuple[int, WindowClaims, bytes]:
    """Take back what claims got of a window, and share it with these as well. Returns what is to be kept."""
    if len(window.claims.replicas):
        totals.shared(at, window, *_rates(at, window, placed), -1)
    anew = EnergyWindow(window.facts, window.claims.joined(more), window.currency, window.grams_per_joule)
    replicas, found = _rates(at, anew, placed)
    totals.shared(at, anew, replicas, found, 1)
    return at, anew.claims, windows.packed_rates(replicas, found, anew)


def _rates(at: int, window: EnergyWindow, placed: PlacementHistory) -> tuple[Numbers, ReplicaRates]:
    """The replicas that claim, and their rates."""
    replicas, place = np.unique(window.claims.replicas, return_inverse=True)
    seconds = summed(place.ravel(), window.claims.seconds, len(replicas))
    pairs = placed.pairs(at, at + STEP, replicas, window.facts.devices)
    return replicas, rates(window.facts, pairs, seconds)


def _count(batch: ClaimingCalls, claimed: Array, prices: TariffHistory, totals: EnergyTotals) -> None:
    """Count calls and tokens on the day on which they began, and the seconds for which there is no window."""
    missing = np.maximum(0.0, summed(batch.place, batch.ended - batch.began, len(batch.whose)) - claimed)
    missing[missing < TRIFLE] = 0.0
    counted: dict[tuple[date, str], Array] = {}
    for call, place in zip(batch.calls, batch.place.tolist(), strict=True):
        tariff = prices.at(call.began.timestamp())
        of = (call.began.date(), tariff.currency if tariff is not None else "")
        if of not in counted:
            counted[of] = np.zeros((len(batch.whose), len(OF_MODELS)))
        unmeasured, missing[place] = missing[place], 0.0
        counted[of][place, :5] += (1, call.prompt_tokens, call.completion_tokens, unmeasured, unmeasured)
    for of, rows in counted.items():
        totals.models[of].append((batch.whose, rows))
