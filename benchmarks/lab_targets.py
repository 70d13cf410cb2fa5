"""The routing lab's targets against its results: what was reached, whether that is enough, and if not, why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median_low
from typing import Any

from benchmarks.lab_words import REASONS

BAR, START, LEARNER = "hrrn_tuned", "spaced_tuned", "ppo"
MEAN_S, P99_S, LESS_PERCENT, USEFUL, CEILING, PICK_US, PER_S = 35.0, 434.0, -10.0, 0.85, 0.95, 1000.0, 300_000
ROUNDING, LONGER = 1e-9, 1.01
MET, MISSED, UNKNOWN, NOTED = "met", "**missed**", "not measured", "–"
Results = Mapping[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the table; `met` is None if nothing was measured or nothing is asked."""

    key: str
    wanted: str
    reached: str = ""
    met: bool | None = None
    asked: bool = True

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.asked and self.reached:
            return NOTED
        return UNKNOWN if self.met is None else MET if self.met else MISSED


def targets(results: Results) -> list[Target]:
    """All targets, in the order of the issue."""
    return [
        noted(results, "static", "scenario A: static at about 177 s (measure again)"),
        noted(results, BAR, "scenario A: tuned HRRN at about 37 to 39 s (measure again)"),
        latency(results, "ppo_mean", "mean_s", MEAN_S),
        latency(results, "ppo_p99", "p99_s", P99_S),
        gap(results, "scenarios", [one for one in of_group(results, "scenario") if one["scenario"] in set("ABCD")]),
        gap(results, "devices", of_group(results, "devices")),
        gap(results, "models", of_group(results, "models")),
        gap(results, "traces", of_group(results, "trace")),
        beyond(results),
        useful(results),
        ceiling(results),
        decision(results),
        throughput(results),
    ]


def of_group(results: Results, group: str) -> list[Row]:
    """The settings of a group."""
    return [one for one in results.get("settings", ()) if one["group"] == group]


def policy(setting: Row | None, name: str) -> Row | None:
    """The policy's row in a setting."""
    rows = setting["policies"] if setting else ()
    return next((one for one in rows if one["policy"] == name), None)


def in_a(results: Results, name: str) -> Row | None:
    """The policy's row in scenario A."""
    return policy(next((one for one in of_group(results, "scenario") if one["scenario"] == "A"), None), name)


def against(row: Row | None, rival: str) -> Row | None:
    """The row's difference to a rival, paired by seed."""
    return next((one for one in (row or {}).get("against", ()) if one["policy"] == rival), None)


def noted(results: Results, name: str, wanted: str) -> Target:
    """What was to be measured again."""
    row = in_a(results, name)
    return Target(f"noted_{name}", wanted, f"{row['mean_s']:.1f} s" if row else "", asked=False)


def latency(results: Results, key: str, what: str, most: float) -> Target:
    """A figure of the learned policy in A."""
    row = in_a(results, LEARNER)
    target = Target(key, f"scenario A: PPO's {what.removesuffix('_s')} at most {most:g} s")
    return target if row is None else made(target, f"{row[what]:.1f} s", row[what] <= most)


def made(target: Target, reached: str, met: bool) -> Target:
    """The target with what was reached."""
    return replace(target, reached=reached, met=met)


NAMES = {
    "scenarios": "in A to D",
    "devices": "on 16, 32 and 128 devices",
    "models": "on 100 and 1,000 models",
    "traces": "on recordings",
}


def gap(results: Results, key: str, settings: list[Row]) -> Target:
    """How far the learned policy is below the bar in each of the settings."""
    target = Target(key, f"PPO at least {-LESS_PERCENT:g} % below tuned HRRN {NAMES[key]}, the interval clear of 0")
    found = [(one["scenario"], against(policy(one, LEARNER), BAR)) for one in settings]
    known = [(label, difference) for label, difference in found if difference]
    if not known:
        return target
    reached = "; ".join(f"{label}: {percent(difference)}" for label, difference in known)
    return made(target, reached, all(far(difference) for _, difference in known))


def beyond(results: Results) -> Target:
    """Whether the network adds to the heuristic that it starts from; not asked, but what learning is worth."""
    target = Target("beyond", f"what learning adds in A to D: PPO against {START}, which it starts from", asked=False)
    found = [(one["scenario"], against(policy(one, LEARNER), START)) for one in of_group(results, "scenario")]
    known = [f"{label}: {percent(difference)}" for label, difference in found if difference and label != "G"]
    return replace(target, reached="; ".join(known))


def far(difference: Row) -> bool:
    """Whether it is as far below as wanted, beyond doubt that it is below."""
    interval = difference["ci95_percent"]
    return interval is not None and interval[1] < 0 and difference["difference_percent"] <= LESS_PERCENT


def percent(difference: Row) -> str:
    """A paired difference in percent with its interval."""
    interval = difference["ci95_percent"]
    sure = "one seed" if interval is None else f"{signed(interval[0])} to {signed(interval[1])}"
    return f"{signed(difference['difference_percent'])} % ({sure})"


def won(difference: Row, seeds: int) -> str:
    """On how many seeds it was faster."""
    return f"{difference['seeds_won']} of {seeds} seeds"


def signed(value: float) -> str:
    """With one digit and its sign; a true minus, and none before 0.0."""
    text = f"{value:+.1f}"
    return "0.0" if text in {"+0.0", "-0.0"} else text.replace("-", "−")


def standing(difference: Row) -> str:
    """Who is faster, beyond doubt."""
    interval = difference["ci95_percent"]
    if interval is None or interval[0] <= 0 <= interval[1]:
        return "even"
    return "wins" if interval[1] < 0 else "**loses**"


def useful(results: Results) -> Target:
    """Utilisation in A."""
    row = in_a(results, LEARNER)
    target = Target(
        "useful", f"scenario A: useful utilisation over the makespan at least {100 * USEFUL:.0f} % under PPO"
    )
    return target if row is None else made(target, f"{100 * row['useful']:.1f} %", row["useful"] >= USEFUL)


def highest(results: Results) -> dict[str, tuple[float, str]]:
    """The highest share of each kind seen anywhere, and where."""
    found: dict[str, tuple[float, str]] = {}
    for one in results.get("ceilings", ()):
        for what in ("computing", "memory", "batch"):
            found[what] = max(found.get(what, (0.0, "")), (one[what], f"{one['policy']} in {one['scenario']}"))
    for setting in results.get("settings", ()):
        for one in setting["policies"]:
            seen = (one["duty"], f"{one['policy']} in {setting['scenario']}")
            found["duty"] = max(found.get("duty", (0.0, "")), seen)
    return found


MEANINGS = {
    "computing": "devices computing at once",
    "memory": "a device's memory",
    "batch": "a model's batch slots",
    "duty": "duty over a makespan",
}


def ceiling(results: Results) -> Target:
    """Nothing over 95 %."""
    target, found = Target("ceiling", f"nothing over {100 * CEILING:.0f} %"), highest(results)
    if not found:
        return target
    reached = "at most " + ", ".join(f"{100 * share:.1f} % of {MEANINGS[what]}" for what, (share, _) in found.items())
    return made(target, reached.replace("of duty", "duty"), all(one[0] <= CEILING + ROUNDING for one in found.values()))


def decision(results: Results) -> Target:
    """The time of one decision among 500."""
    target = Target("decision", f"one decision of PPO among 500 candidates: p99 at most {PICK_US / 1000:g} ms")
    found = next((one for one in results.get("picks", ()) if one["policy"] == LEARNER), None)
    if found is None:
        return target
    clock = f"; {found['wall_p99_us']:.1f} µs passed on the shared machine" if "wall_p99_us" in found else ""
    reached = f"p50 {found['p50_us']:.1f} µs, p99 {found['p99_us']:.1f} µs of processor time{clock}"
    return made(target, reached, found["p99_us"] <= PICK_US)


def throughput(results: Results) -> Target:
    """Simulated requests a second in A, of the policy in the middle."""
    target = Target("throughput", f"simulator: at least {PER_S:,} requests/s on one core (scenario A, middle policy)")
    speeds = [one["requests_per_s"] for one in results.get("throughput", ()) if one["load"] == "A"]
    if not speeds:
        return target
    middle = median_low(speeds)
    return made(target, f"{middle:,.0f} ({min(speeds):,} to {max(speeds):,})", middle >= PER_S)


def reason(target: Target, results: Results) -> str:
    """Why the target was missed; nothing if it was not."""
    if target.met is not False:
        return ""
    facts = {**figures(results), "short": "; ".join(short(results, target.key))}
    return REASONS.get(target.key, "").format_map(facts)


def figures(results: Results) -> dict[str, str]:
    """What reasons speak of."""
    tuned, spread = in_a(results, BAR) or {}, highest(results)
    levels: Row = next((one["bounds"] for one in of_group(results, "scenario") if one["scenario"] == "A"), {})
    looks = [one for one in results.get("ceilings", ()) if one["scenario"] == "A"]
    look = next((one for one in looks if one["policy"] == LEARNER), looks[-1] if looks else {})
    speeds = [one["requests_per_s"] for one in results.get("throughput", ())]
    return {
        "tuned_mean": shown(tuned.get("mean_s")),
        "tuned_p99": shown(tuned.get("p99_s")),
        "bound_mean": shown(levels.get("mean_s")),
        "bound_useful": shown(100 * levels["useful"] if "useful" in levels else None),
        "useful_arrivals": shown(100 * look["useful_arrivals"] if look else None),
        "arrivals_s": shown(look.get("arrivals_s")),
        "makespan_s": shown(look.get("makespan_s")),
        "over": ", ".join(f"{MEANINGS[what]} ({who})" for what, (share, who) in spread.items() if share > CEILING),
        "load": shown(results.get("made", {}).get("load")),
        "fastest": f"{max(speeds):,}" if speeds else "?",
    }


def short(results: Results, key: str) -> Iterator[str]:
    """The settings of a target that fall short, and how."""
    group = {"scenarios": "scenario", "traces": "trace"}.get(key, key)
    for one in of_group(results, group):
        difference, tuned = against(policy(one, LEARNER), BAR), policy(one, BAR)
        if difference is None or tuned is None or far(difference) or one["scenario"] == "G":
            continue
        how = how_short(difference, tuned.get("bound_ratio", 0.0))
        yield f"{one['scenario']} ({how}; faster on {won(difference, one['seeds'])})"


def standings(results: Results, rival: str) -> dict[str, list[str]]:
    """The settings in which the learned policy stands so against a rival."""
    found: dict[str, list[str]] = {}
    for one in results.get("settings", ()):
        difference = against(policy(one, LEARNER), rival)
        if difference is not None:
            found.setdefault(standing(difference).strip("*"), []).append(one["scenario"])
    return found


def longer_tails(results: Results) -> Iterator[str]:
    """The settings in which the learned policy's 99th percentile is clearly above the bar's."""
    for one in results.get("settings", ()):
        own, bar = policy(one, LEARNER), policy(one, BAR)
        if own and bar and own["p99_s"] > LONGER * bar["p99_s"]:
            yield f"{one['scenario']} ({own['p99_s']:.1f} s against {bar['p99_s']:.1f} s)"


def how_short(difference: Row, ratio: float) -> str:
    """In words; `ratio` is the bar's mean over the bound."""
    if ratio > 0.0 and 100.0 * (1.0 / ratio - 1.0) > LESS_PERCENT:
        return f"out of reach: tuned HRRN is at {ratio:.2f} times the lower bound"
    return {"wins": f"below, but less than {-LESS_PERCENT:g} %", "even": "no sure difference"}.get(
        standing(difference), "above it: here the heuristic is to be used"
    )


def shown(value: float | None) -> str:
    """A figure in a sentence."""
    return "?" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}"
