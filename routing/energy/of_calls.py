"""What one call used: its seconds in each window, times what a second of its replica used there then."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from controlplane.base.messages import Sentence
from routing.energy import placing, windows
from routing.energy.curve import STEP
from routing.energy.sums import MoneyAmount
from routing.energy.windows import WindowRates
from routing.energy_tables import WaitingCall
from routing.models import CallRecord

NOT_ASKED = Sentence("no upstream was asked")
NOT_YET = Sentence("known about a minute after the call has ended")
NOT_OURS = Sentence("its endpoint sat on no device of the inventory")
NOT_MEASURED = Sentence("its devices did not say what they drew")
NO_PRICE = Sentence("not all of its devices had a price then")
NO_CARBON = Sentence("nobody had said how much carbon the grid's power causes")


@dataclass(frozen=True, slots=True)
class UsedByCall:
    """What a call used. `why` says why there are no joules, `why_no_cost` and `why_no_carbon` the same of these.

    `measured` is the part of its time that was measured, from 0 to 1. `emulated`: its devices are made up.
    """

    joules: float | None = None
    cost: MoneyAmount | None = None
    grams: float | None = None
    measured: float = 0.0
    emulated: bool = False
    why: str = ""
    why_no_cost: str = ""
    why_no_carbon: str = ""


def used(call: CallRecord) -> UsedByCall:
    """What this call used, as far as it is settled. Three queries."""
    return used_by([call])[call.pk]


def used_by(calls: Collection[CallRecord]) -> dict[UUID, UsedByCall]:
    """What each of these calls used, as far as it is settled. Three queries, however many there are."""
    asked = [call for call in calls if call.endpoint]
    numbers = placing.known({(call.model, call.endpoint) for call in asked})
    waiting = set(WaitingCall.objects.filter(pk__in=[call.pk for call in asked]).values_list("pk", flat=True))
    settled = {call.pk: replica for call in asked if (replica := numbers.get((call.model, call.endpoint))) is not None}
    wanted = {at for call in asked if call.pk in settled.keys() - waiting for at in _windows(call)}
    rates = windows.rates(wanted)
    found = {}
    for call in calls:
        if not call.endpoint:
            found[call.pk] = _nothing(NOT_ASKED)
        elif call.pk in waiting:
            found[call.pk] = _nothing(NOT_YET)
        elif call.pk not in settled:
            found[call.pk] = _nothing(NOT_OURS)
        else:
            found[call.pk] = _of_one(call, settled[call.pk], rates)
    return found


def _windows(call: CallRecord) -> range:
    """The windows that a call ran in, by their beginnings; of a call that is longer, those of its first day."""
    began = call.at.timestamp()
    ended = min(began + call.duration_ms / 1000, began + 24 * windows.HOUR)
    return range(int(began // STEP) * STEP, int(ended // STEP) * STEP + 1, STEP)


def _of_one(call: CallRecord, replica: int, rates: Mapping[int, WindowRates]) -> UsedByCall:
    began = call.at.timestamp()
    ended = began + call.duration_ms / 1000
    parts = [
        (seconds, place, rates[at])
        for at in _windows(call)
        if at in rates
        for place in _place(rates[at], replica)
        if (seconds := min(ended, at + STEP) - max(began, at)) > 0
    ]
    return _summed(parts, ended - began) if parts else _nothing(NOT_OURS)


def _nothing(why: str) -> UsedByCall:
    return UsedByCall(why=why, why_no_cost=why, why_no_carbon=why)


def _place(one: WindowRates, replica: int) -> list[int]:
    return [place for place, number in enumerate(one.replicas.tolist()) if number == replica]


def _summed(parts: list[tuple[float, int, WindowRates]], lasted: float) -> UsedByCall:
    measured = sum(seconds * float(one.measured[place]) for seconds, place, one in parts) / lasted
    if not measured:
        return _nothing(NOT_MEASURED)
    joules = sum(seconds * float(one.joules[place]) for seconds, place, one in parts)
    money = sum(seconds * float(one.money[place]) for seconds, place, one in parts)
    currencies = {one.currency for _, _, one in parts}
    cost = MoneyAmount(money, currencies.pop()) if money == money and len(currencies) == 1 else None
    carbon = [one.grams_per_joule for _, _, one in parts]
    grams = None
    if None not in carbon:
        grams = sum(s * float(one.joules[place]) * (one.grams_per_joule or 0.0) for s, place, one in parts)
    return UsedByCall(
        joules=joules,
        cost=cost if cost is not None and cost.currency else None,
        grams=grams,
        measured=min(1.0, measured),
        emulated=any(float(one.emulated[place]) > 0 for _, place, one in parts),
        why_no_cost="" if cost is not None and cost.currency else NO_PRICE,
        why_no_carbon="" if grams is not None else NO_CARBON,
    )
