"""A chain, what is wanted of it, and what comes out: frozen values that refuse what means nothing.

A chain is a DAG of stages that is called like one model, for example perception, planning and control. Each stage can
be done by any of its candidates. Latency (s) of a chain is that of its slowest path, because a stage starts when all
that it waits for have finished; energy (J) is the sum over stages; accuracy is the product over stages, which holds
if their errors are independent and any of them spoils the answer.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controlplane.base.messages import Sentence

MOST_STAGES = 40
MOST = 1e12
"""The largest latency in s, energy in J and weight."""
LEAST_ACCURACY = 1e-6


class ChainInvalid(ValueError):
    """A chain, limit or objective that means nothing: what it is, what was given, and what was expected."""

    def __init__(self, thing: str, given: object, expected: str) -> None:
        super().__init__(
            Sentence(
                "{thing}: {given} given; expected {expected}", thing=thing, given=f"{given!r:.80}", expected=expected
            )
        )


def _check_name(thing: str, name: object) -> None:
    if not isinstance(name, str) or not name:
        raise ChainInvalid(f"{thing} name", name, Sentence("text that is not empty"))


def _check_distinct(thing: str, names: Sequence[str]) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ChainInvalid(thing, repeated[0], Sentence("names that differ"))


def _check_number(thing: str, value: object, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ChainInvalid(
            thing, value, Sentence("a number from {least} to {most}", least=f"{least:g}", most=f"{most:g}")
        )


@dataclass(frozen=True, slots=True)
class StageCandidate:
    """A model that can do a stage: seconds and joules of one call, and the share of right answers.

    Raises ChainInvalid.
    """

    model: str
    latency_s: float
    energy_j: float
    accuracy: float

    def __post_init__(self) -> None:
        _check_name("candidate", self.model)
        _check_number(f"candidate {self.model!r} latency_s", self.latency_s, 0, MOST)
        _check_number(f"candidate {self.model!r} energy_j", self.energy_j, 0, MOST)
        _check_number(f"candidate {self.model!r} accuracy", self.accuracy, LEAST_ACCURACY, 1)


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a chain, its candidates, and the names of the stages whose answers it needs. Raises ChainInvalid."""

    name: str
    candidates: tuple[StageCandidate, ...]
    waits_for: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_name("stage", self.name)
        if not self.candidates:
            raise ChainInvalid(f"stage {self.name!r} candidates", self.candidates, Sentence("at least one candidate"))
        _check_distinct(f"stage {self.name!r} candidates", [candidate.model for candidate in self.candidates])
        _check_distinct(f"stage {self.name!r} waits_for", self.waits_for)


@dataclass(frozen=True, slots=True)
class Chain:
    """A DAG of stages. `order` holds their positions, each after those that it waits for. Raises ChainInvalid."""

    stages: tuple[Stage, ...]
    order: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= len(self.stages) <= MOST_STAGES:
            raise ChainInvalid("chain stages", len(self.stages), Sentence("1 to {most} stages", most=MOST_STAGES))
        _check_distinct("chain stages", [stage.name for stage in self.stages])
        object.__setattr__(self, "order", _order(self.stages))


@dataclass(frozen=True, slots=True)
class Objective:
    """What is wanted: the least latency * s + energy * J, or else the highest accuracy. Raises ChainInvalid.

    In `Objective(latency=1, energy=0.5)` a joule is worth half a second. Accuracy has no common unit with the others:
    it is wanted alone, and otherwise limited.
    """

    latency: float = 0.0
    energy: float = 0.0
    accuracy: float = 0.0

    def __post_init__(self) -> None:
        for name, weight in zip(("latency", "energy", "accuracy"), self.weights, strict=True):
            _check_number(f"objective {name}", weight, 0, MOST)
        if (self.accuracy > 0) == (self.latency > 0 or self.energy > 0):
            raise ChainInvalid(
                "objective", self.weights, Sentence("a weight for latency, energy or both, or for accuracy alone")
            )

    @property
    def weights(self) -> tuple[float, float, float]:
        """The weights of latency, energy and accuracy."""
        return self.latency, self.energy, self.accuracy


FASTEST = Objective(latency=1.0)
LEAST_ENERGY = Objective(energy=1.0)
MOST_ACCURATE = Objective(accuracy=1.0)


@dataclass(frozen=True, slots=True)
class ChainLimits:
    """At most so many seconds and joules, at least that accuracy; None limits nothing. Raises ChainInvalid."""

    latency_s: float | None = None
    energy_j: float | None = None
    accuracy: float | None = None

    def __post_init__(self) -> None:
        for name, most in (("latency_s", MOST), ("energy_j", MOST), ("accuracy", 1)):
            value = getattr(self, name)
            if value is not None:
                _check_number(f"limit {name}", value, 0, most)


NO_LIMITS = ChainLimits()
LIMITS = ("latency_s", "energy_j", "accuracy")
UNLIMITED = (math.inf, math.inf, 0.0)


@dataclass(frozen=True, slots=True)
class ChainMeasures:
    """What a combination takes and gives: seconds, joules, and the share of right answers."""

    latency_s: float
    energy_j: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Combination:
    """One model a stage, by the stage's name, and what the chain measures with them."""

    models: Mapping[str, str]
    measures: ChainMeasures


@dataclass(frozen=True, slots=True)
class Infeasible:
    """No combination is within the limits.

    `unmet` names the limits that cannot be met: those that cannot even alone, or else the fewest that cannot together.
    `reachable` holds the best value of each measure on its own, which no one combination need have.
    """

    unmet: tuple[str, ...]
    limits: ChainLimits
    reachable: ChainMeasures

    def __str__(self) -> str:
        parts = [
            f"{name} {'at least' if name == 'accuracy' else 'at most'} {getattr(self.limits, name):g} "
            f"(on its own {getattr(self.reachable, name):g} can be reached)"
            for name in self.unmet
        ]
        return f"no combination of models has {' and '.join(parts)}"


def _order(stages: Sequence[Stage]) -> tuple[int, ...]:
    """Positions of the stages, each after those that it waits for, with few finish times awaited at any moment.

    Equal choices are made by name, so the order does not depend on the one given. Raises ChainInvalid.
    """
    names = [stage.name for stage in stages]
    for stage in stages:
        for unknown in sorted(set(stage.waits_for) - set(names)):
            raise ChainInvalid(
                f"stage {stage.name!r} waits_for", unknown, Sentence("one of {names}", names=", ".join(names))
            )
    followers = {name: frozenset(stage.name for stage in stages if name in stage.waits_for) for name in names}
    done: list[str] = []
    left = dict(zip(names, stages, strict=True))
    while left:
        ready = [name for name, stage in left.items() if not set(stage.waits_for) & set(left)]
        if not ready:
            raise ChainInvalid("chain stages", _cycle(left), Sentence("stages that do not wait for themselves"))
        chosen = min(ready, key=lambda name: (_awaited([*done, name], followers), name))
        done.append(chosen)
        del left[chosen]
    return tuple(map(names.index, done))


def _awaited(done: Sequence[str], followers: Mapping[str, frozenset[str]]) -> int:
    """How many different finish times later stages still await."""
    return len({followers[name].difference(done) for name in done})


def _cycle(stages: Mapping[str, Stage]) -> str:
    """One way around, where each of these stages waits for another of them."""
    path = [min(stages)]
    while path[-1] not in path[:-1]:
        path.append(min(set(stages[path[-1]].waits_for) & set(stages)))
    return " waits for ".join(path[path.index(path[-1]) :])
