"""What the policy trains on: the scenarios on small fleets in many moods, none of them one that it is tested on.

On a small fleet a decision moves more of what is measured and a play costs less; what is seen of a candidate is free of
the fleet's size, so what is learned holds for large ones (docs/adr/0009).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from routing.learn.catalogue import KINDS, LANGUAGE, PERCEPTION, PICTURE, Kind
from routing.learn.traffic import SCENARIOS, TYPICAL_UNITS, Scenario, at_size

TRAINING_SEEDS, VALIDATION_SEEDS = 1_000_000, 2_000_000
"""First seeds; tests use seeds below TRAINING_SEEDS."""
DEVICES = (8, 12)
"""None that is tested on."""
MIXED = 0.3
"""The share of scenarios with another mix of kinds than the catalogue's, and other numbers of models."""


def work_s(kinds: Sequence[Kind]) -> float:
    """Seconds of a device that a call takes in a full batch, averaged over the kinds by their shares."""
    seconds = [
        (TYPICAL_UNITS if kind.kind == LANGUAGE else kind.units) * (kind.a_s / kind.slots + kind.b_s) for kind in kinds
    ]
    return float(np.average(seconds, weights=[kind.share for kind in kinds]))


def of_kinds(scenario: Scenario, kinds: Sequence[Kind]) -> Scenario:
    """The scenario with those kinds only, and as many calls less as each is more work."""
    calls = scenario.calls * min(1.0, work_s(scenario.kinds) / work_s(kinds))
    return replace(scenario, kinds=tuple(kinds), calls=max(1, round(calls)))


def mixed(chance: Generator) -> list[Kind]:
    """The catalogue's kinds in other shares, half of the time those of one sort alone."""
    sort = int(chance.choice([LANGUAGE, PERCEPTION, PICTURE]))
    kinds = [kind for kind in KINDS if kind.kind == sort] if chance.random() < 0.5 else KINDS
    return [replace(kind, share=kind.share * float(np.exp(chance.normal(0.0, 0.7)))) for kind in kinds]


def drawn(chance: Generator) -> Scenario:
    """A scenario at random: A to D on a small fleet, or a neighbour of one in what is called, how, and how it loads."""
    whole = SCENARIOS[str(chance.choice(["A", "B", "C", "D"], p=[0.4, 0.25, 0.25, 0.1]))]
    devices = int(chance.choice(DEVICES))
    base = at_size(whole, round(whole.models * devices / whole.devices), devices)
    if chance.random() < 0.4:
        return base
    fewest = 0.6
    if chance.random() < MIXED:
        base, fewest = of_kinds(base, mixed(chance)), 0.2
    return replace(
        base,
        name="drawn",
        models=int(base.models * chance.uniform(fewest, 1.4)),
        calls=int(base.calls * chance.uniform(0.7, 1.05)),
        alpha=base.alpha * chance.uniform(0.7, 1.3),
        cv=chance.uniform(1.0, 3.0),
        load_gb_s=base.load_gb_s * float(np.exp(chance.uniform(-0.7, 0.7))),
        load_start_s=base.load_start_s * float(np.exp(chance.uniform(-0.7, 0.7))),
    )


PICTURES = replace(
    of_kinds(SCENARIOS["A"], [kind for kind in KINDS if kind.kind == PICTURE]), name="pictures", models=200
)
WATCHED = {name: SCENARIOS[name] for name in "ABCD"} | {"pictures": PICTURES}
"""What training is watched on, and judged on in the end: whole fleets, seeds from VALIDATION_SEEDS on."""
