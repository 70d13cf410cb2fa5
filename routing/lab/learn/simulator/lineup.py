"""Every policy by name, ready to run in the lab."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from routing.lab.learn.simulator.events import in_machine_code
from routing.lab.learn.simulator.play import Entrant
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
from routing.scheduler.fleet import Limits

WEIGHTS = Path(random.__file__).resolve().parent / "weights"
"""Where weights that were learned lie, each with its record."""
MAX_ACTIVE = 2
ORACLE = "+oracle"
"""Behind a name: the policy is told the true sizes instead of a noisy guess."""
LEARNED = ("ppo",)


@dataclass(frozen=True, slots=True)
class Seat:
    """A policy's module, and how it is run: `early` binds a call when it arrives, `tuned` names a file of weights."""

    policy: Any
    early: bool = False
    homes: Any = None
    tuned: str = ""


SEATS: Mapping[str, Seat] = {
    "static": Seat(static, early=True, homes=homes.balanced),
    "static_popularity": Seat(static, early=True, homes=homes.popular),
    "random": Seat(random, early=True),
    "round_robin": Seat(round_robin, early=True),
    "power_of_two": Seat(power_of_two, early=True),
    "least_outstanding": Seat(least_outstanding, early=True),
    "affinity": Seat(affinity, early=True),
    "sect": Seat(sect, early=True),
    "rules": Seat(rules, early=True),
    "fcfs": Seat(fcfs),
    "sjf": Seat(sjf),
    "hrrn": Seat(hrrn),
    "hrrn_tuned": Seat(hrrn, tuned="hrrn_tuned.json"),
    "energy": Seat(energy),
    "spaced": Seat(spaced),
    "spaced_tuned": Seat(spaced, tuned="spaced_tuned.json"),
}


def names() -> tuple[str, ...]:
    """Every policy's name, heuristics first."""
    return (*SEATS, *LEARNED)


def entrant(name: str) -> Entrant:
    """The policy of that name. Raises ValueError if there is none or its weights are missing or wrong."""
    plain = name.removesuffix(ORACLE)
    if plain in LEARNED:
        return replace(learned(plain), name=name)
    if plain not in SEATS:
        raise ValueError(f"no policy is called {plain!r}; known are {', '.join(names())}, each also with {ORACLE}")
    seat = SEATS[plain]
    limits = Limits(max_active=MAX_ACTIVE, early=seat.early)
    given = seat.policy.WEIGHTS
    if seat.tuned:
        given, limits = tuned(WEIGHTS / seat.tuned, given, limits)
    vector = np.array(list(given.values()), np.float64)
    return Entrant(name, machine_code(seat.policy), vector, limits, seat.homes)


def learned(name: str) -> Entrant:
    """A policy that was learned, from its file of weights. Raises WeightsError, a ValueError."""
    found = weights.load(WEIGHTS / f"{name}.npz")
    return Entrant(name, machine_code(learned_policy), found.weights, found.limits, memory=learned_policy.MEMORY)


def tuned(path: Path, textbook: Mapping[str, float], limits: Limits) -> tuple[dict[str, float], Limits]:
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
    return {**picks.PARTS, **(learned_policy if plain in LEARNED else SEATS[plain].policy).PARTS}


def seen_by(one: Entrant, workload: Workload) -> Workload:
    """The workload as the policy may see it: true sizes for an oracle, the noisy guess for all others."""
    return replace(workload, predicted=workload.units) if one.name.endswith(ORACLE) else workload
