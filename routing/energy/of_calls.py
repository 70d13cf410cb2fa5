"""What one call used: its seconds in each window, times what a second of its replica used there then."""

from dataclasses import dataclass

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
    if not call.endpoint:
        return _nothing(NOT_ASKED)
    replica = placing.known([(call.model, call.endpoint)]).get((call.model, call.endpoint))
    if WaitingCall.objects.filter(pk=call.pk).exists():
        return _nothing(NOT_YET)
    if replica is None:
        return _nothing(NOT_OURS)
    began = call.at.timestamp()
    ended = began + call.duration_ms / 1000
    start = int(began // STEP) * STEP
    parts = [
        (seconds, place, one)
        for at, one in windows.rates(start, min(ended, began + 24 * windows.HOUR)).items()
        for place in _place(one, replica)
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
