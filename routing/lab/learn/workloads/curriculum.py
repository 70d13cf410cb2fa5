"""What the policy trains on: the scenarios on small fleets in many moods, none of them one that it is tested on.

On a small fleet a decision moves more of what is measured and a rollout costs less; what is seen of a candidate is free
of the fleet's size, so what is learned holds for large ones (docs/adr/0009).
"""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from routing.lab.learn.workloads.traffic import SCENARIOS, Scenario, at_size

TRAINING_SEEDS, VALIDATION_SEEDS = 1_000_000, 2_000_000
"""First seeds; tests use seeds below TRAINING_SEEDS."""
DEVICES = (8, 12)
"""None that is tested on."""


def drawn(rng: Generator) -> Scenario:
    """A scenario at random: A to D on a small fleet, or a neighbour in models, skew, bursts, load and loaders."""
    whole = SCENARIOS[str(rng.choice(["A", "B", "C", "D"], p=[0.4, 0.25, 0.25, 0.1]))]
    devices = int(rng.choice(DEVICES))
    base = at_size(whole, round(whole.models * devices / whole.devices), devices)
    if rng.random() < 0.4:
        return base
    return replace(
        base,
        name="drawn",
        models=int(base.models * rng.uniform(0.6, 1.4)),
        calls=int(base.calls * rng.uniform(0.7, 1.05)),
        alpha=base.alpha * rng.uniform(0.7, 1.3),
        cv=rng.uniform(1.0, 3.0),
        load_gb_s=base.load_gb_s * float(np.exp(rng.uniform(-0.7, 0.7))),
        load_start_s=base.load_start_s * float(np.exp(rng.uniform(-0.7, 0.7))),
    )
