"""docs/routing-lab.md is what its page makes of its results: nothing by hand, nothing hidden, whatever is missing."""

import copy
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks import lab_measures
from benchmarks.lab import CROSS_CHECK
from benchmarks.lab_measures import MAIN, Setting, joined
from benchmarks.lab_page import PICTURES, page
from benchmarks.lab_targets import MET, MISSED, UNKNOWN, Target, reason, targets
from benchmarks.lab_words import COLUMNS, POLICIES, REASONS
from routing.lab.learn.evaluation import bounds
from routing.lab.learn.evaluation.evaluate import Question, evaluate
from routing.lab.learn.simulator import entries

DOCS = Path(__file__).resolve().parents[4] / "docs"
FOLDER = DOCS / "routing-lab"
TEXT = (DOCS / "routing-lab.md").read_text(encoding="utf-8")
RESULTS: dict[str, Any] = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))
NEEDED = {"made", "sources"}
MOST_BYTES = 120_000
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?")
COMPILING_S = 600


def least() -> dict[str, Any]:
    """Results in which nothing optional was measured."""
    return copy.deepcopy({key: RESULTS[key] for key in NEEDED})


def row(name: str, mean: float, percent: float = 0.0) -> dict[str, Any]:
    """A policy's figures, of which one is told; `percent` stands against the bar, give or take one."""
    figures = dict.fromkeys(COLUMNS, 0.5) | {"policy": name, "mean_s": mean, "mean_ci95": [mean - 1, mean + 1]}
    versus = {
        "policy": "hrrn_tuned",
        "difference_s": percent,
        "ci95": None,
        "difference_percent": percent,
        "ci95_percent": [percent - 1, percent + 1],
        "seeds_won": 3,
    }
    return figures if name == "hrrn_tuned" else {**figures, "versus": versus, "against": [versus]}


def made_up(percent: float, ratio: float = 5.0) -> dict[str, Any]:
    """Results of every target; the learned policy is at `percent` of the bar everywhere, which is at `ratio` bounds."""
    named = [("scenario", "A"), ("devices", "16 devices"), ("models", "100 models"), ("trace", "E")]
    bar = {**row("hrrn_tuned", 30.0), "bound_ratio": ratio}
    settings = [
        {
            "group": group,
            "scenario": name,
            "seeds": 10,
            "bounds": {"mean_s": 5.5, "useful": 0.93},
            "policies": [row("static", 70.0, 130.0), bar, row("ppo", 25.0, percent)],
        }
        for group, name in named
    ]
    look = {"scenario": "A", "policy": "ppo", "computing": 0.9, "memory": 0.9, "batch": 0.9, "useful_arrivals": 0.8}
    return {
        **least(),
        "settings": settings,
        "ceilings": [{**look, "arrivals_s": 600.0, "makespan_s": 800.0}],
        "picks": [{"policy": "ppo", "candidates": 500, "p50_us": 40.0, "p99_us": 90.0}],
        "throughput": [{"load": "A", "policy": "static", "requests_per_s": 310_000, "range": [1, 2]}],
    }


def of_page(text: str, title: str) -> list[list[str]]:
    """The cells of the first table under a title, without its head."""
    lines = text.split(f"## {title}\n")[1].split("\n## ")[0].splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][2:]


def numbers(value: Any) -> Iterator[float | str]:
    """Every number of a document, those in its texts as they are written."""
    if isinstance(value, dict):
        yield from (found for one in value.values() for found in numbers(one))
    elif isinstance(value, list):
        yield from (found for one in value for found in numbers(one))
    elif isinstance(value, str):
        yield from NUMBER.findall(value)
    elif isinstance(value, int | float):
        yield value


def ways(value: float | str) -> set[str]:
    """How a number may be written."""
    if isinstance(value, str):
        return {value}
    sizes = (abs(value), 100 * abs(value))
    return {f"{size:{comma}.{digits}f}" for size in sizes for digits in (0, 1, 2) for comma in ("", ",")}


def test_the_page_is_made_of_its_results_to_the_letter() -> None:
    again = "run `python -m benchmarks.lab --render`, and never write docs/routing-lab.md by hand"
    assert page(RESULTS) == TEXT, again


def test_every_number_of_the_targets_comes_from_the_results() -> None:
    known = set().union(*(ways(one) for one in numbers(RESULTS)))
    for target in targets(RESULTS):
        told = NUMBER.findall(target.reached) + NUMBER.findall(reason(target, RESULTS))
        strange = set(told) - known - set(NUMBER.findall(target.wanted))
        assert not strange, f"{target.wanted}: {strange} is in no result"


def found(results: dict[str, Any], key: str) -> Target:
    """A target by its key."""
    return next(one for one in targets(results) if one.key == key)


def test_the_targets_on_the_page_are_all_there_with_their_verdicts() -> None:
    shown = {cells[0]: cells[1:3] for cells in of_page(TEXT, "Targets")}
    assert shown == {one.wanted: [one.reached or "–", one.verdict] for one in targets(RESULTS)}


@pytest.mark.parametrize(
    ("key", "place", "told"),
    [
        ("noted_static", ("settings", 0, "policies", 0, "mean_s"), "12.3 s"),
        ("noted_hrrn_tuned", ("settings", 0, "policies", 1, "mean_s"), "12.3 s"),
        ("ppo_mean", ("settings", 0, "policies", 2, "mean_s"), "12.3 s"),
        ("ppo_p99", ("settings", 0, "policies", 2, "p99_s"), "12.3 s"),
        ("scenarios", ("settings", 0, "policies", 2, "against", 0, "difference_percent"), "A: +12.3 %"),
        ("devices", ("settings", 1, "policies", 2, "against", 0, "difference_percent"), "16 devices: +12.3 %"),
        ("models", ("settings", 2, "policies", 2, "against", 0, "difference_percent"), "100 models: +12.3 %"),
        ("traces", ("settings", 3, "policies", 2, "against", 0, "difference_percent"), "E: +12.3 %"),
        ("useful", ("settings", 0, "policies", 2, "useful"), "1230.0 %"),
        ("ceiling", ("ceilings", 0, "memory"), "1230.0 % of a device's memory"),
        ("decision", ("picks", 0, "p99_us"), "p99 12.3 µs"),
        ("throughput", ("throughput", 0, "requests_per_s"), "12.3"),
    ],
)
def test_a_target_says_what_its_figure_says(key: str, place: tuple[Any, ...], told: str) -> None:
    results = made_up(-20.0)
    part: Any = results
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = 12.3
    assert told in found(results, key).reached or key == "throughput"
    if key == "throughput":
        assert found(results, key).verdict == MISSED


def test_a_miss_has_its_reason_and_nothing_else_has_one() -> None:
    good = made_up(-20.0)
    wide = {"scenarios", "devices", "models", "traces"}
    assert {one.key: one.verdict for one in targets(good) if one.key in wide} == dict.fromkeys(wide, MET)
    assert all(not reason(one, good) for one in targets(good) if one.met)
    for percent, words in ((-5.0, "below, but less than 10 %"), (0.0, "no sure difference"), (8.0, "above it")):
        bad = made_up(percent)
        for key in wide:
            assert found(bad, key).verdict == MISSED
            assert words in reason(found(bad, key), bad)
    assert "out of reach: tuned HRRN is at 1.05 times" in reason(
        found(made_up(-2.0, 1.05), "traces"), made_up(-2.0, 1.05)
    )
    assert {one.key for one in targets(good) if one.asked} == set(REASONS)


def test_who_loses_stays_and_says_so() -> None:
    cells = [line for line in page(made_up(8.0)).splitlines() if line.startswith("| ppo | 25.0")]
    assert len(cells) == 1
    assert "+8.0 % (+7.0 to +9.0) **loses**" in cells[0]
    assert "| **hrrn_tuned** | 30.0" in page(made_up(8.0))
    rows = {cells[0]: cells for cells in of_page(page(made_up(8.0)), "Paired differences")}
    assert rows["16 devices"][1] == "+8.0 % (+7.0 to +9.0) **loses**, 3 of 10 seeds"


@pytest.mark.parametrize("part", sorted(set(RESULTS) - NEEDED))
def test_a_page_without_a_part_is_still_a_page(part: str) -> None:
    text = page({key: value for key, value in RESULTS.items() if key != part})
    assert text.startswith("# The routing lab, measured\n")
    assert "None" not in text
    if part == "pictures":
        assert "![" not in text


def test_a_page_of_nothing_says_that_nothing_was_measured() -> None:
    text = page(least())
    assert text.count(UNKNOWN) == len(targets(least()))


def test_what_the_heuristic_gained_is_not_called_the_networks() -> None:
    results = made_up(-20.0)
    for setting, percent in zip(results["settings"], (-9.0, 0.0, 0.5, 9.0), strict=True):
        start = {**setting["policies"][2]["against"][0], "policy": "spaced_tuned"}
        interval = [percent - 1, percent + 1]
        setting["policies"][2]["against"].append({**start, "difference_percent": percent, "ci95_percent": interval})
    results["settings"][1]["policies"][2]["p99_s"] = 77.0
    text = " ".join(page(results).split())
    assert "it: wins in 1 (A); even in 2 (16 devices, 100 models); loses in 1 (E)." in text
    assert "PPO, more than 1 % above): 16 devices (77.0 s against 0.5 s)." in text
    assert "A: −9.0 % (−10.0 to −8.0)" in found(results, "beyond").reached


def test_a_network_that_its_gate_refused_is_told() -> None:
    file = {"file": "ppo.npz", "sha256": "0" * 64, "record": {"gate passed": False}}
    assert "**The gate refused the network**" in page({**least(), "weights": [file]})
    assert "The gate refused" not in page({**least(), "weights": [{**file, "record": {"gate passed": True}}]})


def test_a_single_seed_has_no_interval_and_settles_nothing() -> None:
    results = made_up(-20.0)
    for setting in results["settings"]:
        setting["policies"][2]["mean_ci95"] = None
        setting["policies"][2]["against"][0]["ci95_percent"] = None
    assert "−20.0 % (one seed) even" in page(results)
    assert found(results, "scenarios").verdict == MISSED


def test_every_picture_is_shown_and_light() -> None:
    there = {path.stem: path.stat().st_size for path in FOLDER.glob("*.png")}
    assert set(re.findall(r"!\[[^]]+\]\(routing-lab/([a-z]+)\.png\)", TEXT)) == set(there) == set(RESULTS["pictures"])
    assert set(there) <= set(PICTURES)
    assert {"mean", "paired", "course", "latency"} <= set(there)
    assert max(there.values()) < MOST_BYTES
    pictures = {f"{name}.png" for name in there}
    assert {path.name for path in FOLDER.iterdir()} == {"results.json", CROSS_CHECK, *pictures}


def test_the_check_against_another_ppo_is_the_one_that_was_made() -> None:
    assert RESULTS["cross_check"] == json.loads((FOLDER / CROSS_CHECK).read_text(encoding="utf-8"))
    assert len(of_page(TEXT, "Beside another PPO")) == 4


def test_the_page_says_which_sources_it_measured() -> None:
    digest = RESULTS["sources"]["sha256"]
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert f"sources `{digest[:16]}`" in TEXT
    assert re.fullmatch(r"[0-9a-f]{64}", lab_measures.sources()["sha256"])


def test_every_policy_is_explained() -> None:
    assert {*entries.names(), entries.ORACLE} <= set(POLICIES)
    measured = {one["policy"] for setting in RESULTS["settings"] for one in setting["policies"]}
    assert measured <= {*POLICIES, *(name + entries.ORACLE for name in POLICIES)}


@pytest.mark.timeout(COMPILING_S)
def test_seeds_apart_and_joined_are_what_evaluate_makes_of_them() -> None:
    small = Setting(MAIN, "small", shape=(("devices", 3), ("models", 12)))
    policies = ("static", "hrrn", "hrrn_tuned")
    apart = [lab_measures.one_seed(small, policies, seed) for seed in range(3)]
    whole = evaluate(Question("small", small.workload, policies, 3), bound=bounds.floors)
    both = joined(small, apart)
    for one, other in zip(both["policies"], whole["policies"], strict=True):
        kept = {key: value for key, value in one.items() if key in other}
        assert kept | {"decision_us": 0} == other | {"decision_us": 0}
        assert one["seeds_mean_s"] == [each["policies"][both["policies"].index(one)]["mean_s"] for each in apart]
    assert {key: both[key] for key in ("scenario", "seeds", "first_seed")} == {
        key: whole[key] for key in ("scenario", "seeds", "first_seed")
    }
    assert both["bounds"] == pytest.approx(whole["bounds"], abs=1e-3)


@pytest.mark.timeout(COMPILING_S)
def test_occupancy_is_looked_at_after_every_event() -> None:
    small = Setting(MAIN, "small", shape=(("devices", 3), ("models", 12)))
    look = partial(lab_measures.ceilings, small, "hrrn", 1)
    assert look() == look()
    assert 0.0 < look()["useful_arrivals"] <= 1.0
    assert 0.0 < look()["computing"] <= 2 / 3 + 1e-4
    assert 0.0 < look()["memory"] <= 0.95
    assert look()["makespan_s"] >= look()["arrivals_s"]


def test_another_ppo_is_shown_beside_ours() -> None:
    versus = {"difference_percent": -4.9, "ci95_percent": [-9.2, -0.6], "policy": "heuristic", "seeds_won": 20}
    start = {"policy": "heuristic", "mean_s": 35.3, "mean_ci95": [30.0, 40.0], "p99_s": 200.0}
    other = {**start, "policy": "maskable_ppo", "versus": versus, "decisions": 61_440, "seconds": 72.4}
    text = page(
        {**least(), "cross_check": {"scenario": "A-63x8", "calls": 1000, "seeds": 30, "policies": [start, other]}}
    )
    rows = of_page(text, "Beside another PPO")
    assert rows[0] == ["the start of all three", "35.3 (30.0 to 40.0)", "200.0", "–", "–", "–"]
    assert rows[1][0] == "MaskablePPO"
    assert rows[1][3:] == ["−4.9 % (−9.2 to −0.6)", "61,440", "72"]
    assert "Beside another PPO" not in page(least())
