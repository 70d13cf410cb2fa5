"""The facts of telemetry: twenty-seven dimensions, series with units, and values that cannot be."""

import math
import re

import pytest

from routing.samples.dimensions import (
    BY_POSITION,
    DIMENSIONS,
    ENGINE_DIMENSIONS,
    FIRST_ENGINE_POSITION,
    SERIES,
    UNITS,
    TelemetrySeries,
)
from routing.telemetry import DEVICE_SOURCES, ENGINE_SOURCES


def test_there_are_twenty_seven_with_a_meaning_in_two_languages() -> None:
    assert [one.number for one in DIMENSIONS] == list(range(1, 28))
    for one in (*DIMENSIONS, *ENGINE_DIMENSIONS):
        assert one.en.endswith(".")
        assert re.search(r"[\u4e00-\u9fff]", one.zh), one.name


def test_series_have_names_of_their_own_and_fit_in_front_of_the_engines() -> None:
    assert len(SERIES) == sum(len(one.series) for one in (*DIMENSIONS, *ENGINE_DIMENSIONS)) == len(BY_POSITION)
    assert max(series.position for one in DIMENSIONS for series in one.series) < FIRST_ENGINE_POSITION


@pytest.mark.parametrize("series", SERIES.values(), ids=lambda series: series.name)
def test_names_follow_the_conventions_of_prometheus(series: TelemetrySeries) -> None:
    assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", series.name)
    assert series.name.endswith("_total") == (series.kind == "counter")
    ending = {"bytes": "_bytes", "ratio": "_ratio", "celsius": "_celsius", "watts": "_watts", "hertz": "_hertz"}
    assert series.name.endswith(ending.get(series.unit, ""))


@pytest.mark.parametrize("series", SERIES.values(), ids=lambda series: series.name)
def test_what_cannot_be_is_a_fault(series: TelemetrySeries) -> None:
    low, high = UNITS[series.unit]
    assert series.fault(low) == series.fault(high) == ""
    assert series.fault(math.nan) == series.fault(math.inf) == "not a number"
    assert series.fault(high * 1.01) == "out of range"
    assert series.fault(low - 1) == ("negative" if low == 0 else "out of range")


def test_collectors_give_only_series_of_their_kind() -> None:
    for source in (*DEVICE_SOURCES.values(), *ENGINE_SOURCES.values()):
        given = {SERIES[rule.series] for rules in source.rules.values() for rule in rules}
        assert all((one.position < FIRST_ENGINE_POSITION) == (source.name in DEVICE_SOURCES) for one in given)
