"""The less busy of two devices or replicas drawn by chance (Mitzenmacher 2001): no herd runs to one place."""

from collections.abc import Sequence
from math import inf

from routing.policies.choice import BIND, Busy, Candidate, Choice, DecisionPoint, Listed, Numbered, Parts, chosen
from routing.scheduler.indices import NamedIndex, names
from routing.table import Table

PRIME, STEP = 2**31 - 1, 69_621
NOT_DRAWN_S = 1e9
WEIGHTS: dict[str, float] = {}


class DrawnPart(NamedIndex):
    """The score's parts."""

    OUTSTANDING = "s"
    NOT_DRAWN = "0 or NOT_DRAWN_S"


PARTS = {BIND: names(DrawnPart)}


def pick(fleet: Busy, point: Numbered, candidates: Listed, weights: object, memory: object, parts: Parts) -> int:
    """The less work of two different candidates; drawn as random.py does, the second after two rounds more."""
    count = len(candidates)
    mixed, first, second = point.call % PRIME, 0, 0
    for turn in range(4):
        mixed = (mixed * STEP + 1) % PRIME
        square = mixed * mixed % PRIME
        mixed = square * square % PRIME * mixed % PRIME
        if turn == 1:
            first = second = mixed % count
    if count > 1:
        second = (first + 1 + mixed % (count - 1)) % count
    best, lowest = first, inf
    for place in range(count):
        device = fleet.devices[candidates[place]]
        parts[place, DrawnPart.OUTSTANDING] = device.outstanding_s + device.queued_s
        parts[place, DrawnPart.NOT_DRAWN] = 0.0 if place in (first, second) else NOT_DRAWN_S
        score = device.outstanding_s + device.queued_s + (0.0 if place in (first, second) else NOT_DRAWN_S)
        if score < lowest:
            best, lowest = place, score
    return int(candidates[best])


def choose(table: Table, point: DecisionPoint, candidates: Sequence[Candidate]) -> Choice:
    """Take the less busy of two of `candidates`, which holds at least one."""
    return chosen(pick, PARTS[BIND], point, candidates)
