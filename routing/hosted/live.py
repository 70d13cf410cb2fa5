"""The live table of models on own devices: what their engines say now, a row for each model by its number."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.db import DatabaseError

from controlplane.base.stream_frames import StreamColumn, StreamTable
from routing.history.current import CurrentValues, known
from routing.history.latest import LatestValues
from routing.hosted import models
from routing.models import StoredReplica

COLUMNS = (StreamColumn("waiting"), StreamColumn("running"), StreamColumn("tokens"), StreamColumn("kv", 1000.0))
"""Calls that wait and run, tokens a second, and the fullest cache, a ratio."""
READ_SECONDS = 3.0
"""How old the list of models, their engines and the growth of counters may be."""
Grown = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class LiveHostedModel:
    """A model with a replica, and the subjects of telemetry that are its engines."""

    id: int
    subjects: tuple[str, ...] = ()


class LiveHostedModels:
    """Models on own devices and how fast their counters grow, read again when they are older than READ_SECONDS."""

    def __init__(self) -> None:
        self._rows: tuple[LiveHostedModel, ...] = ()
        self._grown: Grown = {}
        self._read_at = -math.inf

    def rows(self) -> tuple[Sequence[LiveHostedModel], Grown]:
        """What there is; what was known before while PostgreSQL is away."""
        if time.monotonic() - self._read_at > READ_SECONDS:
            try:
                self._rows, self._grown = listed()
            except DatabaseError:
                if not self._rows:
                    raise
            self._read_at = time.monotonic()
        return self._rows, self._grown


def listed() -> tuple[tuple[LiveHostedModel, ...], Grown]:
    """Every model that has a replica, by name, and the growth of its engines' counters. Raises DatabaseError."""
    names = dict(StoredReplica.objects.order_by("model__name").values_list("model", "model__name"))
    subjects = models.engines_of(names)
    rows = (LiveHostedModel(pk, tuple(subjects.get(name, ()))) for pk, name in names.items())
    return tuple(rows), models.grown(subjects)


def table(rows: Sequence[LiveHostedModel], grown: Grown, values: CurrentValues) -> StreamTable:
    """The live table of these models. What no engine says is absent, and so is all that a silent one said."""
    numbers = np.full((len(COLUMNS), len(rows)), math.nan)
    told = [[(one, values.by_subject[one]) for one in row.subjects if one in values.by_subject] for row in rows]
    for at, of in enumerate(told):
        said = models.together([one for _, one in of], [grown.get(subject, {}) for subject, _ in of])
        numbers[:, at] = [math.nan if one is None else one for one in said.numbers] if of else math.nan
    freshest = [min((one for _, one in of), key=_age, default=None) for of in told]
    sources = sorted({one.source for one in freshest if one is not None})
    place = {source: at for at, source in enumerate(sources)}
    ages = {one.source: one.age_s for one in freshest if one is not None}
    return StreamTable(
        COLUMNS,
        [row.id for row in rows],
        numbers,
        [place[one.source] if one is not None else -1 for one in freshest],
        sources,
        [ages[source] for source in sources],
        {"away": bool(values.away)},
    )


def _age(one: LatestValues) -> float:
    return one.age_s


_served = LiveHostedModels()


def read(_: str = "") -> StreamTable:
    """The live table of the stream "hosted"."""
    return table(*_served.rows(), known())
