"""When a model is deprecated and when it ends: as a spec says it, and the headers of RFC 9745 and RFC 8594. Pure."""

import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

DEPRECATION, SUNSET = "deprecation", "sunset"
FIRST, LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Other dates are no dates that anybody means."""
LONGEST = 64
DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2}))?"
"""A date or a date-time of RFC 3339."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Dates of a model's end; None if nobody told one."""

    deprecated_at: datetime | None = None
    sunset_at: datetime | None = None

    def over(self, other: "Lifecycle") -> "Lifecycle":
        """These dates, and the other's where this one has none. What has ended is deprecated by then at the latest."""
        deprecated, sunset = self.deprecated_at or other.deprecated_at, self.sunset_at or other.sunset_at
        return Lifecycle(min(deprecated, sunset) if deprecated and sunset else deprecated, sunset)


def moment(text: str) -> datetime | None:
    """A date or date-time of RFC 3339, to the second; a date alone begins in UTC. None if `text` is neither."""
    if not re.fullmatch(DATE, text):
        return None
    try:
        found = datetime.fromisoformat(text.upper())
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return found.replace(microsecond=0) if FIRST <= found < LAST else None


def written(when: datetime) -> str:
    """The shortest way to write a moment in UTC that `moment` reads back."""
    text = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    return text.removesuffix("T00:00:00Z")


def stated(document: Mapping[str, Any]) -> Lifecycle:
    """The dates in the document of a spec that was read once."""
    return Lifecycle(*(moment(document[key]) if key in document else None for key in ("deprecated", "sunset")))


def read(headers: Mapping[str, str], now: datetime) -> Lifecycle:
    """What headers with lower-case names say; a value that is no date says nothing.

    `true` is the older draft's form of a deprecation without a date; it counts from `now`.
    """
    told = headers.get(DEPRECATION, "").strip()
    deprecated = now if told.lower() == "true" else _date(told)
    return Lifecycle(deprecated, _date(headers.get(SUNSET, "").strip()))


def lines(deprecated: int, sunset: int) -> tuple[tuple[bytes, bytes], ...]:
    """Both headers for callers, of Unix seconds; none for 0."""
    told = []
    if deprecated:
        told.append((DEPRECATION.encode(), b"@%d" % deprecated))
    if sunset:
        told.append((SUNSET.encode(), email.utils.formatdate(sunset, usegmt=True).encode()))
    return tuple(told)


def _date(text: str) -> datetime | None:
    """A structured date (`@1688169599`) or an HTTP date."""
    if not text or len(text) > LONGEST or not text.isascii():
        return None
    try:
        if text.startswith("@"):
            found = datetime.fromtimestamp(int(text[1:]), UTC)
        else:
            found = email.utils.parsedate_to_datetime(text)
            found = found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, OSError, IndexError):
        return None
    return found if FIRST < found < LAST else None
