"""The sequential test: rare false alarms over a year of looks, and a quick sight of a real change."""

import random

import pytest

from versions.evidence import sequential

PROBES = 8


def first_alarm(rng: random.Random, rate: float, known: float, days: int) -> int | None:
    """The day on which the evidence first exceeds its bound."""
    ratios = sequential.begun()
    for day in range(days):
        matches = sum(rng.random() < rate for _ in range(PROBES))
        ratios = sequential.after(ratios, matches, PROBES, known)
        if sequential.evidence(ratios) > sequential.BOUND:
            return day
    return None


@pytest.mark.parametrize("known", [0.5, 0.9, 0.98])
def test_an_unchanged_model_looked_at_daily_for_a_year_raises_hardly_any_alarm(known: float) -> None:
    rng = random.Random(1)
    alarms = sum(first_alarm(rng, known, known, 365) is not None for _ in range(1000))
    assert alarms <= 5, "one in a thousand is promised"


@pytest.mark.parametrize(("rate", "days"), [(0.0, 1), (0.3, 3), (0.6, 14)])
def test_a_changed_model_is_seen_within_days(rate: float, days: int) -> None:
    rng = random.Random(2)
    seen = [first_alarm(rng, rate, 0.95, 60) for _ in range(200)]
    late = [day for day in seen if day is None or day >= days]
    assert len(late) <= 10


def test_more_matches_are_never_evidence() -> None:
    ratios = sequential.begun()
    for _ in range(100):
        ratios = sequential.after(ratios, PROBES, PROBES, 0.9)
        assert sequential.evidence(ratios) <= 0


def test_the_yardstick_is_cautious() -> None:
    assert sequential.known_rate(16, 16) < 0.98
    assert sequential.known_rate(0, 16) == 0.2
