"""Each device or replica in turn."""

from collections.abc import Sequence

from routing.policies.choice import BIND, Busy, Candidate, Choice, DecisionPoint, Listed, Numbered, Parts, chosen
from routing.scheduler.indices import SCORE
from routing.table import Table

WEIGHTS: dict[str, float] = {}
PARTS = {BIND: ("turn",)}


def pick(fleet: Busy, point: Numbered, candidates: Listed, weights: object, memory: object, parts: Parts) -> int:
    """The candidate whose turn the call's number is; the part says how many turns away each one is."""
    count = len(candidates)
    for place in range(count):
        parts[place, SCORE] = (place - point.call) % count
    return int(candidates[point.call % count])


def choose(table: Table, point: DecisionPoint, candidates: Sequence[Candidate]) -> Choice:
    """Take the next of `candidates`, which holds at least one."""
    return chosen(pick, PARTS[BIND], point, candidates)
