"""New windows: what each whole device used in each, and what it draws when nobody calls."""

import numpy as np
from django.db.models import Q

from routing.energy import curve, idle, readings, tariffs, windows
from routing.energy.curve import GAP, STEP, Array, Numbers, WindowJoules
from routing.energy.placing import PlacementHistory
from routing.energy.shares import WindowFacts
from routing.energy.totals import DeviceWords, EnergyTotals
from routing.energy.windows import NOBODY, packed_claims, packed_facts, window
from routing.energy_tables import EnergyTariff
from routing.models import Device


def devices() -> dict[int, DeviceWords]:
    """Whole devices: what a slice draws is part of what its device draws."""
    fields = ("pk", "uuid", "model", "node__name", "node__emulated", "created_at")
    rows = Device.objects.filter(parent=None).values_list(*fields)
    return {row[0]: DeviceWords(row[1], row[2], row[3], row[4], row[5].timestamp()) for row in rows}


def measure(begin: int, count: int, words: dict[int, DeviceWords], totals: EnergyTotals) -> None:
    """Keep `count` windows from `begin` on, and add them to their days.

    A device that was measured before, or has a model on it, and says nothing now is there with seconds unknown, from
    when it came into the inventory.
    """
    numbers = {one.uuid: pk for pk, one in words.items()}
    said = readings.between(numbers.keys(), begin - GAP, begin + count * STEP + GAP)
    found = {numbers[uuid]: curve.windows(one, begin, count) for uuid, one in said.items()}
    before = idle.known()
    expected = Device.objects.filter(Q(pk__in=before) | ~Q(placements=None) | ~Q(slices__placements=None))
    there = expected.filter(parent=None, gone_at=None).values_list("pk", flat=True)
    listed = np.array(sorted((found.keys() | set(there)) & words.keys()), np.int64)
    emulated = np.array([words[one].emulated for one in listed.tolist()], bool)
    since = np.array([words[one].since for one in listed.tolist()], float)
    watts = np.nan_to_num(idle.lowered(before, listed, found))
    prices = tariffs.between(begin, begin + count * STEP)
    bodies = {}
    for place in range(count):
        at = begin + place * STEP
        tariff = prices.at(at)
        joules, known, counted = _columns(listed, found, place)
        money = _hourly(listed, words, tariff) * known / 3600
        due = (since <= at) | (known > 0)
        told = [one[due] for one in (joules, known, counted, watts, money)]
        facts = WindowFacts(listed[due], told[0], told[1], told[2], told[3], told[4], emulated[due])
        currency = tariff.currency if tariff is not None else ""
        bodies[at] = packed_facts(facts, currency, prices.grams_per_joule(at))
        totals.measured(at, window(bodies[at], packed_claims(NOBODY)))
    windows.add(bodies)


def see_idle(begin: int, end: int, placed: PlacementHistory) -> None:
    """Note the power of devices in the call-free windows of a span, one window a minute."""
    seen: dict[int, float] = {}
    for at, one in windows.read(begin, end).items():
        if at % 60:
            continue
        facts = one.facts
        replicas = np.unique(one.claims.replicas)
        pairs = placed.pairs(at, at + STEP, replicas, facts.devices)
        free = np.ones(len(facts.devices), bool)
        free[pairs.device] = False
        for place in np.flatnonzero(free & (facts.known_s >= idle.LEAST_KNOWN)).tolist():
            seen[int(facts.devices[place])] = float(facts.joules[place] / facts.known_s[place])
    idle.keep(seen)


def _columns(listed: Numbers, found: dict[int, WindowJoules], place: int) -> tuple[Array, Array, Array]:
    """Joules, known seconds and counted seconds of one window, for each device."""
    joules, known, counted = np.zeros((3, len(listed)))
    for row, device in enumerate(listed.tolist()):
        if device in found:
            one = found[device]
            joules[row], known[row], counted[row] = one.joules[place], one.known_s[place], one.counted_s[place]
    return joules, known, counted


def _hourly(listed: Numbers, words: dict[int, DeviceWords], tariff: EnergyTariff | None) -> Array:
    """The price of each device per hour; NaN for those without one."""
    prices = tariff.prices if tariff is not None else {}
    return np.array([prices.get(words[one].model, np.nan) for one in listed.tolist()], float)
