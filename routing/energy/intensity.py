"""The grid's carbon by hour, out of a CSV: an hour in UTC and grams of CO2 per kWh. All of it or nothing."""

import math
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from django.db import transaction
from django.utils.dateparse import parse_datetime

from controlplane.base import access
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid
from registry.specfile.errors import show
from routing.energy.pricing import number
from routing.energy_tables import EnergyMark, GridIntensity
from routing.inventory.fields import Unfit

MOST_LINES, MOST_ERRORS = 20_000, 100
HEAD = ["hour", "g_per_kwh"]
_grams = number(0, 5000)
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{0,20})?", re.ASCII)
"""Not all that Python takes for one, such as 1_0: a cell that was meant otherwise must not count."""


@dataclass(frozen=True, slots=True)
class CsvProblem:
    """What is wrong with a line of a file; lines count from 1."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class HoursBrought:
    """How many hours a file gave; `settled` of them are over and shared out already, and keep what counted then."""

    hours: int
    settled: int
    first: datetime
    last: datetime


def read(text: str) -> tuple[dict[datetime, float], list[CsvProblem]]:
    """Grams by hour, and the first hundred errors with their lines."""
    found: dict[datetime, float] = {}
    problems: list[CsvProblem] = []
    lines = text.removeprefix("\ufeff").splitlines()
    if len(lines) > MOST_LINES:
        return {}, [CsvProblem(MOST_LINES, Sentence("more than {most} lines; split the file", most=MOST_LINES))]
    for number_of_line, line in enumerate(lines, 1):
        cells = [cell.strip().strip('"') for cell in line.split(",")]
        if cells == [""] or (number_of_line == 1 and [cell.lower() for cell in cells] == HEAD):
            continue
        try:
            hour, grams = _hour(cells), _value(cells)
            if hour in found:
                raise Unfit(Sentence("each hour once"))
            found[hour] = grams
        except Unfit as error:
            told = Sentence("{value}; expected {expected}", value=show(line), expected=error.expected)
            problems.append(CsvProblem(number_of_line, told))
    if not found and not problems:
        problems.append(CsvProblem(1, Sentence("no hour is given; expected lines such as 2027-01-01T13:00Z,350")))
    return found, problems[:MOST_ERRORS]


@transaction.atomic
def bring(actor: access.Actor | None, text: str, request_id: str = "") -> HoursBrought:
    """Keep what a file gives; hours that it leaves out stay. Raises Forbidden, and Invalid with every wrong line."""
    access.require(actor, "fleet.change")
    found, problems = read(text)
    if problems:
        first = problems[0]
        told = Sentence("line {line}: {message}", line=first.line, message=first.message)
        raise Invalid("intensity_csv", told, [asdict(one) for one in problems])
    GridIntensity.objects.bulk_create(
        (GridIntensity(hour=hour, g_per_kwh=grams) for hour, grams in found.items()),
        batch_size=2000, update_conflicts=True, unique_fields=["hour"], update_fields=["g_per_kwh"],
    )  # fmt: skip
    until = EnergyMark.objects.values_list("until", flat=True).first()
    settled = sum(hour < until for hour in found) if until is not None else 0
    brought = HoursBrought(len(found), settled, min(found), max(found))
    detail = {"hours": len(found), "first": brought.first.isoformat(), "last": brought.last.isoformat()}
    audit.record(actor, "intensity.bring", "intensity", "hours", detail, request_id)
    return brought


def _hour(cells: list[str]) -> datetime:
    try:
        given = parse_datetime(cells[0]) if len(cells) == 2 and ":" in cells[0] else None
    except ValueError:
        given = None
    if given is not None and 2000 <= given.year <= 2200:
        found = given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
        if not (found.minute or found.second or found.microsecond):
            return found
    raise Unfit(Sentence("a full hour in UTC and grams per kWh, such as 2027-01-01T13:00Z,350"))


def _value(cells: list[str]) -> float:
    given = float(cells[1]) if _NUMBER.fullmatch(cells[1]) else math.nan
    return float(_grams(given) or 0.0)
