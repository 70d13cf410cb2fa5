"""A moment that an address names: `?at=2026-11-30T08:00:00Z`."""

from datetime import UTC, datetime

from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid
from routing.history.partitions import MINUTE


def read(text: str, clock: float) -> float:
    """The moment in Unix time: ISO 8601, UTC if it names no zone. Raises Invalid with what to do.

    `clock` is the time now, in Unix time. History is kept for 30 days.
    """
    text = text.strip()
    try:
        given = datetime.fromisoformat(text[:40].replace(" ", "+") if "T" in text else text[:40])
    except ValueError as error:
        raise Invalid(
            "at", Sentence("{given} is no moment; expected one such as 2026-11-30T08:00:00Z", given=repr(text[:40]))
        ) from error
    moment = (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    if moment > clock:
        raise Invalid("at", Sentence("that moment is still to come"))
    if moment < clock - MINUTE.kept:
        raise Invalid("at", Sentence("history goes back 30 days, and that moment is older"))
    return moment
