"""The device or replica with the least work under way; among equals, in turn."""

from collections.abc import Sequence
from math import inf

from routing.policies.choice import BIND, Busy, Candidate, Choice, DecisionPoint, Listed, Numbered, Parts, chosen
from routing.scheduler.indices import SCORE
from routing.table import Table

WEIGHTS: dict[str, float] = {}
PARTS = {BIND: ("outstanding",)}


def pick(fleet: Busy, point: Numbered, candidates: Listed, weights: object, memory: object, parts: Parts) -> int:
    """The least predicted seconds of work, running and in line; of equals the first from the call's number on."""
    count = len(candidates)
    best, lowest = 0, inf
    for step in range(count):
        place = (point.call + step) % count
        device = fleet.devices[candidates[place]]
        score = device.outstanding_s + device.queued_s
        parts[place, SCORE] = score
        if score < lowest:
            best, lowest = place, score
    return int(candidates[best])


def choose(table: Table, point: DecisionPoint, candidates: Sequence[Candidate]) -> Choice:
    """Take the least busy of `candidates`, which holds at least one."""
    return chosen(pick, PARTS[BIND], point, candidates)
