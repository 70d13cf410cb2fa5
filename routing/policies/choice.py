"""The one signature of every policy: (table, decision point, candidates) -> choice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from routing.table import Replica, ServedModel, Table


@dataclass(frozen=True, slots=True)
class DecisionPoint:
    """What is to be decided: the model being called and the number of the call, which breaks ties evenly."""

    model: ServedModel
    number: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A replica that may take the call. `outstanding` is the number of its calls in flight from this process."""

    replica: Replica
    outstanding: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """The replica taken and the parts of its score (smaller is better), for the explanation."""

    replica: Replica
    parts: Mapping[str, float]


Policy = Callable[[Table, DecisionPoint, Sequence[Candidate]], Choice]
