"""Energy, money and carbon of a span of days (UTC): of calls by model, key or day; of devices, idle parts apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, TypeVar

from django.db.models import QuerySet, Sum
from django.utils import timezone

from controlplane.base import access
from routing.energy.totals import OF_DEVICES, OF_MODELS
from routing.energy_tables import DeviceEnergyDay, ModelEnergyDay

ENOUGH = 0.99
"""Money and carbon are told if they cover so much of the energy; else they would be too low."""
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class MoneyAmount:
    """An amount in a currency: three letters, empty if nobody gave one."""

    amount: float
    currency: str


@dataclass(slots=True)
class CallEnergy:
    """What a group of calls used. `money` is by currency; `priced_joules` and `carbon_joules` say what it covers."""

    calls: float = 0
    prompt_tokens: float = 0
    completion_tokens: float = 0
    call_s: float = 0
    unmeasured_s: float = 0
    joules: float = 0
    emulated_joules: float = 0
    priced_joules: float = 0
    carbon_joules: float = 0
    grams: float = 0
    money: dict[str, float] = field(default_factory=dict)

    @property
    def measured(self) -> float | None:
        """The part of the calls' time that was measured, from 0 to 1; None if there was none."""
        return 1 - min(1.0, self.unmeasured_s / self.call_s) if self.call_s else None

    @property
    def known_joules(self) -> float | None:
        """Joules; None if nothing was measured."""
        return self.joules if self.measured else None

    @property
    def joules_per_call(self) -> float | None:
        """Joules that a call used on average."""
        return self.joules / self.calls if self.calls and self.measured else None

    @property
    def joules_per_token(self) -> float | None:
        """Joules for a token, of prompts and answers together; None for calls without tokens."""
        tokens = self.prompt_tokens + self.completion_tokens
        return self.joules / tokens if tokens and self.measured else None

    @property
    def cost(self) -> MoneyAmount | None:
        """Their part of the price of devices; None if a part has no price or there are two currencies."""
        return _cost(self.money, self.priced_joules, self.joules)

    @property
    def cost_per_thousand(self) -> MoneyAmount | None:
        """The cost of 1,000 calls."""
        cost = self.cost
        return MoneyAmount(1000 * cost.amount / self.calls, cost.currency) if cost is not None and self.calls else None

    @property
    def carbon_g(self) -> float | None:
        """Grams of CO2; None if the grid's carbon is not known for a part."""
        return self.grams if self.joules and self.carbon_joules >= ENOUGH * self.joules else None

    @property
    def grams_per_call(self) -> float | None:
        """Grams of CO2 that a call caused on average."""
        return self.carbon_g / self.calls if self.carbon_g is not None and self.calls else None


@dataclass(slots=True)
class DeviceEnergy:
    """What devices used: all of it, and the busy part that went to calls. Seconds are those of all devices together."""

    known_s: float = 0
    counted_s: float = 0
    unknown_s: float = 0
    joules: float = 0
    busy_joules: float = 0
    emulated_joules: float = 0
    priced_joules: float = 0
    carbon_joules: float = 0
    grams: float = 0
    busy_grams: float = 0
    money: dict[str, float] = field(default_factory=dict)
    busy_money: dict[str, float] = field(default_factory=dict)

    @property
    def idle_joules(self) -> float:
        """What went to no call."""
        return self.joules - self.busy_joules

    @property
    def measured(self) -> float | None:
        """The part of the time that was measured, from 0 to 1; None if there was none."""
        whole = self.known_s + self.unknown_s
        return self.known_s / whole if whole else None

    @property
    def cost(self) -> MoneyAmount | None:
        """The price of the measured time; None if a part has no price or there are two currencies."""
        return _cost(self.money, self.priced_joules, self.joules)

    @property
    def idle_cost(self) -> MoneyAmount | None:
        """The part of it that went to no call."""
        if (cost := self.cost) is None:
            return None
        return MoneyAmount(cost.amount - self.busy_money.get(cost.currency, 0.0), cost.currency)

    @property
    def carbon_g(self) -> float | None:
        """Grams of CO2; None if the grid's carbon is not known for a part."""
        return self.grams if self.joules and self.carbon_joules >= ENOUGH * self.joules else None

    @property
    def idle_carbon_g(self) -> float | None:
        """The part of them that went to no call."""
        return None if self.carbon_g is None else self.grams - self.busy_grams


def _cost(money: Mapping[str, float], priced: float, joules: float) -> MoneyAmount | None:
    paid = {currency: amount for currency, amount in money.items() if amount > 0}
    if not joules or priced < ENOUGH * joules or len(paid) > 1:
        return None
    currency, amount = next(iter(paid.items()), ("", 0.0))
    return MoneyAmount(amount, currency)


@dataclass(frozen=True, slots=True)
class DaySpan:
    """Days from `first` to `last`, both included."""

    first: date
    last: date


def last_days(count: int) -> DaySpan:
    """Today (UTC) and the days before it, `count` in all."""
    today = timezone.now().date()
    return DaySpan(today - timedelta(days=count - 1), today)


def by_model(actor: access.Actor | None, span: DaySpan, names: Sequence[str] | None = None) -> dict[str, CallEnergy]:
    """Energy of calls by model: of these models, or of all that used some. Raises Forbidden."""
    access.require(actor, "fleet.read")
    rows = _calls(span) if names is None else _calls(span).filter(model__in=names)
    return _of_calls(rows, "model")


def by_key(actor: access.Actor | None, span: DaySpan) -> dict[int, CallEnergy]:
    """Energy of calls by key; 0 is calls without a key. Raises Forbidden."""
    access.require(actor, "fleet.read")
    return _of_calls(_calls(span), "api_key_id")


def calls_by_day(actor: access.Actor | None, span: DaySpan) -> dict[date, CallEnergy]:
    """Energy of calls by day. Raises Forbidden."""
    access.require(actor, "fleet.read")
    return _of_calls(_calls(span), "day")


def by_device(actor: access.Actor | None, span: DaySpan) -> dict[str, DeviceEnergy]:
    """Energy of devices by uuid. Raises Forbidden."""
    access.require(actor, "fleet.read")
    return _of_devices(_devices(span), "uuid")


def devices_by_day(actor: access.Actor | None, span: DaySpan) -> dict[date, DeviceEnergy]:
    """Energy of all devices by day. Raises Forbidden."""
    access.require(actor, "fleet.read")
    return _of_devices(_devices(span), "day")


def of_all_devices(actor: access.Actor | None, span: DaySpan) -> DeviceEnergy:
    """Energy of all devices together. Raises Forbidden."""
    access.require(actor, "fleet.read")
    found: dict[None, DeviceEnergy] = {}
    _join_devices(found, ((None, row) for row in _device_rows(_devices(span), ())))
    return found.get(None, DeviceEnergy())


def _calls(span: DaySpan) -> QuerySet[ModelEnergyDay]:
    return ModelEnergyDay.objects.filter(day__gte=span.first, day__lte=span.last)


def _devices(span: DaySpan) -> QuerySet[DeviceEnergyDay]:
    return DeviceEnergyDay.objects.filter(day__gte=span.first, day__lte=span.last)


def _of_calls(rows: QuerySet[ModelEnergyDay], by: str) -> dict[Any, CallEnergy]:
    found: dict[Any, CallEnergy] = {}
    sums = {f"sum_{name}": Sum(name) for name in OF_MODELS}
    for row in rows.order_by().values(by, "currency").annotate(**sums):
        one = found.setdefault(row[by], CallEnergy())
        for name in OF_MODELS:
            if name != "money":
                setattr(one, name, getattr(one, name) + row[f"sum_{name}"])
        one.money[row["currency"]] = one.money.get(row["currency"], 0.0) + row["sum_money"]
    return found


def _device_rows(rows: QuerySet[DeviceEnergyDay], by: Sequence[str]) -> Iterable[dict[str, Any]]:
    sums = {f"sum_{name}": Sum(name) for name in OF_DEVICES}
    found: Iterable[dict[str, Any]] = rows.order_by().values(*by, "currency", "emulated").annotate(**sums)
    return found


def _of_devices(rows: QuerySet[DeviceEnergyDay], by: str) -> dict[Any, DeviceEnergy]:
    found: dict[Any, DeviceEnergy] = {}
    _join_devices(found, ((row[by], row) for row in _device_rows(rows, (by,))))
    return found


def _join_devices(found: dict[Key, DeviceEnergy], rows: Iterable[tuple[Key, dict[str, Any]]]) -> None:
    for name, row in rows:
        one = found.setdefault(name, DeviceEnergy())
        for column in OF_DEVICES:
            if "money" not in column:
                setattr(one, column, getattr(one, column) + row[f"sum_{column}"])
        if row["emulated"]:
            one.emulated_joules += row["sum_joules"]
        for column, by_currency in (("money", one.money), ("busy_money", one.busy_money)):
            by_currency[row["currency"]] = by_currency.get(row["currency"], 0.0) + row[f"sum_{column}"]
