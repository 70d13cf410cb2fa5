"""Sharing a window: what calls get and what was idle is what was measured, whoever sits where."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.energy.curve import STEP
from routing.energy.shares import PlacedPairs, ReplicaRates, WindowFacts, rates


def facts(*told: tuple[float, float, float, float]) -> WindowFacts:
    """Devices by joules, known seconds, idle watts, money."""
    joules, known, idle, money = (np.array(column, float) for column in zip(*told, strict=True))
    number = len(told)
    return WindowFacts(np.arange(number), joules, known, known, idle, money, np.zeros(number, bool))


def shared(said: WindowFacts, seconds: list[float], *pairs: tuple[int, int, float]) -> ReplicaRates:
    replica, device, weight = zip(*pairs, strict=True) if pairs else ((), (), ())
    placed = PlacedPairs(np.array(replica, np.int64), np.array(device, np.int64), np.array(weight, float))
    return rates(said, placed, np.array(seconds, float))


prices = st.one_of(st.just(np.nan), st.floats(0, 1))
device = st.tuples(st.floats(0, 7000), st.floats(0, STEP), st.floats(0, 700), prices)


@given(st.data())
def test_what_calls_get_and_what_is_idle_is_what_was_measured(data: st.DataObject) -> None:
    """Several models on one device, and models on several devices; of joules and of money."""
    said = facts(*data.draw(st.lists(device, min_size=1, max_size=5)))
    seconds = data.draw(st.lists(st.one_of(st.just(0.0), st.floats(0.001, 500)), min_size=1, max_size=6))
    places = st.tuples(st.integers(0, len(seconds) - 1), st.integers(0, len(said.devices) - 1))
    chosen = data.draw(st.dictionaries(places, st.floats(0.01, 1), max_size=12))
    found = shared(said, seconds, *((*place, weight) for place, weight in chosen.items()))
    of_calls = (found.used * np.array(seconds)[:, None]).sum(axis=0)
    columns = said.columns()
    idle = (columns * (1 - found.busy)[:, None]).sum(axis=0)
    assert (of_calls + idle).tolist() == pytest.approx(columns.sum(axis=0).tolist(), rel=1e-9, abs=1e-9)
    assert ((found.busy >= 0) & (found.busy <= 1)).all()
    assert (found.used >= 0).all()


def test_seconds_share_what_is_above_idle() -> None:
    found = shared(facts((3000, 10, 100, 0.1)), [2, 6], (0, 0, 1), (1, 0, 1))
    assert found.used[:, 0].tolist() == pytest.approx([250, 250])
    assert found.busy[0] == pytest.approx(2 / 3)
    assert (found.used[:, 1] * [2, 6]).sum() == pytest.approx(0.1 * 2 / 3)


def test_a_model_on_two_devices_gets_of_both_and_a_slice_weighs_less() -> None:
    found = shared(facts((3000, 10, 100, 0), (1500, 10, 50, 0)), [4], (0, 0, 1), (0, 1, 1))
    assert found.used[0, 0] * 4 == pytest.approx(2000 + 1000)
    sliced = shared(facts((1800, 10, 100, 0)), [4, 4], (0, 0, 0.75), (1, 0, 0.25))
    assert (sliced.used[:, 0] * 4).tolist() == pytest.approx([600, 200])


def test_what_was_not_measured_is_told() -> None:
    found = shared(facts((0, 0, 100, 0), (500, 5, 0, 0)), [4, 4], (0, 0, 1), (0, 1, 1), (1, 0, 1))
    assert found.measured.tolist() == pytest.approx([0.25, 0])


def test_a_device_below_its_idle_power_has_nothing_to_share() -> None:
    found = shared(facts((500, 10, 100, 0.1)), [4], (0, 0, 1))
    assert found.used[0].tolist() == [0, 0, 0, 0]
