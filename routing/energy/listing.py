"""Rows of energy by model, key, device or day: one list for the page, REST and the CSV, so that all say the same."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from controlplane.base import access
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid
from routing.energy import sums
from routing.energy.sums import CallEnergy, DaySpan, DeviceEnergy

GROUPS = ("model", "key", "device", "day")
MOST_DAYS = 400


@dataclass(frozen=True, slots=True)
class EnergyRow:
    """What a model, key, device or day used. What is not known, or makes no sense for the group, is None.

    `joules` is all energy of a device or day, and the busy energy of a model or key; `idle_joules` the part of it that
    went to no call. `measured` and `emulated` are parts from 0 to 1: of the time, and of the energy.
    """

    name: str
    calls: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    joules: float | None = None
    idle_joules: float | None = None
    joules_per_call: float | None = None
    joules_per_token: float | None = None
    cost: float | None = None
    idle_cost: float | None = None
    cost_per_thousand: float | None = None
    currency: str = ""
    grams: float | None = None
    idle_grams: float | None = None
    grams_per_call: float | None = None
    measured: float | None = None
    emulated: float | None = None


COLUMNS = tuple(one.name for one in fields(EnergyRow))
ORDERS = tuple(name for name in COLUMNS if name != "currency")


def of_calls(name: str, one: CallEnergy) -> EnergyRow:
    """The row of a group of calls."""
    cost, each = one.cost, one.cost_per_thousand
    return EnergyRow(
        name=name,
        calls=round(one.calls),
        prompt_tokens=round(one.prompt_tokens),
        completion_tokens=round(one.completion_tokens),
        joules=one.known_joules,
        joules_per_call=one.joules_per_call,
        joules_per_token=one.joules_per_token,
        cost=cost.amount if cost is not None else None,
        cost_per_thousand=each.amount if each is not None else None,
        currency=cost.currency if cost is not None else "",
        grams=one.carbon_g,
        grams_per_call=one.grams_per_call,
        measured=one.measured,
        emulated=one.emulated_joules / one.joules if one.joules else None,
    )


def of_devices(name: str, one: DeviceEnergy, calls: CallEnergy | None = None) -> EnergyRow:
    """The row of a device or, with its calls, of a day."""
    cost, idle = one.cost, one.idle_cost
    return EnergyRow(
        name=name,
        calls=round(calls.calls) if calls is not None else None,
        prompt_tokens=round(calls.prompt_tokens) if calls is not None else None,
        completion_tokens=round(calls.completion_tokens) if calls is not None else None,
        joules=one.joules if one.known_s else None,
        idle_joules=one.idle_joules if one.known_s else None,
        cost=cost.amount if cost is not None else None,
        idle_cost=idle.amount if idle is not None else None,
        currency=cost.currency if cost is not None else "",
        grams=one.carbon_g,
        idle_grams=one.idle_carbon_g,
        measured=one.measured,
        emulated=one.emulated_joules / one.joules if one.joules else None,
    )


def rows(actor: access.Actor | None, by: str, span: DaySpan, order: str = "-joules") -> list[EnergyRow]:
    """All rows of a group (one of GROUPS). `order` is one of ORDERS, with "-" for the greatest first.

    Rows without a value come last. Raises Forbidden, and Invalid for another group or order.
    """
    if by not in GROUPS:
        raise Invalid("by", Sentence("by is {given}; expected one of {known}", given=repr(by[:40]), known=[*GROUPS]))
    if order.removeprefix("-") not in ORDERS:
        raise Invalid(
            "order", Sentence("order is {given}; expected one of {known}", given=repr(order[:40]), known=[*ORDERS])
        )
    return _ordered(_READ[by](actor, span), order)


def span(first: str, last: str) -> DaySpan:
    """Days of an address, as ISO dates; today if both are empty. Raises Invalid."""
    today = sums.last_days(1).last
    found = DaySpan(_day("from", first, today if not last else None), _day("until", last, today))
    if found.last < found.first or (found.last - found.first).days >= MOST_DAYS:
        raise Invalid(
            "from",
            Sentence("from {first} until {last} is no span of 1 to {most} days", first=str(found.first),
                     last=str(found.last), most=MOST_DAYS),
        )  # fmt: skip
    return found


def table(found: Iterable[EnergyRow]) -> list[Sequence[Any]]:
    """The rows as cells, under their names."""
    return [COLUMNS, *([getattr(row, name) for name in COLUMNS] for row in found)]


def _day(name: str, given: str, absent: date | None) -> date:
    try:
        found = date.fromisoformat(given) if given else absent
    except ValueError:
        found = None
    if found is None:
        raise Invalid(
            name, Sentence("{name} is {given}; expected a day such as 2027-01-31", name=name, given=repr(given[:40]))
        )
    return found


def _ordered(found: list[EnergyRow], order: str) -> list[EnergyRow]:
    name = order.removeprefix("-")
    found.sort(key=lambda row: row.name)
    known = [row for row in found if getattr(row, name) is not None]
    known.sort(key=lambda row: getattr(row, name), reverse=order.startswith("-"))
    return known + [row for row in found if getattr(row, name) is None]


def _of_models(actor: access.Actor | None, span: DaySpan) -> list[EnergyRow]:
    return [of_calls(name, one) for name, one in sums.by_model(actor, span).items()]


def _of_keys(actor: access.Actor | None, span: DaySpan) -> list[EnergyRow]:
    return [of_calls(str(key), one) for key, one in sums.by_key(actor, span).items()]


def _of_devices(actor: access.Actor | None, span: DaySpan) -> list[EnergyRow]:
    return [of_devices(uuid, one) for uuid, one in sums.by_device(actor, span).items()]


def _of_days(actor: access.Actor | None, span: DaySpan) -> list[EnergyRow]:
    calls, devices = sums.calls_by_day(actor, span), sums.devices_by_day(actor, span)
    return [
        of_devices(day.isoformat(), devices.get(day, DeviceEnergy()), calls.get(day, CallEnergy()))
        for day in sorted(calls.keys() | devices.keys())
    ]


_READ: Mapping[str, Callable[[access.Actor | None, DaySpan], list[EnergyRow]]] = {
    "model": _of_models,
    "key": _of_keys,
    "device": _of_devices,
    "day": _of_days,
}
