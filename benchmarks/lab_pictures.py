"""Draws the pictures of docs/routing-lab.md from its results, the same each time, and answers which there are."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.lab_targets import BAR, LEARNER, LESS_PERCENT, Results, Row, against, of_group, policy

COLOURS = {
    "ppo": "#d55e00", "hrrn_tuned": "#0072b2", "spaced_tuned": "#009e73", "hrrn": "#56b4e9", "static": "#555555",
    "fcfs": "#cc79a7", "sect": "#e69f00",
}  # fmt: skip
OTHER = "#9a9a9a"
STYLE: dict[Any, Any] = {
    "figure.dpi": 100, "savefig.dpi": 100, "figure.facecolor": "white", "axes.facecolor": "white", "font.size": 11,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e4e4e4",
    "axes.axisbelow": True, "figure.constrained_layout.use": True, "legend.frameon": False,
}  # fmt: skip
WIDTH, SHADES = 9.6, 64
CHALLENGERS = (LEARNER, "spaced_tuned")
WATCHED = 1.5
"""Time is drawn up to so many times the end of the best policy's run."""


def draw(results: Results, folder: Path) -> list[str]:
    """Write every picture that the results have figures for, take away the others, and return their names."""
    mpl.use("Agg")
    drawn = []
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        for name, make in MAKERS.items():
            figure = make(results)
            (folder / f"{name}.png").unlink(missing_ok=True)
            if figure is not None:
                save(figure, folder / f"{name}.png")
                drawn.append(name)
    return drawn


def save(figure: Figure, path: Path) -> None:
    """With few colours, which is a third of the bytes and looks the same."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    plt.close(figure)
    with Image.open(drawn) as picture:
        few = picture.convert("RGB").quantize(SHADES, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(path, optimize=True)


def colour(name: str) -> str:
    """The same for a policy in every picture."""
    return COLOURS.get(name.removesuffix("+oracle"), OTHER)


def mean(results: Results) -> Figure | None:
    """(a) Mean latency by policy in A."""
    setting = next((one for one in of_group(results, "scenario") if one["scenario"] == "A"), None)
    if setting is None:
        return None
    rows = sorted(setting["policies"], key=lambda row: -float(row["mean_s"]))
    figure, axes = plt.subplots(figsize=(WIDTH, 1.2 + 0.3 * len(rows)))
    for place, row in enumerate(rows):
        low, high = row["mean_ci95"] or (row["mean_s"], row["mean_s"])
        told = "///" if row["policy"].endswith("+oracle") else None
        axes.barh(place, row["mean_s"], color=colour(row["policy"]), height=0.7, hatch=told, edgecolor="white")
        axes.plot([low, high], [place, place], color="black", linewidth=1.4)
        axes.text(max(high, 0.0), place, f"  {row['mean_s']:.1f}", va="center", fontsize=10)
    axes.set_yticks(range(len(rows)), [row["policy"] for row in rows])
    axes.set_xlabel("mean latency, seconds (whiskers: 95 % over the seeds)")
    axes.set_title(f"Scenario A, {setting['seeds']} seeds: shorter is better", loc="left")
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.08, y=0.01)
    axes.set_xlim(left=0)
    return figure


def paired(results: Results) -> Figure | None:
    """(b) Differences to the bar in every setting."""
    settings = list(reversed(results.get("settings", ())))
    names = [name for name in CHALLENGERS if any(against(policy(one, name), BAR) for one in settings)]
    if not names:
        return None
    figure, axes = plt.subplots(figsize=(WIDTH, 1.6 + 0.34 * len(settings)))
    for number, name in enumerate(names):
        shift = 0.32 * (len(names) - 1) / 2 - 0.32 * number
        differences(axes, [against(policy(one, name), BAR) for one in settings], shift, name)
    axes.axvline(0, color="black", linewidth=1)
    axes.axvline(LESS_PERCENT, color="black", linewidth=1, linestyle=":")
    axes.annotate(
        "target", (LESS_PERCENT, 1.0), xycoords=("data", "axes fraction"), ha="right", va="bottom", fontsize=9
    )
    axes.set_yticks(range(len(settings)), [label(one) for one in settings])
    axes.set_ylim(-0.6, len(settings) - 0.4)
    axes.set_xlabel("mean latency against tuned HRRN, percent (left of 0: faster)")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(names))
    axes.grid(visible=False, axis="y")
    return figure


def differences(axes: Axes, found: Sequence[Row | None], shift: float, name: str) -> None:
    """One challenger's differences with their intervals."""
    known = [(place, one) for place, one in enumerate(found) if one]
    places = [place + shift for place, _ in known]
    middle = [one["difference_percent"] for _, one in known]
    ends = [one["ci95_percent"] or [one["difference_percent"]] * 2 for _, one in known]
    whiskers = [
        [value - end[0] for value, end in zip(middle, ends, strict=True)],
        [end[1] - value for value, end in zip(middle, ends, strict=True)],
    ]
    axes.errorbar(middle, places, xerr=whiskers, fmt="o", color=colour(name), capsize=3, markersize=5, label=name)


def label(setting: Row) -> str:
    """A setting's name on an axis."""
    name = str(setting["scenario"])
    return f"scenario {name}" if len(name) == 1 else name


def over_time(results: Results) -> Figure | None:
    """(c) Queue and devices over time."""
    found = results.get("course")
    if not found or not found["policies"]:
        return None
    runs, times = found["policies"], found["at_s"]
    ends = {name: end_of(times, run) for name, run in runs.items()}
    until = WATCHED * min(ends.values())
    figure, panels = plt.subplots(3, 1, figsize=(WIDTH, 7.2), sharex=True)
    for axes, (what, title, scale) in zip(panels, COURSES, strict=True):
        for name, run in runs.items():
            axes.plot(times, [scale * value for value in run[what]], color=colour(name), linewidth=1.8, label=name)
        axes.set_ylabel(title)
        axes.set_ylim(bottom=0)
    for axes in panels[1:]:
        axes.set_ylim(0, 100)
    panels[1].axhline(95, color="black", linewidth=1, linestyle=":")
    panels[0].set_xlim(0, until)
    told = [f"{name} until {ends[name]:,.0f} s" if ends[name] > until else name for name in runs]
    panels[0].legend(told, loc="upper right")
    panels[0].set_title(f"Scenario A, seed {found['seed']}: calls arrive for 600 s, then the queue drains", loc="left")
    panels[2].set_xlabel("simulated seconds")
    return figure


COURSES = (
    ("waiting", "calls waiting", 1.0),
    ("busy", "devices computing, %", 100.0),
    ("loading", "devices loading, %", 100.0),
)


def end_of(times: Sequence[float], run: Row) -> float:
    """When nothing waits or computes any more."""
    return max(
        (at for at, waiting, busy in zip(times, run["waiting"], run["busy"], strict=True) if waiting or busy),
        default=0.0,
    )


def training(results: Results) -> Figure | None:
    """(d) Validation over the training."""
    points: Sequence[Row] = results.get("curve", ())
    if not points:
        return None
    figure, axes = plt.subplots(figsize=(WIDTH, 4.2))
    minutes = [one["minutes"] for one in points]
    axes.plot(minutes, [one["mean"] for one in points], color=COLOURS[LEARNER], linewidth=1.8, label="mean latency")
    axes.plot(minutes, [one["p99"] for one in points], color=OTHER, linewidth=1.4, label="99th percentile")
    axes.axhline(1, color="black", linewidth=1)
    axes.set_xlabel("minutes of training")
    axes.set_ylabel("share of the heuristic's")
    axes.set_title("Validation on seeds that are neither trained nor tested on: below 1 is better", loc="left")
    axes.legend()
    return figure


def latency(results: Results) -> Figure | None:
    """(e) How soon calls are answered."""
    found: Any = results.get("latencies")
    if not found or not found["policies"]:
        return None
    figure, axes = plt.subplots(figsize=(WIDTH, 4.8))
    for name, values in found["policies"].items():
        strong = 2.2 if name in CHALLENGERS or name == BAR else 1.4
        dashes = "--" if name == LEARNER else "-"
        shares = [100 * share for share in found["shares"]]
        axes.plot(values, shares, dashes, color=colour(name), linewidth=strong, label=name)
    axes.set_xscale("log")
    axes.set_xlim(left=0.1)
    axes.set_ylim(0, 100)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("seconds from arrival to answer (logarithmic)")
    axes.set_ylabel("calls answered, %")
    axes.set_title("Scenario A, all seeds together: further left is better", loc="left")
    axes.legend(loc="upper left")
    return figure


MAKERS: dict[str, Callable[[Results], Figure | None]] = {
    "mean": mean,
    "paired": paired,
    "course": over_time,
    "training": training,
    "latency": latency,
}
