"""Deprecation, sunset and stability."""

from datetime import date
from typing import Any

import pytest

from versions.diff.lifecycle import day, lifecycle, prose_notice, removal_rule
from versions.diff.policy import DiffPolicy

TODAY = DiffPolicy(today=date(2026, 6, 15))
PAST, FUTURE, LATER = "2026-06-01", "2026-07-01", "2026-08-01"


def told(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [key for key, _was, _now in lifecycle(old, new, TODAY)]


def gone(sunset: Any = None) -> dict[str, Any]:
    return {"deprecated": True, **({"x-sunset": sunset} if sunset is not None else {})}


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        ({}, {}, []),
        (gone(), gone(), []),
        ({}, gone(), ["deprecated"]),
        (gone(), {}, ["reactivated"]),
        ({}, {"deprecated": "true"}, []),
        ({}, gone(FUTURE), ["deprecated"]),
        ({}, gone(PAST), ["deprecated", "sunset-moved-earlier"]),
        (gone(FUTURE), gone(), ["sunset-deleted"]),
        (gone(), gone(FUTURE), []),
        (gone(), gone(PAST), ["sunset-moved-earlier"]),
        (gone(FUTURE), gone(LATER), ["sunset-moved-later"]),
        (gone(LATER), gone(FUTURE), ["sunset-moved-earlier"]),
        (gone(FUTURE), gone(FUTURE), []),
        (gone(FUTURE), gone("soon"), ["sunset-unreadable"]),
        (gone("soon"), gone(FUTURE), ["sunset-unreadable"]),
        (gone(FUTURE), gone("2026-07-01T10:00:00Z"), []),
        ({"x-sunset": FUTURE}, {"x-sunset": PAST}, []),
        ({"x-stability-level": "beta"}, {"x-stability-level": "alpha"}, ["stability-lowered"]),
        ({"x-stability-level": "draft"}, {"x-stability-level": "stable"}, ["stability-raised"]),
        ({}, {"x-stability-level": "beta"}, ["stability-lowered"]),
        ({}, {"x-stability-level": "stable"}, []),
        ({"x-stability-level": "gold"}, {"x-stability-level": "beta"}, ["stability-unknown"]),
        ({"x-stability-level": "gold"}, {"x-stability-level": "gold"}, []),
    ],
)
def test_what_is_said_of_the_life_of_a_part(old: dict[str, Any], new: dict[str, Any], keys: list[str]) -> None:
    assert told(old, new) == keys


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2026-06-01", date(2026, 6, 1)),
        ("2026-06-01T23:59:59Z", date(2026, 6, 1)),
        ("2026-06-01T23:59:59+08:00", date(2026, 6, 1)),
        ("2026-13-01", None),
        ("soon", None),
        ("", None),
        (20260601, None),
        (None, None),
    ],
)
def test_a_day_is_a_date_or_a_time(value: Any, found: date | None) -> None:
    assert day(value) == found


@pytest.mark.parametrize(
    ("described", "rule"),
    [
        ({}, "operation-removed"),
        ({"x-stability-level": "alpha"}, "unstable-removed"),
        ({"x-stability-level": "beta"}, "operation-removed"),
        (gone(), "operation-removed-after-sunset"),
        (gone(PAST), "operation-removed-after-sunset"),
        (gone("2026-06-15"), "operation-removed-after-sunset"),
        (gone(FUTURE), "operation-removed-before-sunset"),
        (gone("soon"), "sunset-unreadable"),
        ({"x-sunset": PAST}, "operation-removed"),
        ({**gone(FUTURE), "x-stability-level": "draft"}, "unstable-removed"),
    ],
)
def test_a_removal_is_judged_by_what_was_promised(described: dict[str, Any], rule: str) -> None:
    assert removal_rule(described, TODAY)[0] == rule


def test_a_team_may_promise_nothing_for_beta() -> None:
    policy = DiffPolicy(unstable_levels=("beta",))
    assert removal_rule({"x-stability-level": "beta"}, policy)[0] == "unstable-removed"
    assert removal_rule({"x-stability-level": "alpha"}, policy)[0] == "operation-removed"


@pytest.mark.parametrize(
    ("before", "after", "phrase"),
    [
        ("", "Will be removed in May", "will be removed"),
        (None, "DEPRECATED", "deprecated"),
        ("deprecated", "deprecated, no longer served", "no longer"),
        ("deprecated", "deprecated", ""),
        ("a", "b", ""),
        ("即将下线", "即将下线", ""),
        ("模型", "模型即将下线", "即将下线"),
        (7, ["sunset"], ""),
    ],
)
def test_a_phrase_of_decline_is_heard_once(before: Any, after: Any, phrase: str) -> None:
    assert prose_notice(before, after) == phrase
