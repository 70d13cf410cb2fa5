"""What the evidence page of the routing lab is made of: tasks for several processes, and how their parts are joined.

Nothing here draws or writes. A task is (key, call); calls are picklable, and what they answer can be kept as JSON.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from routing.lab.learn.evaluation import bounds, paging
from routing.lab.learn.evaluation.evaluate import Question, best_heuristic, evaluate, means, row, versus
from routing.lab.learn.simulator import machine
from routing.lab.learn.simulator.entries import LEARNED, ORACLE, WEIGHTS, ready_policy, seen_by
from routing.lab.learn.simulator.race import PolicyRun, race
from routing.lab.learn.simulator.simulation import simulate
from routing.lab.learn.workloads import catalogue, traffic
from routing.lab.learn.workloads.scenarios import Source, reshaped, scenario_source
from routing.lab.learn.workloads.traffic import SCENARIOS, Workload, synthetic
from routing.policies.learned import weights as learned_weights
from routing.scheduler.fleet import NONE

ROOT = Path(__file__).resolve().parent.parent
BEST = ("static", "sect", "fcfs", "hrrn", "hrrn_tuned", "spaced_tuned", "ppo")
RACERS = ("ppo", "hrrn_tuned", "static")
RIVALS = ("hrrn_tuned", "spaced_tuned", "hrrn")
"""Whom the learned policy is compared with; the first is the bar."""
TOLD = ("hrrn_tuned", "spaced_tuned", "ppo")
"""Which also run with true sizes, and whose loads are held against the least that must be loaded."""
DECIDING = ("scheduler", "policies", "lab/learn")
HELD = (".py", ".json", ".npz")
"""Files that decide something, by their endings."""
MAIN, DEVICES, MODELS, SHIFTS, REPLAYS = "scenario", "devices", "models", "shift", "trace"
SHARES = (*(number / 100 for number in range(100)), 0.995, 0.999, 1.0)
Call = Callable[[], Any]
Task = tuple[str, Call]


@dataclass(frozen=True, slots=True)
class Setting:
    """Workloads by seed under a label: a scenario, reshaped, with other loaders (GB/s, seconds), or a recording."""

    group: str
    label: str
    scenario: str = "A"
    shape: tuple[tuple[str, Any], ...] = ()
    loader: tuple[float, float] | None = None
    trace: str = ""
    folder: Path | None = None

    def workload(self, seed: int) -> Workload:
        """The seed's."""
        return source(self)(seed)


@cache
def source(setting: Setting) -> Source:
    """The setting's workloads by seed; a recording is read once a process."""
    if setting.loader is None:
        return scenario_source(setting.scenario, dict(setting.shape), setting.trace, setting.folder)[1]
    rate, start = setting.loader
    other = replace(reshaped(SCENARIOS[setting.scenario], dict(setting.shape)), load_gb_s=rate, load_start_s=start)
    return partial(synthetic, other)


def settings(folder: Path | None, quick: bool) -> list[Setting]:
    """All settings, or few that take little time."""
    if quick:
        return [Setting(MAIN, "A"), Setting(DEVICES, "16 devices", shape=(("devices", 16),))]
    found = [Setting(MAIN, name, name) for name in ("A", "B", "C", "D", "G")]
    found += [Setting(DEVICES, f"{count} devices", shape=(("devices", count),)) for count in (16, 32, 128)]
    found += [Setting(MODELS, f"{count:,} models", shape=(("models", count),)) for count in (100, 1000)]
    found += [Setting(SHIFTS, f"alpha {alpha}", shape=(("alpha", alpha),)) for alpha in (0.0, 1.4)]
    found += [Setting(SHIFTS, f"cv {cv}", shape=(("cv", cv),)) for cv in (0.5, 5.0)]
    found += [
        Setting(SHIFTS, "fast loaders (20 GB/s + 1 s)", loader=(20.0, 1.0)),
        Setting(SHIFTS, "slow loaders (0.8 GB/s + 30 s)", loader=(0.8, 30.0)),
    ]
    if folder is not None:
        found += [
            Setting(REPLAYS, "E: GenTD26", "E", folder=folder),
            Setting(REPLAYS, "F: ServeGen", "F", folder=folder),
            Setting(REPLAYS, "G under Azure's arrivals", "G", trace="azure-conversations", folder=folder),
            Setting(REPLAYS, "G under Mooncake's arrivals", "G", trace="mooncake", folder=folder),
        ]
    return found


def one_seed(setting: Setting, policies: tuple[str, ...], seed: int) -> dict[str, Any]:
    """The evaluation of one seed."""
    return evaluate(Question(setting.label, setting.workload, policies, 1, seed), bound=bounds.floors)


def joined(setting: Setting, documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One-seed evaluations as the one that evaluate() makes of all their seeds, with each seed's means beside it.

    A learned policy is also compared with each rival that took part (`against`).
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for document in documents:
        for one in document["policies"]:
            found.setdefault(one["policy"], []).append(one)
    levels = documents[0]["bounds"]
    least = {name: float(np.mean([document["bounds"][name] for document in documents])) for name in levels}
    reference = best_heuristic(found)
    rows = []
    for name, runs in found.items():
        line = row(name, runs, least) | {"seeds_mean_s": means(runs).tolist()}
        line["seeds_p99_s"] = [run["p99_s"] for run in runs]
        if reference and name != reference:
            line["versus"] = versus(reference, means(runs), means(found[reference]))
        if name in (*LEARNED, *RIVALS):
            rivals = [rival for rival in RIVALS if rival in found and rival != name]
            line["against"] = [versus(rival, means(runs), means(found[rival])) for rival in rivals]
        rows.append(line)
    return {
        "group": setting.group,
        **{key: documents[0][key] for key in ("scenario", "first_seed", "intervals")},
        "seeds": len(documents),
        "bounds": {name: round(value, 4) for name, value in least.items()},
        "policies": rows,
    }


def least_loads(setting: Setting, name: str, seed: int) -> dict[str, Any]:
    """Seconds of loading against the least that answering every call as soon as this run did needs (HiGHS)."""
    workload = setting.workload(seed)
    run = simulate(seen_by(ready_policy(name), workload), ready_policy(name))
    least = paging.least_loads(workload, run.latency)
    return {
        "scenario": setting.label,
        "policy": name,
        "seed": seed,
        "loading_s": round(run.loading_s, 1),
        "least_s": round(least.least_s, 1),
        "ratio": round(run.loading_s / least.least_s, 3),
    }


def ceilings(setting: Setting, name: str, seed: int) -> dict[str, Any]:
    """The highest occupancy after any event of a run, and where its time went.

    `computing` is a share of the devices, `memory` of a device's memory, `batch` of the slots of a model that has more
    than one. `useful_arrivals` is the useful share of all devices' time until the last arrival at `arrivals_s`.
    """
    workload = setting.workload(seed)
    run = PolicyRun(workload, ready_policy(name))
    fleet, last = run.machine.fleet, float(workload.at[-1])
    peaks, useful = {"computing": 0.0, "memory": 0.0, "batch": 0.0}, 0.0
    while not run.over:
        run.run(float(np.nextafter(fleet.state[0]["now"], np.inf)))
        if fleet.state[0]["now"] <= last:
            useful = useful_s(run)
        for what, share in occupancy(run).items():
            peaks[what] = max(peaks[what], share)
    return {
        "scenario": setting.label,
        "policy": name,
        "seed": seed,
        **{what: round(share, 4) for what, share in peaks.items()},
        "useful_arrivals": round(useful / (len(workload.devices) * last), 4),
        "arrivals_s": round(last, 1),
        "makespan_s": round(float(fleet.calls["finished"].max()), 1),
    }


def useful_s(run: PolicyRun) -> float:
    """Useful device-seconds until now, what each device did since its last event included."""
    devices, now = run.machine.devices, run.machine.fleet.state[0]["now"]
    return float((devices["useful_s"] + devices["useful"] * (now - devices["since"])).sum())


def occupancy(run: PolicyRun) -> dict[str, float]:
    """The highest shares in use now."""
    fleet = run.machine.fleet
    there = fleet.residents["model"] != NONE
    slots = fleet.models["slots"][fleet.residents["model"][there]]
    running = fleet.residents["running"][there]
    many = slots > 1
    return {
        "computing": float(np.mean(fleet.devices["running"] > 0)),
        "memory": float(fleet.devices["used_gb"].max() / traffic.DEVICE_GB),
        "batch": float((running[many] / slots[many]).max(initial=0.0)),
    }


def over_time(policies: Sequence[str], seed: int) -> dict[str, Any]:
    """Queue and devices over time in scenario A."""
    samples = [line for line in race("A", policies, seed) if line["kind"] == "sample"]
    series = {
        name: {what: [one["policies"][name][what] for one in samples] for what in ("waiting", "busy", "loading")}
        for name in policies
    }
    return {"scenario": "A", "seed": seed, "at_s": [one["at_s"] for one in samples], "policies": series}


def latencies(name: str, seeds: Sequence[int]) -> list[float]:
    """Quantiles, at SHARES, of the latencies of all seeds in scenario A together."""
    one = ready_policy(name)
    runs = [simulate(workload, one).latency for workload in (synthetic(SCENARIOS["A"], seed) for seed in seeds)]
    return [float(f"{value:.4g}") for value in np.quantile(np.concatenate(runs), SHARES)]


def tasks(chosen: Sequence[Setting], policies: tuple[str, ...], seeds: Sequence[int]) -> list[Task]:
    """Everything to measure in parallel, the long ones first."""
    best = tuple(name for name in BEST if name in policies)
    told = tuple(name for name in TOLD if name in policies)
    main = [setting for setting in chosen if setting.group == MAIN]
    found: list[Task] = []
    for setting in chosen:
        lined = (*policies, *(name + ORACLE for name in told)) if setting.group == MAIN else best
        found += [(f"eval {setting.label}", partial(one_seed, setting, lined, seed)) for seed in seeds]
    found += [("loads", partial(least_loads, setting, name, seeds[0])) for setting in main for name in told]
    looked = [(setting, name) for setting in main for name in (told if setting.scenario == "A" else told[-1:])]
    found += [("ceilings", partial(ceilings, setting, name, seeds[0])) for setting, name in looked]
    found += [("course", partial(over_time, [name for name in RACERS if name in policies], seeds[0]))]
    found += [(f"latencies {name}", partial(latencies, name, seeds)) for name in best]
    return found


def collected(chosen: Sequence[Setting], answers: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The tasks' answers, in the tasks' order, as parts of the results."""
    by_key: dict[str, list[Any]] = {}
    for key, answer in answers:
        by_key.setdefault(key, []).append(answer)
    quantiles = {key.split()[1]: found[0] for key, found in by_key.items() if key.startswith("latencies ")}
    return {
        "settings": [joined(setting, by_key[f"eval {setting.label}"]) for setting in chosen],
        "loads": by_key.get("loads", []),
        "ceilings": by_key.get("ceilings", []),
        "course": by_key["course"][0],
        "latencies": {"shares": list(SHARES), "policies": quantiles},
    }


def sources() -> dict[str, Any]:
    """SHA-256 over the files that the figures depend on: the core, the lab, the policies and their weights."""
    folders = (ROOT / "routing" / name for name in DECIDING)
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in HELD)
    total = hashlib.sha256()
    for path in files:
        total.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return {"sha256": total.hexdigest(), "files": len(files)}


def kept_record(path: Path) -> Mapping[str, Any]:
    """The record of a file of weights; nothing if it cannot be read."""
    if path.suffix == ".json":
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8")).get("record", {})
        return found
    try:
        return learned_weights.load(path).record
    except learned_weights.WeightsError:
        return {}


def weights() -> list[dict[str, Any]]:
    """The files of weights, each with its digest and the plain facts of its record, the gate's findings among them."""
    found = []
    for path in sorted(one for one in WEIGHTS.iterdir() if one.suffix in HELD):
        record = kept_record(path)
        gate = {f"gate {key}": value for key, value in record.get("gate", {}).items()}
        facts = {key: value for key, value in {**record, **gate}.items() if isinstance(value, str | int | float)}
        found.append({"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "record": facts})
    return found


def curve(path: Path = WEIGHTS / "ppo.npz") -> list[dict[str, float]]:
    """Validation over the training of the shipped network: minutes, mean and p99 as shares of the heuristic's."""
    return [
        {"minutes": round(one["seconds"] / 60.0, 3), "mean": round(one["mean"], 4), "p99": round(one["p99"], 4)}
        for one in kept_record(path).get("curve", ())
    ]


def assumptions() -> list[list[str]]:
    """What was assumed and not measured: (what, as what), read off the code."""
    text = Path(catalogue.__file__).read_text(encoding="utf-8")
    kinds = re.findall(r'Kind\("([^"]+)".*# \[A\]$', text, re.MULTILINE)
    base = SCENARIOS["A"]
    return [
        ["sizes and speeds of " + ", ".join(kinds), "plausible figures; no measurement at hand"],
        ["speed of compute beside a load (PCIe)", f"{machine.CONTENTION:g}"],
        [
            "heat",
            f"{machine.AMBIENT_C:g} °C ambient, {machine.KELVIN_PER_W:g} K/W, settles in {machine.HEAT_S:g} s, "
            f"clock x{machine.HOT_CLOCK:g} above {machine.HOT_C:g} °C",
        ],
        ["power of a device", f"{machine.IDLE_W:g} W idle, {machine.CONTEXT_W:g} W more with a model resident"],
        [
            "the catalogue",
            f"{base.models} models in {len(base.kinds)} kinds, spread evenly over the ranks of popularity",
        ],
        ["the fleet", f"{base.devices} equal H100s, {traffic.WEIGHTS_GB:g} of {traffic.DEVICE_GB:g} GB for weights"],
        ["loads", f"{base.load_gb_s:g} GB/s and {base.load_start_s:g} s to start, one at a time on a device"],
        ["host memory", f"{base.host_gb:g} GB: an evicted model is loaded from disk again"],
        ["cache", f"{catalogue.CONTEXT_PER_UNIT:g} tokens kept for each token answered"],
        ["predicted answer lengths", f"log-normal error, sigma {base.guess:g}; other sizes known"],
        ["device sharing", "models that compute on a device share its time evenly; no failures, no network"],
        ["scenario E's devices", "as short of memory as A's, asked for 70 % of their time"],
    ]
