"""Guard lines: equal releases are left alone, real breaks are found within so many calls."""

import random
from collections.abc import Callable

import pytest
from msgspec import structs

from routing.dataplane.colours import ColourCounts, SplitCounts, bucket
from versions.rollout import guards
from versions.rollout.guards import GuardEvidence, GuardLimits, read

STEPS = (1, 5, 25, 50, 100)
LIMITS = GuardLimits()
Outcome = Callable[[random.Random, str], tuple[str, float]]
"""What becomes of a call of a colour: "ok" or the name of a count, and its milliseconds."""


def play(outcome: Outcome, seed: int, *, steps: tuple[int, ...] = STEPS, calls: int = 2000, a_second: int = 20) -> int:
    """Calls that green was given until a line broke; -1 if none did."""
    chance, evidence, counts = random.Random(seed), GuardEvidence(), SplitCounts()
    for weight in steps:
        for _ in range(0, calls, a_second):
            counts = SplitCounts(copy_of(counts.blue), copy_of(counts.green))
            for _ in range(a_second):
                colour = "green" if chance.random() * 100 < weight else "blue"
                note(getattr(counts, colour), *outcome(chance, colour))
            if read(evidence, counts, sticky=False, limits=LIMITS):
                return counts.green.calls
    return -1


def copy_of(colour: ColourCounts) -> ColourCounts:
    return colour + ColourCounts()


def note(colour: ColourCounts, what: str, milliseconds: float) -> None:
    colour.calls += 1
    if what == "ok":
        colour.waits[bucket(milliseconds)] += 1
    elif what == "lossy":
        colour.waits[bucket(milliseconds)] += 1
        colour.lossy += 1
    else:
        setattr(colour, what, getattr(colour, what) + 1)


def alike(rate: float) -> Outcome:
    """Both colours fail, refuse, and lose alike, and are as slow as each other."""

    def outcome(chance: random.Random, colour: str) -> tuple[str, float]:
        lot = chance.random()
        what = "failed" if lot < rate else "refused" if lot < 2 * rate else "lossy" if lot < 3 * rate else "ok"
        return what, chance.lognormvariate(5.0, 0.8)

    return outcome


def worse(what: str, rate: float, slower: float = 1.0, before: float = 0.005) -> Outcome:
    """Green does `what` in a share `rate` of its calls, and is `slower` times as slow."""

    def outcome(chance: random.Random, colour: str) -> tuple[str, float]:
        milliseconds = chance.lognormvariate(5.0, 0.5) * (slower if colour == "green" else 1.0)
        return (what if chance.random() < (rate if colour == "green" else before) else "ok"), milliseconds

    return outcome


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.1, 0.3])
def test_equal_releases_are_rolled_back_in_at_most_one_of_a_hundred_rollouts(rate: float) -> None:
    """60 rollouts a rate over all steps, 1,200 readings each; the bound over all of them is 1 %."""
    broken = [seed for seed in range(60) if play(alike(rate), seed, calls=1000) >= 0]
    assert len(broken) <= 1, broken


def test_an_upstream_that_breaks_for_both_colours_breaks_no_line() -> None:
    """An outage of both is the old release's as well; going back would not help."""

    def outage(chance: random.Random, colour: str) -> tuple[str, float]:
        outage.calls += 1  # type: ignore[attr-defined]
        down = 3000 < outage.calls < 4500  # type: ignore[attr-defined]
        return ("failed" if down or chance.random() < 0.01 else "ok"), chance.lognormvariate(5.0, 0.5)

    found = []
    for seed in range(20):
        outage.calls = 0  # type: ignore[attr-defined]
        found.append(play(outage, seed))
    assert found.count(-1) >= 19, found


@pytest.mark.parametrize(
    ("outcome", "weight", "within"),
    [
        (worse("failed", 1.0), 1, 6),
        (worse("failed", 1.0), 5, 10),
        (worse("failed", 1.0), 50, 40),
        (worse("refused", 0.2), 5, 80),
        (worse("failed", 0.05), 25, 700),
        (worse("lossy", 0.9), 5, 60),
        (worse("ok", 0.0, slower=4.0), 5, 120),
        (worse("ok", 0.0, slower=4.0), 25, 200),
    ],
)
def test_a_break_is_found_within_so_many_calls_of_the_new_release(outcome: Outcome, weight: int, within: int) -> None:
    found = [play(outcome, seed, steps=(weight,), calls=200_000 // max(weight, 1)) for seed in range(8)]
    assert -1 not in found
    assert sorted(found)[-2] <= within, found


def test_a_release_that_breaks_after_a_good_hour_is_found() -> None:
    calls = {"green": 0, "blue": 0}

    def late(chance: random.Random, colour: str) -> tuple[str, float]:
        calls[colour] += 1
        rate = 0.5 if colour == "green" and calls["green"] > 5000 else 0.01
        return ("failed" if chance.random() < rate else "ok"), 100.0

    found = play(late, 3, steps=(25,), calls=40_000)
    assert 5000 < found < 5150


def test_with_every_call_on_green_it_is_held_against_what_blue_did() -> None:
    calls = {"green": 0, "blue": 0}

    def late(chance: random.Random, colour: str) -> tuple[str, float]:
        calls[colour] += 1
        rate = 0.6 if calls["green"] > 3000 else 0.01
        return ("failed" if chance.random() < rate else "ok"), 100.0

    assert 3000 < play(late, 1, steps=(50, 100), calls=4000) < 3100


def test_sums_that_redis_lost_are_a_new_beginning() -> None:
    evidence, good = GuardEvidence(), SplitCounts(ColourCounts(calls=900), ColourCounts(calls=100))
    assert read(evidence, good, sticky=False, limits=LIMITS) == ()
    lost = SplitCounts(ColourCounts(calls=90, failed=0), ColourCounts(calls=10, failed=9))
    assert read(evidence, lost, sticky=False, limits=LIMITS) == ()
    assert guards.doubtful(evidence, LIMITS) == ()


def test_a_loss_that_was_approved_is_neither_broken_nor_doubtful() -> None:
    evidence, approved = GuardEvidence(), structs.replace(LIMITS, lossy_points=guards.EVERYTHING)
    for number in range(1, 40):
        counts = SplitCounts(ColourCounts(calls=100 * number), ColourCounts(calls=20 * number, lossy=20 * number))
        assert read(evidence, counts, sticky=False, limits=approved) == ()
    assert guards.doubtful(evidence, approved) == ()
    assert guards.doubtful(evidence, LIMITS) == ("lossy",)


def test_a_caller_that_always_fails_does_not_break_a_line_if_callers_stay_on_their_colour() -> None:
    evidence = GuardEvidence()
    for number in range(1, 50):
        counts = SplitCounts(ColourCounts(calls=100 * number), ColourCounts(calls=10 * number, refused=5 * number))
        assert read(evidence, counts, sticky=True, limits=LIMITS) == ()
    counts = SplitCounts(ColourCounts(calls=6000), ColourCounts(calls=700, refused=345, saved=100))
    assert read(evidence, counts, sticky=True, limits=LIMITS) == ("refused",)


def test_calls_that_hang_count_as_slow_while_they_wait() -> None:
    evidence, waits = GuardEvidence(), ColourCounts().waits
    waits[bucket(100.0)] = 1000
    read(evidence, SplitCounts(ColourCounts(calls=1000, waits=waits), ColourCounts()), sticky=False, limits=LIMITS)
    broken: tuple[str, ...] = ()
    for number in range(1, 40):
        blue, green = ColourCounts(calls=1000 + 20 * number, waits=list(waits)), ColourCounts()
        blue.waits[bucket(100.0)] += 20 * number
        green.waiting[bucket(2000.0)] = number
        broken = broken or read(evidence, SplitCounts(blue, green), sticky=False, limits=LIMITS)
    assert broken == ("slow",)
