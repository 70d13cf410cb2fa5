"""When a model is deprecated and when it ends, as the headers of RFC 9745 and RFC 8594 say it. Pure."""

import email.utils
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

DEPRECATION, SUNSET = "deprecation", "sunset"
LAST = datetime(2200, 1, 1, tzinfo=UTC)
"""Later dates are no dates that anybody means."""
LONGEST = 64


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Dates of a model's end; None if nobody told one."""

    deprecated_at: datetime | None = None
    sunset_at: datetime | None = None


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
    return found if datetime(1990, 1, 1, tzinfo=UTC) < found < LAST else None
