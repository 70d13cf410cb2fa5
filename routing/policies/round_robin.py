"""Each replica in turn."""

from collections.abc import Sequence

from routing.policies.choice import Candidate, Choice, DecisionPoint
from routing.table import Table


def choose(table: Table, point: DecisionPoint, candidates: Sequence[Candidate]) -> Choice:
    """Take the next of `candidates`, which holds at least one."""
    place = point.number % len(candidates)
    return Choice(candidates[place].replica, {"turn": float(place)})
