"""What rules are evaluated over: the values of now as columns, and windows of the last minutes.

Values are those of the latest frames. One older than STALE_SECONDS counts as not known: a subject without data is not
well. Silence counts from the last news of a subject, and is not known in the first seconds after this process began to
listen, or did not look for a while: then nobody can tell whether it is the subject that is silent.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from django.db import connection

from controlplane.base import events
from routing.alerts import calls_seen, roster
from routing.alerts.language.evaluating import SubjectRoster, SubjectValues
from routing.alerts.language.expressions import RuleExpression
from routing.alerts.language.vocabulary import FACTS, KINDS, SubjectKind
from routing.alerts.language.windows import SeriesWindow, rows_of
from routing.alerts.roster import Inventory
from routing.history import latest
from routing.history.current import STALE_SECONDS
from routing.history.latest import LatestFrame
from routing.samples import frames
from routing.samples.dimensions import ENGINE, SERIES
from routing.samples.frames import Array, Frame, FrameInvalid

TICK_SECONDS = 2.0
INVENTORY_SECONDS = 10.0
"""How long a reading of the inventory, and of calls, is used."""
GAP_SECONDS = 15.0
"""A longer time without a look, and the windows are filled from history."""
DEAF_SECONDS = 10.0
"""How long it takes after a gap until silence is believed."""
FORGOTTEN_SECONDS = 3600.0
"""An engine, or a source that is no scraped endpoint, is forgotten after so long without news."""
Wanted = Mapping[str, float]
"""Series that rules read, with how many seconds back."""


def wanted_by(rules: Iterable[RuleExpression]) -> dict[str, float]:
    """What these rules read."""
    found: dict[str, float] = {}
    for rule in rules:
        for selector, seconds in rule.selectors():
            found[selector.series] = max(found.get(selector.series, 0.0), seconds)
    return found


@dataclass
class FleetWatch:
    """What one process knows of the fleet from look to look."""

    inventory: Inventory | None = None
    heard: dict[SubjectKind, dict[str, float]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    source_of: dict[str, str] = field(default_factory=dict)
    windows: dict[str, SeriesWindow] = field(default_factory=dict)
    rosters: dict[SubjectKind, SubjectRoster] = field(default_factory=dict)
    calls: Mapping[str, calls_seen.SeenCalls] | None = None
    read_at: float = 0.0
    looked_at: float = 0.0
    listening_since: float = 0.0
    step: float = TICK_SECONDS

    def forget(self) -> None:
        """Know nothing, as after a start."""
        vars(self).update(vars(FleetWatch()))

    def look(self, wanted: Wanted) -> tuple[dict[SubjectKind, SubjectValues], float]:
        """Values of now, and the time by the clock of Redis. Raises redis.RedisError, DatabaseError."""
        found, now = latest.read(events.store())
        found.sort(key=lambda one: one.arrived)
        if now - self.looked_at > GAP_SECONDS:
            self.listening_since = now
        self._hear(found)
        self._know(now)
        columns = {kind: self._empty(kind, wanted) for kind in KINDS}
        for one in found:
            if now - one.arrived <= STALE_SECONDS:
                put(one.frame, self.rosters, columns)
        self._say_silence(columns, now)
        self._say_sources(columns, found, now)
        self._say_models(columns["model"], now)
        self._remember(wanted, columns, now)
        self.looked_at = now
        values = {kind: SubjectValues(self.rosters[kind], columns[kind], self.windows) for kind in KINDS}
        return values, now

    def _hear(self, found: list[LatestFrame]) -> None:
        for one in found:
            self.heard["source"][one.frame.source] = one.arrived
            for subject in one.frame.subjects:
                kind: SubjectKind = "engine" if subject.startswith(ENGINE) else "device"
                self.heard[kind][subject] = one.arrived
                self.source_of[subject] = one.frame.source

    def _know(self, now: float) -> None:
        """Read the inventory if it is time, and make rosters; windows follow if subjects have other rows."""
        if self.inventory is None or now - self.read_at >= INVENTORY_SECONDS:
            self.inventory = roster.read(self.inventory)
            self.calls = calls_seen.read()
            self.read_at = now
        known = self.inventory
        for kind, kept in (("engine", frozenset[str]()), ("source", frozenset(known.endpoints))):
            heard = self.heard[cast(SubjectKind, kind)]
            for name in [name for name, at in heard.items() if now - at > FORGOTTEN_SECONDS and name not in kept]:
                del heard[name]
        for name in [name for name in self.heard["device"] if name not in known.devices.rows]:
            del self.heard["device"][name]
        engines = roster.engine_labels(((name, self.source_of[name]) for name in self.heard["engine"]), known)
        sources = roster.sources(self.heard["source"], known)
        self._use(known.devices)
        self._use(known.models)
        self._use(roster.roster("engine", engines, self.rosters.get("engine")))
        self._use(roster.roster("source", sources, self.rosters.get("source")))

    def _use(self, fresh: SubjectRoster) -> None:
        before = self.rosters.get(fresh.kind)
        if before is not None and before.subjects != fresh.subjects:
            rows = rows_of(before.rows, fresh.subjects)
            for name, window in self.windows.items():
                if FACTS[name].kind == fresh.kind:
                    window.move(rows)
        self.rosters[fresh.kind] = fresh

    def _empty(self, kind: SubjectKind, wanted: Wanted) -> dict[str, Array]:
        width = len(self.rosters[kind].subjects)
        return {name: np.full(width, np.nan) for name in wanted if FACTS[name].kind == kind}

    def _say_silence(self, columns: dict[SubjectKind, dict[str, Array]], now: float) -> None:
        assert self.inventory is not None
        sure = now - self.listening_since >= DEAF_SECONDS
        kinds: tuple[SubjectKind, ...] = ("device", "engine", "source")
        for kind in kinds:
            column = columns[kind].get(f"{kind}_silent_seconds")
            if column is None:
                continue
            heard = dict(self.heard[kind])
            if kind == "source":
                for name, row in self.inventory.endpoints.items():
                    heard[name] = max(heard.get(name, 0.0), roster.looked(row).timestamp())
            seen = self.inventory.seen if kind == "device" else {}
            for row_number, subject in enumerate(self.rosters[kind].subjects):
                at = max(heard.get(subject, 0.0), seen.get(subject, 0.0))
                silent = max(0.0, now - at)
                if at and (sure or silent <= STALE_SECONDS):
                    column[row_number] = silent

    def _say_sources(self, columns: dict[SubjectKind, dict[str, Array]], found: list[LatestFrame], now: float) -> None:
        assert self.inventory is not None
        said = {one.frame.source: one for one in found if now - one.arrived <= STALE_SECONDS}
        unreachable = columns["source"].get("source_unreachable")
        complaining = columns["source"].get("source_complaints")
        if unreachable is None and complaining is None:
            return
        for row_number, name in enumerate(self.rosters["source"].subjects):
            away, count = math.nan, math.nan
            if name in said:
                faults = [one[0] for one in said[name].frame.complaints]
                away, count = float("unreachable" in faults), float(len(faults))
            elif name in self.inventory.endpoints:
                is_away, several = roster.complaints(self.inventory.endpoints[name])
                away, count = float(is_away), float(several)
            if unreachable is not None:
                unreachable[row_number] = away
            if complaining is not None:
                complaining[row_number] = count

    def _say_models(self, columns: Mapping[str, Array], now: float) -> None:
        assert self.inventory is not None
        flying = calls_seen.in_flight(now) if "model_calls_in_flight" in columns else {}
        for row_number, name in enumerate(self.rosters["model"].subjects):
            seen = calls_seen.UNKNOWN if self.calls is None else self.calls.get(name, calls_seen.NONE)
            said = {
                "model_calls_per_second": seen.per_second,
                "model_error_ratio": seen.error_ratio,
                "model_calls_in_flight": float(flying.get(name, 0)),
                "model_calls_waiting": seen.waiting,
                "model_ready": float(self.inventory.ready.get(name, False)),
            }
            for series, column in columns.items():
                column[row_number] = said[series]

    def _remember(self, wanted: Wanted, columns: dict[SubjectKind, dict[str, Array]], now: float) -> None:
        """Add the columns of now to the windows that rules read, after what was missed since the last look."""
        back = {name: seconds for name, seconds in wanted.items() if seconds}
        for name in [name for name in self.windows if name not in back]:
            del self.windows[name]
        missing: dict[str, float] = {}
        for name, seconds in back.items():
            if name not in self.windows or self.windows[name].longest < seconds:
                self.windows[name] = SeriesWindow(seconds)
            since = max(self.windows[name].latest, now - seconds)
            if now - since > GAP_SECONDS and name in SERIES:
                missing[name] = since
        if missing:
            fill(self.windows, missing, self.rosters, self.step)
        for name in back:
            self.windows[name].add(now, columns[FACTS[name].kind][name])


def put(
    frame: Frame, rosters: Mapping[SubjectKind, SubjectRoster], columns: Mapping[SubjectKind, Mapping[str, Array]]
) -> None:
    """Write what a frame says into the columns."""
    taken = [
        (rosters[kind].rows, series, SERIES[name].position)
        for kind in ("device", "engine")
        for name, series in columns[kind].items()
        if name in SERIES and SERIES[name].position in (*frame.gauges, *frame.counters)
    ]
    if not taken:
        return
    gauges, counters = frames.arrays(frame)
    for rows, column, position in taken:
        if position in frame.gauges:
            values = gauges[:, frame.gauges.index(position)]
        else:
            values = counters[:, frame.counters.index(position)]
        for subject, value in zip(frame.subjects, values.tolist(), strict=True):
            if value == value and subject in rows:
                column[rows[subject]] = value


def fill(
    windows: Mapping[str, SeriesWindow], since: Mapping[str, float], rosters: Mapping[SubjectKind, SubjectRoster],
    step: float,
) -> None:  # fmt: skip
    """Add what history has of these series from `since` on, a column every `step` seconds."""
    first = min(since.values())
    buckets: dict[int, list[Frame]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "select distinct on (source, bucket) floor(extract(epoch from at) / %(step)s)::bigint as bucket, frame "
            "from telemetry_second where at > to_timestamp(%(first)s) order by source, bucket, at desc",
            {"step": step, "first": first},
        )
        for bucket, body in cursor.fetchall():
            try:
                buckets.setdefault(bucket, []).append(frames.decode(bytes(body)))
            except FrameInvalid:
                continue
    for bucket in sorted(buckets):
        at = bucket * step
        columns: dict[SubjectKind, dict[str, Array]] = {kind: {} for kind in KINDS}
        for name in since:
            columns[FACTS[name].kind][name] = np.full(len(rosters[FACTS[name].kind].subjects), np.nan)
        for frame in buckets[bucket]:
            put(frame, rosters, columns)
        for name, begin in since.items():
            if at > begin:
                windows[name].add(at, columns[FACTS[name].kind][name])
