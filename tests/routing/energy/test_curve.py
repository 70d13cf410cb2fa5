"""Joules of windows: by the counter, by power, and never by what is not known."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from routing.energy.curve import GAP, STEP, PowerReadings, WindowJoules, windows

nan = math.nan
watts_told = st.lists(st.floats(0, 1000), min_size=2, max_size=80)


def readings(at: list[float], watts: list[float], counter: list[float]) -> PowerReadings:
    return PowerReadings(np.array(at, float), np.array(watts, float), np.array(counter, float))


def of(told: list[tuple[float, float, float]], count: int = 3) -> WindowJoules:
    return windows(readings(*map(list, zip(*told, strict=True))), 0, count)


@given(watts_told, st.floats(0.5, 20))
def test_integrated_power_is_the_trapezoid_and_every_second_is_known(watts: list[float], step: float) -> None:
    at = [index * step for index in range(len(watts))]
    assume(at[-1] >= STEP)
    count = int(at[-1] // STEP)
    found = windows(readings(at, watts, [nan] * len(at)), 0, count)
    assert found.known_s.tolist() == pytest.approx([STEP] * count)
    assert found.counted_s.sum() == 0
    whole = windows(readings(at, watts, [nan] * len(at)), 0, count + 1)
    assert whole.joules.sum() == pytest.approx(np.trapezoid(watts, at), rel=1e-6, abs=1e-6)


@given(st.lists(st.floats(1, 700), min_size=2, max_size=80), st.floats(0, 1e9), st.floats(0, 700))
def test_the_counter_goes_before_power_and_nothing_of_it_is_lost(
    grown: list[float], before: float, power: float
) -> None:
    at = [float(index) for index in range(len(grown))]
    counter = (before + np.concatenate([[0.0], np.cumsum(grown[1:])])).tolist()
    found = windows(readings(at, [power] * len(at), counter), 0, 8)
    assert found.joules.sum() == pytest.approx(counter[-1] - counter[0], rel=1e-6, abs=1e-3)
    assert found.counted_s.sum() == pytest.approx(len(grown) - 1)


@given(watts_told, st.sets(st.integers(0, 79)), st.integers(0, 79))
def test_what_is_not_known_is_no_energy(watts: list[float], gone: set[int], hole: int) -> None:
    """Joules never exceed what the greatest power gives in the known seconds, whatever is missing."""
    told = [(float(at) + (2 * GAP if at > hole else 0), one) for at, one in enumerate(watts) if at not in gone]
    assume(told)
    found = of([(at, one, nan) for at, one in told], 30)
    assert (found.joules <= max(watts) * found.known_s + 1e-6).all()
    assert (found.known_s <= STEP + 1e-9).all()
    assert found.known_s.sum() <= max(0, len(told) - 1) * GAP
    assert (found.joules[found.known_s == 0] == 0).all()


def test_a_gap_that_is_too_long_is_unknown_and_one_that_is_not_is_bridged() -> None:
    near = of([(0, 100, nan), (GAP, 100, nan)], 6)
    assert near.joules.tolist() == pytest.approx([1000] * 6)
    far = of([(0, 100, nan), (1, 100, nan), (GAP + 2, 100, nan)], 6)
    assert far.known_s.tolist() == pytest.approx([1, 0, 0, 0, 0, 0])
    assert far.joules.tolist() == pytest.approx([100, 0, 0, 0, 0, 0])


def test_a_value_that_an_exporter_repeats_is_one_reading() -> None:
    """dcgm-exporter collects each 30 seconds by itself and is scraped each second."""
    told = [(float(at), nan, 1000.0 + 300.0 * (at // 30 * 30)) for at in range(91)]
    found = of(told, 9)
    assert found.joules.tolist() == pytest.approx([3000] * 9)
    assert found.counted_s.tolist() == pytest.approx([STEP] * 9)


@pytest.mark.parametrize(
    ("told", "joules", "counted"),
    [
        ([(0, 50, 9000), (5, 50, 9250), (10, 50, 100)], 250 + 250, 5),
        ([(0, nan, 9000), (5, nan, 9250), (10, nan, 100)], 250 + 100, 5),
        ([(0, 50, 2.0**32 - 10), (10, 50, 490)], 500, 10),
        ([(0, 50, 0), (10, 50, 1e9)], 500, 0),
        ([(0, nan, 0), (10, nan, 1e9)], 0, 0),
        ([(0, 50, 7000), (10, 50, 7000)], 500, 0),
        ([(0, 0, 7000), (10, 0, nan)], 0, 0),
    ],
    ids=["reset", "reset without power", "wrap", "leap", "leap without power", "stuck", "counter gone"],
)
def test_a_counter_that_lies(told: list[tuple[float, float, float]], joules: float, counted: float) -> None:
    found = of(told, 1)
    assert found.joules[0] == pytest.approx(joules)
    assert found.counted_s[0] == pytest.approx(counted)


@pytest.mark.parametrize("told", [[(3.0, 100, 5.0)], [(3.0, nan, nan), (4.0, nan, nan)]])
def test_one_reading_or_none_is_no_energy(told: list[tuple[float, float, float]]) -> None:
    found = of(told)
    assert found.joules.tolist() == found.known_s.tolist() == [0, 0, 0]
