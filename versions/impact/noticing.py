"""How many of a caller's calls would notice a finding, out of what they gave of its parameter. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from versions.diff.values import same

LEAVING_OUT = frozenset({
    "default-changed", "required-added", "required-added-with-default", "became-required",
    "became-required-with-default",
})  # fmt: skip
"""Findings that calls notice which do not give the parameter."""
BY_VALUE = frozenset({
    "bound-tightened", "bound-added", "bound-became-exclusive", "enum-value-removed", "enum-added", "number-to-integer",
    "multiple-of-narrowed", "multiple-of-changed",
})  # fmt: skip
"""Findings that calls notice which give certain values."""


@dataclass(frozen=True)
class GivenValues:
    """What a caller gave of a parameter: calls, the range of numbers, and calls by value, `more` if not of all."""

    calls: int = 0
    low: float | None = None
    high: float | None = None
    values: Sequence[tuple[Any, int]] = ()
    more: bool = False


@dataclass(frozen=True)
class Noticed:
    """Calls that would notice; `at_most` if the values of some are not known, so that it may be fewer."""

    calls: int
    at_most: bool = False


def noticed(
    finding: Mapping[str, Any], given: GivenValues | None, calls: int, body: Mapping[str, Any] | None
) -> Noticed:
    """Of `calls` of one caller, those that would notice `finding`.

    `given` is what they gave of the finding's parameter, None if nobody counts that: the finding is about no parameter
    of the spec. `body` is the parameter as it would be, None if it is gone.
    """
    if given is None:
        return Noticed(calls, at_most=True)
    key = finding.get("key")
    if key in LEAVING_OUT:
        return Noticed(max(calls - given.calls, 0))
    if key not in BY_VALUE or body is None:
        return Noticed(given.calls)
    outside = sum(count for value, count in given.values if not accepts(body, value, finding))
    unknown = given.calls - sum(count for _, count in given.values)
    if not unknown or _all_inside(body, given, finding):
        return Noticed(outside)
    return Noticed(outside + unknown, at_most=True)


def accepts(body: Mapping[str, Any], value: Any, finding: Mapping[str, Any]) -> bool:
    """Whether a parameter takes a value, as far as the finding is about that."""
    if finding.get("key") == "number-to-integer":
        return not isinstance(value, float) or value.is_integer()
    options = body.get("options")
    if options and finding.get("key") in ("enum-value-removed", "enum-added"):
        return any(same(value, option) for option in options)
    low, high = body.get("range") or (None, None)
    if (low is None and high is None) or isinstance(value, bool | str):
        return isinstance(value, bool | str)
    return (low is None or value >= low) and (high is None or value <= high)


def _all_inside(body: Mapping[str, Any], given: GivenValues, finding: Mapping[str, Any]) -> bool:
    """Whether every number that was given lies within the new range."""
    low, high = body.get("range") or (None, None)
    if finding.get("key") not in ("bound-tightened", "bound-added") or (low is None and high is None):
        return False
    if given.low is None or given.high is None:
        return False
    return (low is None or given.low >= low) and (high is None or given.high <= high)
