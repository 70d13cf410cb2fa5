"""The replica with the fewest calls in flight; among equals, in turn."""

from collections.abc import Sequence

from routing.policies.choice import Candidate, Choice, DecisionPoint
from routing.table import Table


def choose(table: Table, point: DecisionPoint, candidates: Sequence[Candidate]) -> Choice:
    """Take the least busy of `candidates`, which holds at least one."""
    count = len(candidates)
    best = min(range(count), key=lambda place: (candidates[place].outstanding, (place - point.number) % count))
    chosen = candidates[best]
    return Choice(chosen.replica, {"outstanding": float(chosen.outstanding)})
