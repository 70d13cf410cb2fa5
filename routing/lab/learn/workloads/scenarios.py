"""A scenario by its name, reshaped as asked, as workloads by seed: made up, or replayed from a recording."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from routing.lab.learn.workloads import traces
from routing.lab.learn.workloads.recording import Recording
from routing.lab.learn.workloads.traffic import SCENARIOS, Scenario, Workload, at_size, synthetic

REPLAYS = {
    "E": (Scenario("E", calls=4000, seconds=2400.0, models=86, devices=12), "gentd26"),
    "F": (replace(SCENARIOS["G"], name="F", models=421), "servegen"),
}
"""Scenarios that only recordings make. E's devices are as short of memory as A's, and asked for 70 % of their time
(assumption)."""
RANGES = {"devices": (1, 4096), "models": (1, 10_000), "alpha": (0.0, 5.0), "cv": (0.1, 20.0)}
Source = Callable[[int], Workload]


def known() -> tuple[str, ...]:
    """The scenarios' names."""
    return tuple(sorted({*SCENARIOS, *REPLAYS}))


def scenario_source(
    name: str, shape: Mapping[str, Any], trace: str = "", folder: Path | None = None
) -> tuple[str, Source]:
    """The scenario's name, its changes named, and its workload for a seed.

    `shape` may change devices (calls change in proportion), models, alpha and cv; None leaves one as it is. `trace`
    lays a recording in `folder` over the scenario. Raises ValueError.
    """
    if name not in known():
        raise ValueError(f"no scenario is called {name!r}; known are {', '.join(known())}")
    base, recorded = REPLAYS[name] if name in REPLAYS else (SCENARIOS[name], "")
    changes = {key: value for key, value in shape.items() if value is not None}
    scenario = reshaped(base, changes)
    label = " ".join([name, *(f"{key}={value}" for key, value in changes.items()), *([trace] if trace else [])])
    key = trace or recorded
    if not key:
        return label, lambda seed: synthetic(scenario, seed)
    recording = found(name, key, folder)
    if recording.names and "models" in changes:
        raise ValueError(f"{key} brings its own {len(recording.names)} models; leave the number of models out")
    return label, lambda seed: traces.workload(recording, scenario, seed)


def reshaped(scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """The scenario with other devices, models, skew or bursts. Raises ValueError if one is out of its range."""
    for key, value in changes.items():
        least, most = RANGES[key]
        if not least <= value <= most:
            raise ValueError(f"{key} is {value}; expected {least} to {most}")
    sized = at_size(scenario, changes.get("models", scenario.models), changes.get("devices", scenario.devices))
    return replace(sized, alpha=changes.get("alpha", scenario.alpha), cv=changes.get("cv", scenario.cv))


def found(name: str, key: str, folder: Path | None) -> Recording:
    """The recording. Raises ValueError if there is no such, or no folder that holds it."""
    if key not in traces.TRACES:
        raise ValueError(f"no trace is called {key!r}; known are {', '.join(traces.TRACES)}")
    wanted = traces.TRACES[key].file
    if folder is None:
        raise ValueError(f"scenario {name} replays {key}: say with --data in which folder {wanted} lies")
    if not folder.is_dir():
        raise ValueError(f"--data is {folder}, which is no folder; expected the one with {wanted}")
    return traces.load(key, folder)
