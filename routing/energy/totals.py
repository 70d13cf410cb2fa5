"""Sums by day, as they grow: what a settled window adds, and by how much late calls move it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from django.db import connection
from django.utils import timezone
from psycopg.sql import SQL, Composed, Identifier

from routing.energy.curve import STEP, Array, Numbers, summed
from routing.energy.placing import Served
from routing.energy.shares import ReplicaRates
from routing.energy.windows import EnergyWindow
from routing.energy_tables import DeviceEnergyDay, ModelEnergyDay
from routing.history.partitions import stamp

KEPT = timedelta(days=400)
OF_MODELS = (
    *("calls", "prompt_tokens", "completion_tokens", "call_s", "unmeasured_s"),
    *("joules", "money", "priced_joules", "emulated_joules", "carbon_joules", "grams"),
)
OF_DEVICES = (
    *("known_s", "counted_s", "unknown_s", "joules", "money", "priced_joules", "carbon_joules", "grams"),
    *("busy_joules", "busy_money", "busy_grams"),
)


@dataclass(frozen=True, slots=True)
class DeviceWords:
    """What a device is called, and since when it is known, in Unix time."""

    uuid: str
    model: str
    node: str
    emulated: bool
    since: float


@dataclass(slots=True)
class EnergyTotals:
    """By how much the rows of days grow, by day and currency: of replicas with keys, and of devices."""

    models: dict[tuple[date, str], list[tuple[Numbers, Array]]] = field(default_factory=lambda: defaultdict(list))
    devices: dict[tuple[date, str], list[tuple[Numbers, Array]]] = field(default_factory=lambda: defaultdict(list))

    def measured(self, at: int, window: EnergyWindow) -> None:
        """A new window: all that its devices used."""
        facts, gram = window.facts, window.grams_per_joule
        columns, nothing = facts.columns(), np.zeros(len(facts.devices))
        added = np.column_stack(
            [
                *(facts.known_s, facts.counted_s, STEP - facts.known_s, facts.joules, columns[:, 1], columns[:, 2]),
                *(facts.joules * (gram is not None), facts.joules * (gram or 0.0), nothing, nothing, nothing),
            ]
        )
        self.devices[stamp(at).date(), window.currency].append((facts.devices, added))

    def shared(self, at: int, window: EnergyWindow, replicas: Numbers, found: ReplicaRates, sign: int) -> None:
        """What calls used in a window (`sign` 1), or used before late calls came (-1)."""
        of, gram = (stamp(at).date(), window.currency), window.grams_per_joule or 0.0
        claims, place = window.claims, np.searchsorted(replicas, window.claims.replicas)
        used = found.used[place] * claims.seconds[:, None]
        carbon = used[:, 0] * (window.grams_per_joule is not None)
        unmeasured = claims.seconds * (1 - found.measured[place])
        counted = np.zeros((len(place), 3))
        rows = np.column_stack([counted, claims.seconds, unmeasured, used, carbon, used[:, 0] * gram])
        self.models[of].append((np.stack([claims.replicas, claims.keys], axis=1), sign * rows))
        busy = np.flatnonzero(found.busy)
        joules = (window.facts.joules * found.busy)[busy]
        money = (window.facts.columns()[:, 1] * found.busy)[busy]
        whole = np.zeros((len(busy), len(OF_DEVICES) - 3))
        moved = np.column_stack([whole, joules, money, joules * gram])
        self.devices[of].append((window.facts.devices[busy], sign * moved))

    def write(self, names: Mapping[int, Served], words: Mapping[int, DeviceWords]) -> None:
        """Add all of it to the rows of days."""
        models: dict[tuple[date, str, int, str], Array] = defaultdict(lambda: np.zeros(len(OF_MODELS)))
        for (day, currency), parts in self.models.items():
            for (replica, key), row in zip(*_joined(parts), strict=True):
                models[day, names[replica][0], key, currency] += row
        _grow(_MODELS, [(*of, *row.tolist()) for of, row in models.items() if row.any()])
        _grow(
            _DEVICES,
            [
                (day, one.uuid, currency, one.model, one.node, one.emulated, *row.tolist())
                for (day, currency), parts in self.devices.items()
                for (device,), row in zip(*_joined([(of[:, None], rows) for of, rows in parts]), strict=True)
                if device in words
                for one in [words[device]]
            ],
        )


def _joined(parts: Sequence[tuple[Numbers, Array]]) -> tuple[list[list[int]], Array]:
    """What the rows are of, each once, and the sums of rows."""
    of, place = np.unique(np.concatenate([of for of, _ in parts]), axis=0, return_inverse=True)
    rows = np.concatenate([rows for _, rows in parts])
    return of.tolist(), np.column_stack([summed(place.ravel(), column, len(of)) for column in rows.T])


@dataclass(frozen=True, slots=True)
class GrowingTable:
    """A table of sums: columns that identify a row, those that are written anew, and those that are added to."""

    name: str
    key: Mapping[str, str]
    anew: Mapping[str, str]
    added: Sequence[str]

    def statement(self) -> Composed:
        """The statement that adds rows, given as an array for each column."""
        types = [*self.key.values(), *self.anew.values(), *("float8" for _ in self.added)]
        columns = [*self.key, *self.anew, *self.added]
        values = SQL(", ").join(SQL("%s::{}[]").format(SQL(one)) for one in types)
        fresh = [SQL("{0} = excluded.{0}").format(Identifier(one)) for one in self.anew]
        grown = [SQL("{0} = {1}.{0} + excluded.{0}").format(Identifier(o), Identifier(self.name)) for o in self.added]
        return SQL("insert into {} ({}) select * from unnest({}) on conflict ({}) do update set {}").format(
            Identifier(self.name),
            SQL(", ").join(map(Identifier, columns)),
            values,
            SQL(", ").join(map(Identifier, self.key)),
            SQL(", ").join([*fresh, *grown]),
        )


_MODELS = GrowingTable(
    ModelEnergyDay._meta.db_table,
    {"day": "date", "model": "text", "api_key_id": "bigint", "currency": "text"},
    {},
    OF_MODELS,
)
_DEVICES = GrowingTable(
    DeviceEnergyDay._meta.db_table,
    {"day": "date", "uuid": "text", "currency": "text"},
    {"device_model": "text", "node": "text", "emulated": "bool"},
    OF_DEVICES,
)


def _grow(table: GrowingTable, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(table.statement(), [list(column) for column in zip(*rows, strict=True)])


def forget_old() -> int:
    """Delete the sums of days that are over for 400 days. Returns how many rows."""
    before = (timezone.now() - KEPT).date()
    gone = (table.objects.filter(day__lt=before).delete()[0] for table in (ModelEnergyDay, DeviceEnergyDay))
    return sum(gone)
