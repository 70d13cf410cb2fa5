"""Renders docs/routing-lab.md from docs/routing-lab/results.json: `page`, which measures nothing and reads nothing."""

from collections.abc import Iterable
from textwrap import wrap
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
    parts = (head, goals, scenarios, paired, unseen, floors, costs, checked, prototype, assumed, glossary, again)
    return "\n".join(line for part in parts for line in part(results)).rstrip() + "\n"


def table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Markdown, with an empty line behind it."""
    names = list(titles)
    lines = [f"| {' | '.join(names)} |", f"| {' | '.join('---' for _ in names)} |"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def picture(results: Results, name: str) -> list[str]:
    """The picture, if there is one."""
    return [f"![{PICTURES[name]}]({FOLDER}/{name}.png)", ""] if name in results.get("pictures", ()) else []


def prose(text: str) -> list[str]:
    """A paragraph, with an empty line behind it."""
    return [*wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False), ""]


def head(results: Results) -> list[str]:
    """What this is, and what was measured."""
    made, sources, static = results["made"], results["sources"], in_a(results, "static")
    here = {name: made["machine"].get(name, "?") for name in ("processor", "cores", "python", "numba")}
    seeds = {"first": made["first_seed"], "last": made["first_seed"] + made["seeds"] - 1}
    facts = {**made, **here, **seeds, "minutes": made["seconds"] / 60}
    landed = f": on {static['mean_s']:.0f} s" if static else ""
    lines = ["# The routing lab, measured", "", *prose(words.INTRO.format(command=made["command"]))]
    lines += prose(words.MEASURED.format(**facts, sources=sources["sha256"][:16], files=sources["files"]))
    lines += prose(words.RECONSTRUCTION.format(static=landed))
    if made["seeds"] < SEEDS or made.get("quick"):
        lines += prose(f"**A short run**: {made['seeds']} seeds; the targets ask for {SEEDS} and for all settings.")
    if any(one["record"].get("gate passed") is False for one in results.get("weights", ())):
        lines += prose(words.GATED)
    absent = (prose(f"**Left out**: {name}: {why}.") for name, why in results.get("absent", {}).items())
    return [*lines, *(line for one in absent for line in one)]


def goals(results: Results) -> list[str]:
    """The table of targets."""
    rows = [(one.wanted, one.reached or "–", one.verdict, reason(one, results)) for one in targets(results)]
    lines = ["## Targets", "", *table(("target", "reached", "", "why it was missed"), rows)]
    found, tails = standings(results, START), "; ".join(longer_tails(results))
    if found:
        said = "; ".join(f"{how} in {len(found[how])} ({', '.join(found[how])})" for how in STANDINGS if how in found)
        lines += prose(words.LEARNING.format(start=START, standings=said))
    return [
        *lines,
        *(prose(words.TAILS.format(settings=tails)) if tails else []),
    ]


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


def scenarios(results: Results) -> list[str]:
    """Every policy in every scenario."""
    lines = [
        "## Every policy in every scenario",
        "",
        *columns(),
        *picture(results, "mean"),
        *picture(results, "latency"),
    ]
    for one in of_group(results, "scenario"):
        name = one["scenario"]
        lines += [f"### {name}: {words.SCENARIOS.get(name, name)}", ""]
        lines += table(["policy", *titles(one)], lined(one))
    return [*lines, *picture(results, "course")]


def columns() -> list[str]:
    """What the columns say."""
    return [*prose(words.ROWS), *(f"- **{title}**: {meaning}" for title, meaning in words.COLUMNS.values()), ""]


def paired(results: Results) -> list[str]:
    """Differences paired by seed, in all settings."""
    settings = results.get("settings", ())
    pairs = [pair for pair in PAIRS if any(against(policy(one, pair[0]), pair[1]) for one in settings)]
    if not pairs:
        return []
    rows = []
    for one in settings:
        found = [against(policy(one, own), rival) for own, rival in pairs]
        cells = [f"{percent(each)} {standing(each)}, {won(each, one['seeds'])}" if each else "–" for each in found]
        rows.append([one["scenario"], *cells, p99s(one)])
    return [
        "## Paired differences",
        "",
        *prose(words.PAIRED),
        *table(["setting", *(f"{own} against {rival}" for own, rival in pairs), "p99 against the bar's"], rows),
        *picture(results, "paired"),
    ]


def p99s(setting: Row) -> str:
    """The 99th percentile of the challenger over the bar's."""
    bar = policy(setting, BAR)
    own = policy(setting, LEARNER) or policy(setting, START)
    return f"x{own['p99_s'] / bar['p99_s']:.2f} ({own['policy']})" if bar and own else "–"


def unseen(results: Results) -> list[str]:
    """The best policies if nothing was trained."""
    lines = []
    for group, (title, about) in words.GROUPS.items():
        found = of_group(results, group)
        if found:
            rows = [line for one in found for line in lined(one, one["scenario"])]
            lines += [f"## {title}", "", about, "", *table(["setting", "policy", *titles(found[0])], rows)]
    return lines


FLOORS = {
    "mean_s": "mean s, online", "clairvoyant_s": "mean s, clairvoyant", "pooled_s": "pooled s",
    "warm_floor_s": "alone s", "makespan_s": "makespan s", "useful": "useful %", "offered": "offered %",
}  # fmt: skip


def floors(results: Results) -> list[str]:
    """What no policy can beat."""
    settings = [one for one in results.get("settings", ()) if one.get("bounds")]
    rows = [[one["scenario"], *(floor(name, one["bounds"]) for name in FLOORS)] for one in settings]
    loads = [
        [one["scenario"], one["policy"], f"{one['loading_s']:,.0f}", f"{one['least_s']:,.0f}", f"{one['ratio']:.2f}"]
        for one in results.get("loads", ())
    ]
    lines = [
        "## What no policy can beat",
        "",
        *prose(words.FLOORS),
        *table(["setting", *FLOORS.values()], rows),
    ]
    if loads:
        lines += [
            *prose(words.LOADS),
            *table(("scenario", "policy", "loaded s", "least s", "ratio"), loads),
        ]
    return lines


def floor(name: str, levels: Row) -> str:
    """A bound; shares in percent."""
    if name not in levels:
        return "–"
    return f"{100 * levels[name]:.1f}" if name in {"useful", "offered"} else f"{levels[name]:,.2f}"


def costs(results: Results) -> list[str]:
    """Decisions and simulation in processor time."""
    speeds: dict[str, dict[str, str]] = {}
    for one in results.get("throughput", ()):
        speeds.setdefault(one["policy"], {})[one["load"]] = f"{one['requests_per_s']:,}"
    picks = {one["policy"]: f"{one['p50_us']:.1f} / {one['p99_us']:.1f}" for one in results.get("picks", ())}
    loads = list(dict.fromkeys(one["load"] for one in results.get("throughput", ())))
    if not loads:
        return []
    rows = [[name, *(seen.get(load, "–") for load in loads), picks.get(name, "–")] for name, seen in speeds.items()]
    return [
        "## What deciding and simulating cost",
        "",
        *prose(words.COSTS),
        *table(["policy", *loads, "among 500"], rows),
    ]


def checked(results: Results) -> list[str]:
    """Our learner beside another."""
    found = results.get("cross_check")
    if not found:
        return []
    rows = [
        [
            words.LEARNERS[row["policy"]],
            cell("mean_s", row),
            cell("p99_s", row),
            percent(row["versus"]) if "versus" in row else "–",
            f"{row['decisions']:,}" if "decisions" in row else "–",
            f"{row['seconds']:.0f}" if "seconds" in row else "–",
        ]
        for row in found["policies"]
    ]
    head = ("learner", "mean s", "p99", "against the start", "decisions", "seconds of training")
    return ["## Beside another PPO", "", *prose(words.CROSS_CHECK.format(**found)), *table(head, rows)]


def prototype(results: Results) -> list[str]:
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
    differ = [f"- {one};" for one in words.PROTOTYPE_DIFFERENCES]
    told = [*prose(words.PROTOTYPE_WORDS), *differ[:-1], differ[-1].replace(";", "."), ""]
    return ["## Beside the prototype", "", *told, *table(head, rows)] if rows else []


def assumed(results: Results) -> list[str]:
    """What was not measured."""
    if not results.get("assumptions"):
        return []
    return [
        "## Assumptions",
        "",
        *prose(words.ASSUMED),
        *table(("what", "as"), results["assumptions"]),
    ]


def glossary(results: Results) -> list[str]:
    """The policies, and the weights that were found by search or training."""
    lines = ["## Policies", "", *(f"- **{name}**: {meaning}." for name, meaning in words.POLICIES.items()), ""]
    if results.get("weights"):
        rows = [[f"`{one['file']}`", f"`{one['sha256'][:16]}`", record(one["record"])] for one in results["weights"]]
        lines += [
            "Weights that were found, in routing/policies/weights:",
            "",
            *table(("file", "SHA-256", "record"), rows),
        ]
    return [*lines, *picture(results, "training")]


def record(facts: Row) -> str:
    """The plain facts of a record of training."""
    return ", ".join(f"{name} {brief(value)}" for name, value in facts.items()) or "–"


def brief(value: Any) -> str:
    """A fact: digests by their first figures."""
    if isinstance(value, str):
        return f"`{value[:16]}`" if len(value) == 64 else value
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def again(results: Results) -> list[str]:
    """How to run it."""
    return ["## Again", "", *(line.format(command=results["made"]["command"]) for line in words.HOW), ""]
