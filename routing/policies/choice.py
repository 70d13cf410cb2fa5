"""The one signature of every policy: (table, decision point, candidates) -> choice; and the explanation of a choice.

A policy's rule is its `pick(fleet, point, candidates, weights, memory, parts)`: it answers one of the candidates (or -1
if the call may be held), and writes the parts of every candidate's score, named by its PARTS; the smallest sum wins.
The gateway's replicas stand for a fleet of devices, so that hosted endpoints and devices are chosen by one rule.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from routing.table import Replica, ServedModel, Table

BIND = 1
"""The decision that hosted endpoints know: a place for an arriving call (scheduler.BIND, which needs machine code)."""


@dataclass(frozen=True, slots=True)
class DecisionPoint:
    """What is to be decided: the model being called and the number of the call, which breaks ties evenly."""

    model: ServedModel
    number: int

    @property
    def call(self) -> int:
        """The number, as the points of a fleet name it."""
        return self.number


@dataclass(frozen=True, slots=True)
class Candidate:
    """A replica that may take the call. `outstanding` is the number of its calls in flight from this process."""

    replica: Replica
    outstanding: int = 0

    @property
    def outstanding_s(self) -> float:
        """Work under way, seconds: nobody predicts the work of hosted endpoints, so each call counts as one."""
        return float(self.outstanding)

    @property
    def queued_s(self) -> float:
        """Work in line, seconds: calls to hosted endpoints leave at once."""
        return 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The replica taken and the parts of its score (smaller is better), for the explanation."""

    replica: Replica
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FleetChoice:
    """The candidate that a fleet's policy took, -1 if it holds the call, and the score parts of every candidate."""

    candidate: int
    scores: Mapping[int, Mapping[str, float]]

    @property
    def parts(self) -> Mapping[str, float]:
        """Parts of the score of what was taken; none if the call is held."""
        return self.scores.get(self.candidate, {})


Policy = Callable[[Table, DecisionPoint, Sequence[Candidate]], Choice]


class Listed(Protocol):
    """Devices by number, or candidates by place: an array or a sequence."""

    def __getitem__(self, place: int, /) -> Any: ...

    def __len__(self) -> int: ...


class Busy(Protocol):
    """Whatever has devices with `outstanding_s` and `queued_s`: a Fleet, or a model's replicas."""

    @property
    def devices(self) -> Listed: ...


class Numbered(Protocol):
    """A decision about call number `call`."""

    @property
    def call(self) -> int: ...


class Parts(Protocol):
    """Where a rule writes part `i` of candidate `place`: an array, or a dict."""

    def __setitem__(self, where: tuple[int, int], part: float, /) -> None: ...


class BuffersView(Protocol):
    """What a fleet's policy works with: candidates, score parts (a row each), weights, memory. All arrays."""

    @property
    def candidates(self) -> Any: ...

    @property
    def parts(self) -> Any: ...

    @property
    def weights(self) -> Any: ...

    @property
    def memory(self) -> Any: ...


class Replicas(NamedTuple):
    """The candidates for a hosted call, as a rule sees them."""

    devices: Sequence[Candidate]


Names = Mapping[int, Sequence[str]]
"""The names of a policy's score parts, by kind of decision."""
Rule = Callable[[Busy, Numbered, Listed, object, object, Parts], int]


def chosen(rule: Rule, names: Sequence[str], point: DecisionPoint, candidates: Sequence[Candidate]) -> Choice:
    """What the rule takes of a hosted model's `candidates`, of which there is at least one."""
    parts: dict[tuple[int, int], float] = {}
    place = rule(Replicas(candidates), point, range(len(candidates)), None, None, parts)
    return Choice(candidates[place].replica, {name: parts[place, part] for part, name in enumerate(names)})


def explained(pick: Callable[..., int], names: Names, fleet: Any, point: Any, buffers: BuffersView) -> FleetChoice:
    """What `pick` takes at a fleet's decision point, with the parts of every candidate's score by the policy's PARTS.

    Raises KeyError if `names` does not name the parts of the point's kind.
    """
    few = buffers.candidates[: point.count]
    taken = int(pick(fleet, point, few, buffers.weights, buffers.memory, buffers.parts))
    rows = [[float(part) for part in row] for row in buffers.parts[: point.count]]
    scores = {int(one): dict(zip(names[point.kind], row, strict=False)) for one, row in zip(few, rows, strict=True)}
    return FleetChoice(taken, scores)
