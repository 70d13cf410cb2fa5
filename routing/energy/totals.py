"""Sums by day, as they grow: what a settled window adds, and by how much late calls move it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from django.db import connection
from django.utils import timezone
from psycopg.sql import SQL, Composed, Identifier

from routing.energy.curve import STEP, Array, Numbers
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
_USED = OF_MODELS.index("joules")


@dataclass(frozen=True, slots=True)
class DeviceWords:
    """What a device was called on the day."""

    uuid: str
    model: str
    node: str
    emulated: bool


@dataclass(slots=True)
class EnergyTotals:
    """By how much the rows of days grow: of models by day, replica, key and currency; of devices by day and device."""

    models: dict[tuple[date, int, int, str], Array] = field(
        default_factory=lambda: defaultdict(lambda: np.zeros(len(OF_MODELS)))
    )
    devices: dict[tuple[date, str, int], Array] = field(
        default_factory=lambda: defaultdict(lambda: np.zeros(len(OF_DEVICES)))
    )

    def measured(self, at: int, window: EnergyWindow) -> None:
        """A new window: all that its devices used."""
        facts, gram = window.facts, window.grams_per_joule
        grams = np.zeros(len(facts.devices)) if gram is None else facts.joules * gram
        columns = facts.columns()
        added = np.stack(
            [
                *(facts.known_s, facts.counted_s, STEP - facts.known_s, facts.joules, columns[:, 1], columns[:, 2]),
                *(facts.joules * (gram is not None), grams),
            ],
            axis=1,
        )
        day = stamp(at).date()
        for device, row in zip(facts.devices.tolist(), added, strict=True):
            self.devices[day, window.currency, device][: added.shape[1]] += row

    def shared(self, at: int, window: EnergyWindow, replicas: Numbers, found: ReplicaRates, sign: int) -> None:
        """What calls used in a window (`sign` 1), or used before late calls came (-1)."""
        day, gram = stamp(at).date(), window.grams_per_joule or 0.0
        claims, place = window.claims, np.searchsorted(replicas, window.claims.replicas)
        used = found.used[place] * claims.seconds[:, None]
        carbon = used[:, :1] * (window.grams_per_joule is not None)
        unmeasured = claims.seconds * (1 - found.measured[place])
        rows = sign * np.column_stack([claims.seconds, unmeasured, used, carbon, used[:, :1] * gram])
        for replica, key, row in zip(claims.replicas.tolist(), claims.keys.tolist(), rows, strict=True):
            self.models[day, replica, key, window.currency][_USED - 2 :] += row
        busy = np.flatnonzero(found.busy)
        joules = window.facts.joules * found.busy
        money = window.facts.columns()[:, 1] * found.busy
        moved = sign * np.column_stack([joules, money, joules * gram])
        for device, row in zip(window.facts.devices[busy].tolist(), moved[busy], strict=True):
            self.devices[day, window.currency, device][-3:] += row

    def write(self, names: Mapping[int, Served], words: Mapping[int, DeviceWords]) -> None:
        """Add all of it to the rows of days."""
        models: dict[tuple[date, str, int, str], Array] = defaultdict(lambda: np.zeros(len(OF_MODELS)))
        for (day, replica, key, currency), row in self.models.items():
            models[day, names[replica][0], key, currency] += row
        _grow(_MODELS, [(*of, *row.tolist()) for of, row in models.items() if row.any()])
        known = {of: row for of, row in self.devices.items() if of[2] in words and row.any()}
        _grow(
            _DEVICES,
            [
                (day, one.uuid, currency, one.model, one.node, one.emulated, *row.tolist())
                for (day, currency, device), row in known.items()
                for one in [words[device]]
            ],
        )


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
