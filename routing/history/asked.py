"""Charts that people and programs ask for: who may, of what, over which time; and a chart as CSV."""

import csv
import io
import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from django.db import connection
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware

from controlplane.base import access
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid, Missing
from routing.history.charts import MOST_POINTS, SeriesChart, chart
from routing.models import Device
from routing.samples.dimensions import DIMENSIONS, ENGINE, ENGINE_DIMENSIONS, Dimension

USUAL_SECONDS, USUAL_POINTS, MOST_SERIES, MOST_SECONDS = 3600.0, 600, 10, 31 * 86_400


def device_chart(actor: access.Actor | None, uuid: str, given: Mapping[str, str]) -> SeriesChart:
    """The chart of a device. `given`: series, from, to, points. Raises Forbidden, Missing, Invalid."""
    access.require(actor, "fleet.read")
    name = uuid.replace("\x00", "")
    if name.startswith(ENGINE) or not (Device.objects.filter(uuid=name).exists() or _heard_of(name)):
        raise Missing("device", Sentence("there is no device {device}", device=name[:100]))
    return _chart(name, DIMENSIONS, given)


def engine_chart(actor: access.Actor | None, subject: str, given: Mapping[str, str]) -> SeriesChart:
    """The same of a model in a model server. Raises Forbidden, Missing, Invalid."""
    access.require(actor, "fleet.read")
    name = subject.replace("\x00", "")
    if not name.startswith(ENGINE) or not _heard_of(name):
        raise Missing("engine", Sentence("no model server has told of {engine}", engine=name[:200]))
    return _chart(name, ENGINE_DIMENSIONS, given)


def _heard_of(subject: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select exists (select from telemetry_subject where subject = %s)", [subject])
        found: bool = cursor.fetchone() == (True,)
        return found


def _chart(subject: str, dimensions: Sequence[Dimension], given: Mapping[str, str]) -> SeriesChart:
    now = time.time()
    end = _moment("to", given.get("to", ""), now)
    start = _moment("from", given.get("from", ""), end - USUAL_SECONDS)
    if not 0 < end - start <= MOST_SECONDS:
        raise Invalid("from", Sentence("from is to be before to, and by 31 days at the most"))
    return chart(subject, _series(dimensions, given.get("series", "")), start, end, now, _points(given))


def _series(dimensions: Sequence[Dimension], text: str) -> list[str]:
    known = [series.name for one in dimensions for series in one.series]
    names = list(dict.fromkeys(name for name in text.split(",") if name)) or [known[0]]
    for name in names:
        if name not in known:
            words = Sentence("{series} is no series; expected some of {known}", series=repr(name[:60]), known=known)
            raise Invalid("series", words)
    if len(names) > MOST_SERIES:
        raise Invalid("series", Sentence("{count} series; expected {most} at most", count=len(names), most=MOST_SERIES))
    return names


def _points(given: Mapping[str, str]) -> int:
    text = given.get("points", "") or str(USUAL_POINTS)
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MOST_POINTS):
        words = Sentence("points is {given}; expected 1 to {most}", given=repr(text[:40]), most=MOST_POINTS)
        raise Invalid("points", words)
    return int(text)


def _moment(name: str, text: str, usual: float) -> float:
    """Unix time of what was given: an ISO 8601 time or Unix seconds. Raises Invalid."""
    if not text:
        return usual
    try:
        return _plausible(float(text))
    except ValueError:
        pass
    try:
        found = parse_datetime(text)
        if found is not None:
            return _plausible((make_aware(found) if is_naive(found) else found).timestamp())
    except (ValueError, OverflowError):
        pass
    words = Sentence(
        "{name} is {given}; expected a time such as 2026-11-30T12:00:00Z, or Unix seconds",
        name=name, given=repr(text[:40]),
    )  # fmt: skip
    raise Invalid(name, words)


def _plausible(at: float) -> float:
    if not (math.isfinite(at) and 0 <= at < 2**33):
        raise ValueError
    return at


def as_csv(found: SeriesChart) -> str:
    """A row for each step: when it begins, in ISO 8601, and the series; an empty cell where nothing was measured."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["time", *found.series])
    for index, values in enumerate(zip(*found.series.values(), strict=True)):
        at = datetime.fromtimestamp(found.start + index * found.step, UTC)
        writer.writerow([at.isoformat(), *("" if value is None else value for value in values)])
    return text.getvalue()
