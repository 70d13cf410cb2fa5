"""Fills the template of docs/routing-lab.md with docs/routing-lab/results.json: `page`, which measures nothing."""

from typing import Any

from benchmarks import lab_words as words
from benchmarks.lab_targets import (
    BAR,
    LEARNER,
    START,
    Results,
    Row,
    against,
    in_a,
    longer_tails,
    of_group,
    percent,
    policy,
    reason,
    standing,
    standings,
    targets,
    won,
)
from benchmarks.markdown import reflow, render, table

FOLDER = "routing-lab"
PERCENT = {"useful", "loading", "duty"}
PAIRS = ((LEARNER, BAR), (LEARNER, START), (START, BAR), (BAR, "hrrn"))
STANDINGS = ("wins", "even", "loses")
SEEDS, WIDTH = 10, 116
PICTURES = {
    "mean": "Mean latency by policy in scenario A, seconds; whiskers hold 95 % over the seeds",
    "paired": "Difference to tuned HRRN, paired by seed, percent; whiskers hold 95 %, below zero is faster",
    "course": "Queue and devices over time in scenario A",
    "training": "Validation during training; one is the heuristic that training started from",
    "latency": "Share of calls answered within so many seconds in scenario A, all seeds together",
}
"""Names of pictures, and what each shows; a page has those that its results name."""


def page(results: Results) -> str:
    """The whole document."""
    facts = {
        **head(results), **goals(results), "columns": columns(), "scenarios": scenarios(results),
        "paired": paired(results), "unseen": unseen(results), **floors(results), "costs": costs(results),
        **checked(results), "prototype": prototype(results), **found(results),
        "pictures": {name: picture(results, name) for name in PICTURES},
    }  # fmt: skip
    return reflow(render("routing-lab.md", facts), WIDTH)


def picture(results: Results, name: str) -> str:
    """The picture, if there is one."""
    return f"![{PICTURES[name]}]({FOLDER}/{name}.png)" if name in results.get("pictures", ()) else ""


def head(results: Results) -> dict[str, Any]:
    """What this is, and what was measured."""
    made, sources, static = results["made"], results["sources"], in_a(results, "static")
    here = {name: str(made["machine"].get(name, "?")) for name in ("processor", "cores", "python", "numba")}
    return {
        **here,
        "command": made["command"],
        "date": made["date"],
        "minutes": f"{made['seconds'] / 60:.1f}",
        "processes": str(made["processes"]),
        "load": f"{made['load']:.1f}",
        "sources": sources["sha256"][:16],
        "files": str(sources["files"]),
        "first": str(made["first_seed"]),
        "last": str(made["first_seed"] + made["seeds"] - 1),
        "seeds": str(made["seeds"]),
        "wanted_seeds": str(SEEDS),
        "static": f": on {static['mean_s']:.0f} s" if static else "",
        "short": made["seeds"] < SEEDS or made.get("quick"),
        "refused": any(one["record"].get("gate passed") is False for one in results.get("weights", ())),
        "absent": list(results.get("absent", {}).items()),
    }


def goals(results: Results) -> dict[str, str]:
    """The table of targets, and what is the network's."""
    rows = [(one.wanted, one.reached or "–", one.verdict, reason(one, results)) for one in targets(results)]
    stood = standings(results, START)
    said = (f"{how} in {len(stood[how])} ({', '.join(stood[how])})" for how in STANDINGS if how in stood)
    return {
        "targets": table(("target", "reached", "", "why it was missed"), rows),
        "start": START,
        "standings": "; ".join(said),
        "tails": "; ".join(longer_tails(results)),
    }


def cell(key: str, row: Row) -> str:
    """A figure of a row."""
    value = row.get(key)
    if value is None:
        return "–"
    if key in PERCENT:
        return f"{100 * value:.1f}"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    interval = row.get("mean_ci95") if key == "mean_s" else None
    return f"{text} ({interval[0]:.1f} to {interval[1]:.1f})".replace("-", "−") if interval else text


def lined(setting: Row, first: str = "") -> list[list[str]]:
    """A line for each policy, the fastest first; `first` stands in a column of its own."""
    rows = sorted(setting["policies"], key=lambda row: float(row["mean_s"]))
    return [
        [*([first] if first else []), name_of(row), *(cell(key, row) for key in words.COLUMNS), compared(row)]
        for row in rows
    ]


def name_of(row: Row) -> str:
    """The policy's name; the bar's is bold."""
    return f"**{row['policy']}**" if row["policy"] == BAR else str(row["policy"])


def compared(row: Row) -> str:
    """The difference to the policy that all are compared with."""
    one = row.get("versus")
    return f"{percent(one)} {standing(one)}" if one else "the bar"


def titles(setting: Row) -> list[str]:
    """Of the columns behind the policy's name."""
    bars = {row["versus"]["policy"] for row in setting["policies"] if "versus" in row} or {"nobody"}
    return [*(title for title, _ in words.COLUMNS.values()), f"against {min(bars)}"]


def scenarios(results: Results) -> list[tuple[str, str, str]]:
    """Every policy in every scenario: its name, what it is, and its table."""
    held = of_group(results, "scenario")
    return [
        (
            one["scenario"],
            words.SCENARIOS.get(str(one["scenario"]), str(one["scenario"])),
            table(["policy", *titles(one)], lined(one)),
        )
        for one in held
    ]


def columns() -> str:
    """What the columns say."""
    return "\n".join(f"- **{title}**: {meaning}" for title, meaning in words.COLUMNS.values())


def paired(results: Results) -> str:
    """Differences paired by seed, in all settings."""
    settings = results.get("settings", ())
    pairs = [pair for pair in PAIRS if any(against(policy(one, pair[0]), pair[1]) for one in settings)]
    rows = []
    for one in settings:
        beside = [against(policy(one, own), rival) for own, rival in pairs]
        cells = [f"{percent(each)} {standing(each)}, {won(each, one['seeds'])}" if each else "–" for each in beside]
        rows.append([one["scenario"], *cells, p99s(one)])
    head = ["setting", *(f"{own} against {rival}" for own, rival in pairs), "p99 against the bar's"]
    return table(head, rows) if pairs else ""


def p99s(setting: Row) -> str:
    """The 99th percentile of the challenger over the bar's."""
    bar = policy(setting, BAR)
    own = policy(setting, LEARNER) or policy(setting, START)
    return f"x{own['p99_s'] / bar['p99_s']:.2f} ({own['policy']})" if bar and own else "–"


def unseen(results: Results) -> list[tuple[str, str, str]]:
    """The best policies if nothing was trained: title, what it is, and a table for each group."""
    tables = []
    for group, (title, about) in words.GROUPS.items():
        held = of_group(results, group)
        if held:
            rows = [line for one in held for line in lined(one, one["scenario"])]
            tables.append((title, about, table(["setting", "policy", *titles(held[0])], rows)))
    return tables


FLOORS = {
    "mean_s": "mean s, online", "clairvoyant_s": "mean s, clairvoyant", "pooled_s": "pooled s",
    "warm_floor_s": "alone s", "makespan_s": "makespan s", "useful": "useful %", "offered": "offered %",
}  # fmt: skip


def floors(results: Results) -> dict[str, str]:
    """What no policy can beat."""
    settings = [one for one in results.get("settings", ()) if one.get("bounds")]
    rows = [[one["scenario"], *(floor(name, one["bounds"]) for name in FLOORS)] for one in settings]
    loads = [
        [one["scenario"], one["policy"], f"{one['loading_s']:,.0f}", f"{one['least_s']:,.0f}", f"{one['ratio']:.2f}"]
        for one in results.get("loads", ())
    ]
    head = ("scenario", "policy", "loaded s", "least s", "ratio")
    return {"floors": table(["setting", *FLOORS.values()], rows), "loads": table(head, loads) if loads else ""}


def floor(name: str, levels: Row) -> str:
    """A bound; shares in percent."""
    if name not in levels:
        return "–"
    return f"{100 * levels[name]:.1f}" if name in {"useful", "offered"} else f"{levels[name]:,.2f}"


def costs(results: Results) -> str:
    """Decisions and simulation in processor time."""
    speeds: dict[str, dict[str, str]] = {}
    for one in results.get("throughput", ()):
        speeds.setdefault(one["policy"], {})[one["load"]] = f"{one['requests_per_s']:,}"
    picks = {one["policy"]: f"{one['p50_us']:.1f} / {one['p99_us']:.1f}" for one in results.get("picks", ())}
    loads = list(dict.fromkeys(one["load"] for one in results.get("throughput", ())))
    rows = [[name, *(seen.get(load, "–") for load in loads), picks.get(name, "–")] for name, seen in speeds.items()]
    return table(["policy", *loads, "among 500"], rows) if loads else ""


def checked(results: Results) -> dict[str, Any]:
    """Our learner beside another."""
    beside = results.get("cross_check")
    if not beside:
        return {}
    rows = [
        [
            words.LEARNERS[row["policy"]],
            cell("mean_s", row),
            cell("p99_s", row),
            percent(row["versus"]) if "versus" in row else "–",
            f"{row['decisions']:,}" if "decisions" in row else "–",
            f"{row['seconds']:.0f}" if "seconds" in row else "–",
        ]
        for row in beside["policies"]
    ]
    head = ("learner", "mean s", "p99", "against the start", "decisions", "seconds of training")
    setting = {name: str(beside[name]) for name in ("scenario", "calls", "seeds")}
    return {"checked": table(head, rows), "check": setting}


def prototype(results: Results) -> str:
    """The figures that the targets came from, beside ours."""
    mains = {one["scenario"]: one for one in of_group(results, "scenario")}
    names = [name for name in "ABCD" if name in mains]
    rows = []
    for name, theirs in words.PROTOTYPE.items():
        ours = [policy(mains[scenario], name) for scenario in names]
        if any(ours):
            cells = [f"{row['mean_s']:.0f} ({row['p99_s']:.0f})" if row else "–" for row in ours]
            pairs = zip(names, cells, strict=True)
            rows.append([name, *(f"{theirs['ABCD'.index(scenario)]} → {cell}" for scenario, cell in pairs)])
    head = ["policy", *(f"{name}: prototype → here" for name in names)]
    return table(head, rows) if rows else ""


def found(results: Results) -> dict[str, str]:
    """What was assumed, the policies, and the weights that were found by search or training."""
    weights = [
        [f"`{one['file']}`", f"`{one['sha256'][:16]}`", record(one["record"])] for one in results.get("weights", ())
    ]
    assumptions = results.get("assumptions")
    return {
        "assumptions": table(("what", "as"), assumptions) if assumptions else "",
        "policies": "\n".join(f"- **{name}**: {meaning}." for name, meaning in words.POLICIES.items()),
        "weights": table(("file", "SHA-256", "record"), weights) if weights else "",
    }


def record(facts: Row) -> str:
    """The plain facts of a record of training."""
    return ", ".join(f"{name} {brief(value)}" for name, value in facts.items()) or "–"


def brief(value: Any) -> str:
    """A fact: digests by their first figures."""
    if isinstance(value, str):
        return f"`{value[:16]}`" if len(value) == 64 else value
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
