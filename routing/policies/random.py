"""Any device or replica with equal chance, drawn from the call's number: the same call gets the same place again."""

from collections.abc import Sequence

from routing.policies.choice import BIND, Busy, Candidate, Choice, DecisionPoint, Listed, Numbered, Parts, chosen
from routing.scheduler.indices import SCORE
from routing.table import Table

PRIME, STEP = 2**31 - 1, 48_271
WEIGHTS: dict[str, float] = {}
PARTS = {BIND: ("not_drawn",)}


def pick(fleet: Busy, point: Numbered, candidates: Listed, weights: object, memory: object, parts: Parts) -> int:
    """The candidate drawn by a fifth power modulo a prime, which permutes the numbers below it (5 divides not p - 1).

    Two rounds; all products stay below 2**63, so that machine code and Python agree.
    """
    count = len(candidates)
    mixed = point.call % PRIME
    for _ in range(2):
        mixed = (mixed * STEP + 1) % PRIME
        square = mixed * mixed % PRIME
        mixed = square * square % PRIME * mixed % PRIME
    drawn = mixed % count
    for place in range(count):
        parts[place, SCORE] = 0.0 if place == drawn else 1.0
    return int(candidates[drawn])


def choose(table: Table, point: DecisionPoint, candidates: Sequence[Candidate]) -> Choice:
    """Draw one of `candidates`, which holds at least one."""
    return chosen(pick, PARTS[BIND], point, candidates)
