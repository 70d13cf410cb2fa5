"""Figures as people compare them, and a race over time as columns, thinned for keeping and for live pages."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.lab.figures import FIGURES, HIGHER, LOWER, Figure, compared, signed
from routing.lab.series import COLUMNS, DRAWN, KEPT, LIVE_COLUMNS, ROWS, Series, spread, tables
from tests.races import FIGURES as RESULTS
from tests.races import PAIR, SAMPLE, series


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0"), (0.04, "0.0"), (-0.04, "0.0"), (0.05001, "+0.1"), (-3.25, "−3.2"), (12345.6, "+12,345.6")],
)
def test_a_difference_has_a_sign_unless_it_is_nothing(value: float, text: str) -> None:
    assert signed(value) == text


@pytest.mark.parametrize(
    ("figure", "value", "text"),
    [
        (Figure("mean_s", "s"), 1234.56, "1,234.6"),
        (Figure("useful", "%"), 0.74449, "74.4 %"),
        (Figure("loads", digits=0), 4216.0, "4,216"),
        (Figure("joules", "J", 0), 3324.5, "3,324"),
    ],
)
def test_a_figure_is_written_with_its_digits(figure: Figure, value: float, text: str) -> None:
    assert figure.text(value) == text


def rows(name: str, first: float, second: float) -> Any:
    """The row of one figure of two policies that are equal in all others."""
    results = {PAIR[0]: {**RESULTS, name: first}, PAIR[1]: {**RESULTS, name: second}}
    return compared(PAIR, results)[name]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda one: one.name)
def test_who_wins_is_who_is_better_as_people_read_it(figure: Figure) -> None:
    less, more = 0.25, 0.75
    if figure.digits == 0:
        less, more = 25.0, 75.0
    row = rows(figure.name, less, more)
    assert row.winner == {LOWER: 0, HIGHER: 1}.get(figure.better, -1)
    assert row.verdict == {LOWER: "worse", HIGHER: "better"}.get(figure.better, "")
    row = rows(figure.name, more, less)
    assert row.winner == {LOWER: 1, HIGHER: 0}.get(figure.better, -1)


def test_a_difference_that_nobody_can_read_is_a_draw() -> None:
    row = rows("mean_s", 40.01, 40.04)
    assert row.texts == ("40.0", "40.0")
    assert (row.winner, row.verdict) == (-1, "same")


def test_differences_are_percent_of_the_first_points_of_shares_and_nothing_over_nothing() -> None:
    assert rows("mean_s", 40.0, 30.0).difference == "−25.0 %"
    assert rows("useful", 0.5, 0.61).difference == "+11.0"
    assert rows("p99_s", 0.0, 5.0).difference == "–"


@pytest.mark.parametrize("results", [None, {}, {PAIR[0]: RESULTS}])
def test_a_race_that_is_not_over_has_no_figures(results: Any) -> None:
    assert compared(PAIR, results) == {}


def test_a_figure_that_an_older_race_lacks_is_left_out() -> None:
    older = {name: value for name, value in RESULTS.items() if name != "decision_us"}
    found = compared(PAIR, {PAIR[0]: RESULTS, PAIR[1]: older})
    assert set(found) == {figure.name for figure in FIGURES} - {"decision_us"}


@given(st.integers(0, 1000), st.integers(2, 150))
def test_a_thinned_series_keeps_its_ends_and_is_even(count: int, most: int) -> None:
    places = spread(count, most)
    assert len(places) == min(count, most)
    assert places == sorted(set(places))
    if count:
        assert (places[0], places[-1]) == (0, count - 1)
    steps = {after - before for before, after in pairwise(places)}
    assert max(steps, default=0) - min(steps, default=0) <= 1


@pytest.mark.parametrize("moments", [0, 1, 60, 61, 400])
def test_live_pages_get_fewer_moments_and_columns_than_a_result_keeps(moments: int) -> None:
    whole = Series()
    for moment in range(moments):
        whole.add({"at_s": float(moment), "policies": {name: {**SAMPLE, "answered": moment} for name in PAIR}})
    kept, live = whole.thinned(), whole.for_pages()
    assert (len(kept["at_s"]), len(live["at_s"])) == (min(moments, KEPT), min(moments, DRAWN))
    if moments:
        assert set(kept["policies"][PAIR[0]]) == set(COLUMNS)
        assert set(live["policies"][PAIR[0]]) == set(LIVE_COLUMNS)
        assert kept["policies"][PAIR[0]]["answered"][-1] == moments - 1
        assert whole.answered() == 2 * (moments - 1)


def test_a_sample_that_lacks_a_column_is_refused() -> None:
    with pytest.raises(KeyError):
        Series().add({"at_s": 0.0, "policies": {PAIR[0]: {"waiting": 1}}})


def test_a_table_beside_a_chart_has_a_few_rows_in_the_charts_units() -> None:
    found = tables(PAIR, series(100))
    assert set(found) == set(LIVE_COLUMNS)
    assert all(len(moments) == ROWS for moments in found.values())
    assert found["busy"][0].texts == ("93 %", "93 %")
    assert found["mean_s"][0].texts == ("–", "–")
    assert found["mean_s"][-1].texts == ("3.2 s", "3.2 s")
    assert found["waiting"][-1].texts == ("99", "99")
    assert found["waiting"][-1].at == "792"


@pytest.mark.parametrize("missing", [{}, {"policies": {}}, {"at_s": [1.0], "policies": {PAIR[0]: {}}}])
def test_a_chart_without_all_its_policies_has_no_table(missing: dict[str, Any]) -> None:
    assert tables(PAIR, missing) == {column: [] for column in LIVE_COLUMNS}
