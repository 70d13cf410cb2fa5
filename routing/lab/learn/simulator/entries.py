"""Every policy by name, ready to run in the lab."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from routing.lab.learn.simulator.events import in_machine_code
from routing.lab.learn.simulator.simulation import ReadyPolicy
from routing.lab.learn.workloads import homes
from routing.lab.learn.workloads.traffic import Workload
from routing.policies import (
    affinity,
    energy,
    fcfs,
    hrrn,
    least_outstanding,
    power_of_two,
    random,
    round_robin,
    rules,
    sect,
    sjf,
    spaced,
    static,
)
from routing.policies.learned import policy as learned_policy
from routing.policies.learned import weights
from routing.scheduler import picks
from routing.scheduler.fleet import FleetLimits

WEIGHTS = Path(random.__file__).resolve().parent / "weights"
"""Where weights that were learned lie, each with its record."""
MAX_ACTIVE = 2
ORACLE = "+oracle"
"""Behind a name: the policy is told the true sizes instead of a noisy guess."""
LEARNED = ("ppo",)


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """A policy's module, and how it is run: `early` binds a call when it arrives, `tuned` names a file of weights."""

    policy: Any
    early: bool = False
    homes: Any = None
    tuned: str = ""


ENTRIES: Mapping[str, PolicyEntry] = {
    "static": PolicyEntry(static, early=True, homes=homes.balanced),
    "static_popularity": PolicyEntry(static, early=True, homes=homes.popular),
    "random": PolicyEntry(random, early=True),
    "round_robin": PolicyEntry(round_robin, early=True),
    "power_of_two": PolicyEntry(power_of_two, early=True),
    "least_outstanding": PolicyEntry(least_outstanding, early=True),
    "affinity": PolicyEntry(affinity, early=True),
    "sect": PolicyEntry(sect, early=True),
    "rules": PolicyEntry(rules, early=True),
    "fcfs": PolicyEntry(fcfs),
    "sjf": PolicyEntry(sjf),
    "hrrn": PolicyEntry(hrrn),
    "hrrn_tuned": PolicyEntry(hrrn, tuned="hrrn_tuned.json"),
    "energy": PolicyEntry(energy),
    "spaced": PolicyEntry(spaced),
    "spaced_tuned": PolicyEntry(spaced, tuned="spaced_tuned.json"),
}


def names() -> tuple[str, ...]:
    """Every policy's name, heuristics first."""
    return (*ENTRIES, *LEARNED)


def ready_policy(name: str) -> ReadyPolicy:
    """The policy of that name. Raises ValueError if there is none or its weights are missing or wrong."""
    plain = name.removesuffix(ORACLE)
    if plain in LEARNED:
        return replace(learned(plain), name=name)
    if plain not in ENTRIES:
        raise ValueError(f"no policy is called {plain!r}; known are {', '.join(names())}, each also with {ORACLE}")
    entry = ENTRIES[plain]
    limits = FleetLimits(max_active=MAX_ACTIVE, early=entry.early)
    given = entry.policy.WEIGHTS
    if entry.tuned:
        given, limits = tuned(WEIGHTS / entry.tuned, given, limits)
    vector = np.array(list(given.values()), np.float64)
    return ReadyPolicy(name, machine_code(entry.policy), vector, limits, entry.homes)


def learned(name: str) -> ReadyPolicy:
    """A policy that was learned, from its file of weights. Raises WeightsError, a ValueError."""
    found = weights.load(WEIGHTS / f"{name}.npz")
    return ReadyPolicy(name, machine_code(learned_policy), found.weights, found.limits, memory=learned_policy.MEMORY)


def tuned(path: Path, textbook: Mapping[str, float], limits: FleetLimits) -> tuple[dict[str, float], FleetLimits]:
    """Weights and limits from a file of {"weights", "limits", "record"}. Raises ValueError if they do not fit."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found = {name: float(document["weights"][name]) for name in textbook}
        changed = replace(limits, **document["limits"])
    except OSError as error:
        raise ValueError(
            f"{path}: {error.strerror}; write it with python -m routing.lab.learn.training.tune"
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        wrong = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path}: {wrong}; expected weights {', '.join(textbook)} and limits") from error
    strange = set(document["weights"]) - set(textbook)
    if strange or not np.isfinite(list(found.values())).all():
        what = f"unknown weights {', '.join(sorted(strange))}" if strange else "weights that are no numbers"
        raise ValueError(f"{path}: {what}; expected {', '.join(textbook)}")
    return found, changed


@cache
def machine_code(policy: Any) -> Any:
    """A policy's pick for the simulator; compiled once a process, kept on disk."""
    return in_machine_code(policy.pick)


def part_names(name: str) -> dict[int, tuple[str, ...]]:
    """The names of a policy's score parts by kind of decision, those that the core decides for it included."""
    plain = name.removesuffix(ORACLE)
    return {**picks.PARTS, **(learned_policy if plain in LEARNED else ENTRIES[plain].policy).PARTS}


def seen_by(one: ReadyPolicy, workload: Workload) -> Workload:
    """The workload as the policy may see it: true sizes for an oracle, the noisy guess for all others."""
    return replace(workload, predicted=workload.units) if one.name.endswith(ORACLE) else workload
