"""What the policy trains on: the scenarios in many sizes and moods, none of them one that it is tested on."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from routing.learn.traffic import SCENARIOS, Scenario

TRAINING_SEEDS, VALIDATION_SEEDS = 1_000_000, 2_000_000
"""First seeds; tests use seeds below TRAINING_SEEDS."""
DEVICES = (24, 40, 48, 64, 64, 80)
"""Never 16, 32 or 128: those are for testing."""
MODELS = (200, 300, 400, 500, 500, 600)
"""Never 100 or 1,000."""


def drawn(chance: Generator) -> Scenario:
    """A scenario at random: A to D, or a neighbour of theirs in size, skew, bursts, load and loaders."""
    base = SCENARIOS[str(chance.choice(["A", "B", "C", "D"], p=[0.4, 0.25, 0.25, 0.1]))]
    if chance.random() < 0.4:
        return base
    devices = int(chance.choice(DEVICES))
    calls = base.calls * devices / base.devices * chance.uniform(0.7, 1.05)
    return replace(
        base,
        name="drawn",
        devices=devices,
        models=max(int(chance.choice(MODELS)), 4 * devices),
        calls=int(calls),
        alpha=base.alpha * chance.uniform(0.7, 1.3),
        cv=chance.uniform(1.0, 3.0),
        load_gb_s=base.load_gb_s * float(np.exp(chance.uniform(-0.7, 0.7))),
        load_start_s=base.load_start_s * float(np.exp(chance.uniform(-0.7, 0.7))),
    )
