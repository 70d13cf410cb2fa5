"""The overview's chart as geometry: scaled to round numbers, in time order, with gaps where there is nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.charts import COLUMN, HEIGHT, LABELS, LEAST_PERCENT, chart, panel, rounded_up
from controlplane.overview import shares
from routing.calls.steps import StepSums

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COUNTS = st.integers(0, 10**6)
STEPS = st.lists(
    st.builds(
        lambda answered, failed, p95: StepSums(START, answered, 0, failed, 0, p95),
        COUNTS,
        COUNTS,
        st.none() | st.floats(0, 10**6),
    ),
    min_size=1,
    max_size=20,
)


@given(st.floats(1e-3, 1e9))
def test_an_axis_ends_at_the_next_round_number(value: float) -> None:
    top = rounded_up(value)
    assert value <= top <= 2.0001 * value
    assert float(f"{top:.6e}".partition("e")[0]) in (1, 2, 4, 6, 8, 10)


@given(STEPS)
def test_every_bar_stands_on_the_ground_and_fits_its_panel(steps: list[StepSums]) -> None:
    found = chart(steps[:-1], steps[-1], MINUTE)
    assert found.width == COLUMN * len(steps)
    for one in found.panels:
        assert len(one.columns) == len(steps)
        assert one.ticks == (one.ticks[0], one.ticks[0] / 2, 0.0)
        for number, column in enumerate(one.columns):
            assert column.x == COLUMN * number
            assert column.y + column.height == pytest.approx(HEIGHT)
            assert column.y >= -1e-6
            assert column.running is (number == len(steps) - 1)


def test_steps_are_told_with_their_end_and_labels_at_equal_distances() -> None:
    steps = [StepSums(START + MINUTE * number, answered=number) for number in range(16)]
    found = chart(steps[:-1], steps[-1], MINUTE)
    assert [end for _, _, end in found.steps] == [one.at + MINUTE for one in steps]
    assert found.labels == tuple(START + MINUTE * 4 * number for number in range(LABELS))
    assert [column.value for column, _, _ in found.steps] == [float(number) for number in range(16)]


def test_one_failure_of_a_hundred_does_not_fill_the_panel() -> None:
    found = chart([], StepSums(START, answered=99, failed=1), MINUTE)
    failures = found.panels[1]
    assert failures.ticks[0] >= LEAST_PERCENT
    assert failures.columns[0].height == pytest.approx(HEIGHT / failures.ticks[0])


def test_a_line_breaks_where_nothing_was_called() -> None:
    values = iter([1.0, 2.0, None, 4.0])
    steps = [StepSums(START)] * 4
    found = panel("p95", steps, lambda _: next(values), least=4.0)
    assert found.line == "M0 75.0H10V50.0H20M30 0.0H40"
    assert panel("p95", steps, lambda _: None, least=4.0).line == ""


@given(st.dictionaries(st.sampled_from(["ready", "unreachable", "probing", "disabled"]), st.integers(0, 10**5)))
def test_states_fill_their_bar_in_order(states: dict[str, int]) -> None:
    found = shares(states)
    assert [part["state"] for part in found] == list(states)
    ends = 0.0
    for part in found:
        assert float(part["x"]) == pytest.approx(ends, abs=0.11)
        ends = float(part["x"]) + float(part["width"])
    assert ends == pytest.approx(1000 if sum(states.values()) else 0, abs=0.6)
