"""Guard lines: whether the new colour does worse than the old one on the same traffic, judged after every second.

Calls are given to a colour at random, so among the calls that fail (are refused, are slow, lose a parameter) the share
of green is its share of all calls if it is no worse. Each such event is a bet on its colour. What the bets have won is
an e-process: if green is no worse, it ever exceeds 1/a with probability a at most, however often one looks. Bets run on
several odds at once, and begin anew at times, so that a release which is good for an hour and then breaks is found too.
A line breaks only if green is also worse by more than its limit. All numbers are pure; nothing here reads a clock.
"""

from collections.abc import Mapping
from math import exp, log
from typing import Any

from msgspec import Struct, field

from routing.dataplane.colours import BUCKETS, ColourCounts, SplitCounts, bucket, upper_bound

FALSE_ALARM = 0.01
"""The chance that a rollout of an equal release is rolled back by any line."""
FAILED, REFUSED, SLOW, LOSSY = "failed", "refused", "slow", "lossy"
LINES = (FAILED, REFUSED, SLOW, LOSSY)
ODDS = (1.5, 2.5, 5.0, 12.0, 40.0, 300.0)
ANEW = 0.02
"""How likely, at each reading with events, the bets begin anew."""
BROKEN = log(len(LINES) / FALSE_ALARM)
DOUBTFUL = log(10.0)
HALF_LIFE = 400.0
"""Calls after which an older call counts half in a shown rate."""
SLOW_SHARE = 0.05
LEAST_BLUE = 100
LEAST_MS = 20.0
UNKNOWN_RATE = 0.2
EVERYTHING = 100.0
"""A limit in points that nothing can pass."""


class GuardLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """By how much green may be worse before a line breaks: in points of a per cent, and for the 95th percentile as a
    factor. `least_calls` is how many calls of green a step wants to see.
    """

    failed_points: float = 0.5
    refused_points: float = 0.5
    slower: float = 1.5
    lossy_points: float = 20.0
    golden: bool = True
    least_calls: int = 10


class Line(Struct):
    """What a line knows. `bets` are the logarithms of what is won at each of ODDS, `idle` of what has not begun."""

    bets: list[float] = field(default_factory=lambda: [log(0.5)] * len(ODDS))
    idle: float = log(0.5)
    evidence: float = 0.0
    highest: float = 0.0
    blue: tuple[float, float] = (0.0, 0.0)
    green: tuple[float, float] = (0.0, 0.0)

    @property
    def rates(self) -> tuple[float, float]:
        """The share of events among the last some hundred calls of blue and of green."""
        (blue_calls, blue_events), (green_calls, green_events) = self.blue, self.green
        return blue_events / blue_calls if blue_calls else 0.0, green_events / green_calls if green_calls else 0.0


class GuardEvidence(Struct):
    """All that a rollout's guard lines know: the sums that were last seen, and each line."""

    seen: SplitCounts = field(default_factory=SplitCounts)
    lines: dict[str, Line] = field(default_factory=lambda: {name: Line() for name in LINES})
    slow_ms: float = 0.0


class Events(Struct, frozen=True):
    """Calls of both colours since the last reading, and how many of them are events of one line."""

    blue_calls: int
    blue: int
    green_calls: int
    green: int


def read(evidence: GuardEvidence, counts: SplitCounts, *, sticky: bool, limits: GuardLimits) -> tuple[str, ...]:
    """Take in new sums; the names of the lines that are broken now.

    Sums that shrank (Redis lost them) are taken as a new beginning. If callers stay on a colour, calls are not shared
    at random: then only what blue served in green's place counts against green.
    """
    before, evidence.seen = evidence.seen, counts
    if _shrank(before, counts):
        return ()
    blue, green = _grown(before.blue, counts.blue), _grown(before.green, counts.green)
    for name in (FAILED, REFUSED, LOSSY):
        spoilt = getattr(green, name)
        if sticky and name != LOSSY:
            spoilt = min(spoilt, green.saved)
        _bet(evidence.lines[name], Events(blue.calls, getattr(blue, name), green.calls, spoilt))
    _bet_on_time(evidence, before, limits)
    return tuple(name for name, line in evidence.lines.items() if _breaks(name, line, limits))


def doubtful(evidence: GuardEvidence, limits: GuardLimits) -> tuple[str, ...]:
    """Lines that are not broken, but speak against green so loudly that a step should not go on.

    A line whose limit nothing can pass is not looked at: its losses were judged and approved.
    """
    return tuple(
        name
        for name, line in evidence.lines.items()
        if line.evidence >= DOUBTFUL and _worse(line) and getattr(limits, f"{name}_points", 0.0) < EVERYTHING
    )


def p95(colour: ColourCounts) -> float | None:
    """The 95th percentile of the time to the first byte in milliseconds, at most 19 % too high; None without calls."""
    total = sum(colour.waits)
    if not total:
        return None
    over, number = total * SLOW_SHARE, BUCKETS - 1
    passed = 0
    while number > 0 and passed + colour.waits[number] <= over:
        passed += colour.waits[number]
        number -= 1
    return upper_bound(number)


def told(name: str, evidence: GuardEvidence, limits: GuardLimits) -> Mapping[str, Any]:
    """A line for pages and programs: both rates in per cent, or milliseconds, its limit, how sure it is, its state."""
    line = evidence.lines[name]
    old, new = (rate * 100 for rate in line.rates)
    state = "broken" if _breaks(name, line, limits) else "doubtful" if line.evidence >= DOUBTFUL else "kept"
    if name == SLOW:
        times = p95(evidence.seen.blue), p95(evidence.seen.green)
        return {"blue": times[0], "green": times[1], "limit": evidence.slow_ms or None, "state": state}
    limit = old + getattr(limits, f"{name}_points")
    return {"blue": round(old, 2), "green": round(new, 2), "limit": round(limit, 2), "state": state}


def _bet_on_time(evidence: GuardEvidence, before: SplitCounts, limits: GuardLimits) -> None:
    """Calls that took longer than blue's 95th percentile times the limit, and calls under way that already have.

    The bound is of what was seen before these calls, so that it does not depend on them.
    """
    limit = p95(before.blue)
    if limit is None or sum(before.blue.waits) < LEAST_BLUE:
        return
    evidence.slow_ms = max(limit * limits.slower, limit + LEAST_MS)
    number = bucket(evidence.slow_ms) + 1
    now, line = evidence.seen, evidence.lines[SLOW]
    blue_slow, blue_calls = _slower(before.blue, now.blue, number)
    green_slow, green_calls = _slower(before.green, now.green, number)
    _bet(line, Events(blue_calls, blue_slow, green_calls, green_slow))


def _slower(before: ColourCounts, now: ColourCounts, number: int) -> tuple[int, int]:
    """New calls from bucket `number` on, and all new calls that are over or as slow as that."""
    ended = sum(now.waits) - sum(before.waits)
    over = sum(now.waits[number:]) - sum(before.waits[number:])
    under_way = sum(now.waiting[number:]) - sum(before.waiting[number:])
    slow = max(over + under_way, 0)
    return slow, max(ended + under_way, slow)


def _bet(line: Line, events: Events) -> None:
    """Play one reading. Where blue has no calls, green is held against what blue did before."""
    known = line.blue
    line.blue = _faded(line.blue, events.blue_calls, events.blue)
    line.green = _faded(line.green, events.green_calls, events.green)
    if not events.green_calls:
        return
    if events.blue_calls:
        if events.blue + events.green:
            share = events.green_calls / (events.green_calls + events.blue_calls)
            _settle(line, [_by_colour(odds, share, events) for odds in ODDS])
    else:
        _settle(line, [_by_past(odds, known, events) for odds in ODDS])


def _by_colour(odds: float, share: float, events: Events) -> float:
    """What a bet on green at these odds wins of events whose share of green is `share` if green is no worse."""
    bet = share * odds / (share * odds + 1 - share)
    return events.green * log(bet / share) + events.blue * log((1 - bet) / (1 - share))


def _by_past(odds: float, known: tuple[float, float], events: Events) -> float:
    """The same against twice the rate that blue had, for a step in which green has every call."""
    calls, spoilt = known
    rate = min(max(2 * spoilt / calls, spoilt / calls + 0.02), 0.9) if calls >= LEAST_BLUE else UNKNOWN_RATE
    bet = min(rate * odds, 0.99)
    if bet <= rate:
        return 0.0
    return events.green * log(bet / rate) + (events.green_calls - events.green) * log((1 - bet) / (1 - rate))


def _settle(line: Line, won: list[float]) -> None:
    line.bets = [max(bet + gain, -500.0) for bet, gain in zip(line.bets, won, strict=True)]
    line.evidence = _sum_of([*(bet - log(len(ODDS)) for bet in line.bets), line.idle])
    line.highest = max(line.highest, line.evidence)
    fresh = line.idle + log(ANEW)
    line.bets = [_sum_of([bet, fresh]) for bet in line.bets]
    line.idle += log(1 - ANEW)


def _sum_of(logarithms: list[float]) -> float:
    most = max(logarithms)
    return most + log(sum(exp(item - most) for item in logarithms))


def _faded(known: tuple[float, float], calls: int, events: int) -> tuple[float, float]:
    kept = 0.5 ** (calls / HALF_LIFE)
    return known[0] * kept + calls, known[1] * kept + events


def _breaks(name: str, line: Line, limits: GuardLimits) -> bool:
    if line.highest < BROKEN:
        return False
    old, new = line.rates
    if name == SLOW:
        return new > SLOW_SHARE and new > old
    return (new - old) * 100 > float(getattr(limits, f"{name}_points"))


def _worse(line: Line) -> bool:
    old, new = line.rates
    return new > old


def _shrank(before: SplitCounts, now: SplitCounts) -> bool:
    return now.blue.calls < before.blue.calls or now.green.calls < before.green.calls


def _grown(before: ColourCounts, now: ColourCounts) -> ColourCounts:
    """What was added, without the times."""
    fields = ("calls", "failed", "refused", "saved", "lossy")
    return ColourCounts(*(max(getattr(now, name) - getattr(before, name), 0) for name in fields))
