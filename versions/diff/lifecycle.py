"""Deprecation, sunset and stability, which operations, parameters and fields all have."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from versions.diff.policy import DiffPolicy

LEVELS = ("draft", "alpha", "beta", "stable")
PHRASES = ("deprecated", "no longer", "will be removed", "sunset", "已弃用", "不再支持", "即将下线")
Told = tuple[str, Any, Any]


def lifecycle(old: dict[str, Any], new: dict[str, Any], policy: DiffPolicy) -> Iterator[Told]:
    """Rule keys with what was and what is, for two descriptions of the same thing."""
    was, now = old.get("deprecated") is True, new.get("deprecated") is True
    sunset_old, sunset_new = old.get("x-sunset"), new.get("x-sunset")
    if was and not now:
        yield "reactivated", sunset_old, None
    if now and not was:
        yield "deprecated", None, sunset_new
    if now:
        yield from _sunset(sunset_old if was else None, sunset_new, policy)
    yield from _stability(old.get("x-stability-level"), new.get("x-stability-level"))


def _sunset(before: Any, after: Any, policy: DiffPolicy) -> Iterator[Told]:
    if (after is not None and day(after) is None) or (before is not None and day(before) is None):
        yield "sunset-unreadable", before, after
    elif before is not None and after is None:
        yield "sunset-deleted", before, after
    elif before is not None and after is not None:
        first, second = day(before), day(after)
        if first and second and first != second:
            yield ("sunset-moved-earlier" if second < first else "sunset-moved-later"), before, after
    elif after is not None and (day(after) or policy.at()) < policy.at():
        yield "sunset-moved-earlier", "no date", after


def _stability(before: Any, after: Any) -> Iterator[Told]:
    if before == after:
        return
    strange = [level for level in (before, after) if level is not None and level not in LEVELS]
    if strange:
        yield "stability-unknown", before, after
        return
    first = LEVELS.index(before) if before is not None else LEVELS.index("stable")
    second = LEVELS.index(after) if after is not None else LEVELS.index("stable")
    if first != second:
        yield ("stability-lowered" if second < first else "stability-raised"), before, after


def day(value: Any) -> date | None:
    """A sunset date, full date or RFC 3339 time; None if it is neither."""
    if not isinstance(value, str):
        return None
    try:
        return (
            date.fromisoformat(value)
            if len(value) <= 10
            else datetime.fromisoformat(value.replace("Z", "+00:00")).date()
        )
    except ValueError:
        return None


def removal_rule(described: dict[str, Any], policy: DiffPolicy) -> tuple[str, Any]:
    """Which rule a removal falls under, by what was promised: rule key and the telling value."""
    level = described.get("x-stability-level")
    if level in policy.unstable_levels:
        return "unstable-removed", level
    if described.get("deprecated") is not True:
        return "operation-removed", None
    sunset = described.get("x-sunset")
    if sunset is None:
        return "operation-removed-after-sunset", None
    ends = day(sunset)
    if ends is None:
        return "sunset-unreadable", sunset
    return ("operation-removed-after-sunset" if ends <= policy.at() else "operation-removed-before-sunset"), sunset


def prose_notice(before: Any, after: Any) -> str:
    """A phrase of decline that a new description has and the old one had not; empty if there is none."""
    first, second = (text.lower() if isinstance(text, str) else "" for text in (before, after))
    return next((phrase for phrase in PHRASES if phrase in second and phrase not in first), "")
