"""Evaluation on tiny fleets: intervals on made-up numbers, the document's shape, the same again, and the command."""

import json
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from routing.lab.learn.evaluation.evaluate import Question, evaluate, interval_of, student, versus
from routing.lab.learn.simulator import entries
from routing.lab.learn.workloads import homes
from routing.lab.learn.workloads.scenarios import scenario_source
from routing.lab.learn.workloads.traffic import SCENARIOS, Scenario, Workload, synthetic
from routing.scheduler.fleet import FleetLimits

TINY = Scenario("tiny", calls=80, seconds=20.0, models=12, devices=3)
SMALL = ("--devices", "4", "--models", "24", "--seeds", "2")
ROW = {
    "policy", "mean_s", "mean_ci95", "p50_s", "p95_s", "p99_s", "slowdown", "max_wait_s", "useful", "loading", "duty",
    "makespan_s", "loads", "reloads", "joules_per_request", "decision_us",
}  # fmt: skip


def tiny(seed: int) -> Workload:
    return synthetic(TINY, seed)


def asked(*policies: str, **more: Any) -> dict[str, Any]:
    return evaluate(Question("tiny", tiny, policies, **{"seeds": 3, **more}))


def test_students_t_matches_the_printed_tables() -> None:
    printed = {1: 12.7062, 2: 4.3027, 9: 2.2622, 30: 2.0423, 31: 2.0395, 40: 2.0211, 60: 2.0003, 120: 1.9799}
    assert {one: pytest.approx(student(one), abs=2e-4) for one in printed} == printed


def test_intervals_are_paired_by_seed() -> None:
    own, other = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 5.0])
    half = 4.3027 / 3**0.5
    found = versus("other", own, other)
    assert found == {
        "policy": "other",
        "difference_s": -1.0,
        "ci95": [round(-1 - half, 3), round(-1 + half, 3)],
        "difference_percent": -33.33,
        "ci95_percent": [round((-1 - half) * 100 / 3, 2), round((-1 + half) * 100 / 3, 2)],
        "seeds_won": 2,
    }
    assert interval_of(np.array([4.0])) is None
    assert versus("other", own[:1], other[:1])["ci95_percent"] is None


def test_the_interval_holds_what_it_says() -> None:
    drawn = np.random.default_rng(5).normal(3.0, 2.0, (2000, 8))
    intervals = [interval_of(row) for row in drawn]
    held = sum(1 for one in intervals if one is not None and one[0] <= 3.0 <= one[1])
    assert 0.93 < held / len(drawn) < 0.97


def test_a_document_has_every_figure_and_comes_out_the_same_again() -> None:
    told: list[tuple[int, int]] = []
    question = Question("tiny", tiny, ("static", "hrrn", "hrrn_tuned", "hrrn+oracle"), 2, 40)
    found = evaluate(question, lambda done, total: told.append((done, total)), lambda workload: {"mean_s": 0.5})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert told == [(number, 8) for number in range(1, 9)]
    assert (found["scenario"], found["seeds"], found["first_seed"]) == ("tiny", 2, 40)
    for row in found["policies"]:
        assert set(row) - {"versus"} == ROW | {"bound_ratio"}
        assert row["bound_ratio"] == pytest.approx(row["mean_s"] / 0.5, abs=1e-3)
        assert row["p50_s"] <= row["p95_s"] <= row["p99_s"]
        assert row["useful"] <= row["duty"] <= 1.0
    references = [row.get("versus", {}).get("policy") for row in found["policies"]]
    assert references == ["hrrn_tuned", "hrrn_tuned", None, "hrrn_tuned"]
    again = evaluate(question, None, lambda workload: {"mean_s": 0.5})
    for row in (*found["policies"], *again["policies"]):
        del row["decision_us"]
    assert found == again


def test_the_reference_is_the_best_heuristic_or_who_is_named() -> None:
    rows = asked("random", "hrrn")["policies"]
    assert [row.get("versus", {}).get("policy") for row in rows] == ["hrrn", None]
    rows = asked("random", "hrrn", versus="random")["policies"]
    assert rows[1]["versus"]["policy"] == "random"
    assert rows[1]["versus"]["difference_s"] == pytest.approx(rows[1]["mean_s"] - rows[0]["mean_s"], abs=2e-3)
    assert "versus" not in asked("hrrn")["policies"][0]


def test_an_oracle_is_told_true_sizes() -> None:
    one = entries.ready_policy("sjf+oracle")
    assert (entries.seen_by(one, tiny(1)).predicted == tiny(1).units).all()
    assert (entries.seen_by(entries.ready_policy("sjf"), tiny(1)).predicted == tiny(1).predicted).all()


def test_host_memory_of_the_scenario_reaches_the_scheduler() -> None:
    roomy = partial(synthetic, replace(TINY, calls=300, models=30, devices=2, host_gb=1000.0))
    cramped = partial(synthetic, replace(TINY, calls=300, models=30, devices=2))
    means = [evaluate(Question("tiny", one, ("hrrn",), 1, 1))["policies"][0]["mean_s"] for one in (roomy, cramped)]
    assert means[0] < 0.95 * means[1]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({"policies": ()}, "no policies were named"),
        ({"policies": ("hrrn", "hrrn")}, "hrrn is named twice"),
        ({"policies": ("hrn",)}, "no policy is called 'hrn'; known are static, static_popularity, random"),
        ({"seeds": 0}, "seeds is 0; expected 1 to 10,000"),
        ({"first_seed": -1}, "first seed is -1"),
        ({"versus": "sjf"}, "versus is 'sjf'; expected one of hrrn, static"),
    ],
)
def test_a_wrong_question_is_told(question: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("(", r"\(")):
        evaluate(replace(Question("tiny", tiny, ("hrrn", "static")), **question))


def test_homes_are_level() -> None:
    workload = synthetic(SCENARIOS["A"], 3)
    memory, models = workload.models["memory_gb"], workload.models
    level = np.bincount(homes.balanced(workload), memory, len(workload.devices))
    assert level.max() - level.min() <= memory.max()
    calls = np.bincount(workload.model, minlength=len(models))
    work = calls * models["typical_units"] * (models["step_a"] / models["slots"] + models["step_b"])
    level = np.bincount(homes.popular(workload), work, len(workload.devices))
    assert level.max() <= max(work.max(), 4 / 3 * level.mean())


def test_no_home_is_too_small_for_its_model() -> None:
    workload = tiny(1)
    workload.devices["weights_gb"][:2] = 1.0
    for way in (homes.balanced, homes.popular):
        assert set(way(workload)[workload.models["memory_gb"] > 1.0]) == {2}


WRONG_WEIGHTS = (
    "{",
    "[]",
    '{"weights": {"a": 1}}',
    '{"weights": {"a": 1, "b": 2, "c": 3}, "limits": {}}',
    '{"weights": {"a": NaN, "b": 2}, "limits": {}}',
    '{"weights": {"a": 1, "b": 2}, "limits": {"most": 1}}',
)


def test_tuned_weights_are_checked(tmp_path: Path) -> None:
    file, textbook, limits = tmp_path / "w.json", {"a": 1.0, "b": 2.0}, FleetLimits()
    file.write_text(json.dumps({"weights": {"a": 3, "b": 4}, "limits": {"replicate": 5.0}, "record": {}}))
    assert entries.tuned(file, textbook, limits) == ({"a": 3.0, "b": 4.0}, replace(limits, replicate=5.0))
    for text in WRONG_WEIGHTS:
        file.write_text(text)
        with pytest.raises(ValueError, match=r"w\.json: "):
            entries.tuned(file, textbook, limits)
    with pytest.raises(ValueError, match="No such file"):
        entries.tuned(tmp_path / "none.json", textbook, limits)


def printed(*arguments: str) -> str:
    out = StringIO()
    call_command("lab", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_the_document_without_a_store() -> None:
    found = json.loads(printed("evaluate", "--policy", "static,hrrn", *SMALL, "--alpha", "0.9", "--oracle", "--json"))
    assert found["scenario"] == "A devices=4 models=24 alpha=0.9"
    assert [row["policy"] for row in found["policies"]] == ["static", "hrrn", "static+oracle", "hrrn+oracle"]


def test_the_command_prints_a_table() -> None:
    head, titles, *rows = printed("evaluate", "--policy", "static,hrrn", *SMALL, "--cv", "1").splitlines()
    assert head.startswith("scenario A devices=4 models=24 cv=1.0, 2 seeds from 0 on")
    assert [row.split()[0] for row in rows] == ["static", "hrrn"]
    place = titles.index("mean s") + len("mean s")
    assert all(row[place - 1].isdigit() and row[place] == " " for row in rows)
    assert "of hrrn" in rows[0]


def test_the_command_races_line_by_line() -> None:
    text = printed("race", "--scenario", "together", "--policy", "hrrn,sect")
    lines = [json.loads(line) for line in text.splitlines()]
    assert [lines[0]["kind"], lines[1]["kind"], lines[-1]["kind"]] == ["start", "sample", "end"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("evaluate --scenario Q", "no scenario is called 'Q'; known are A, B, C, D, E, F, G, together"),
        ("evaluate --policy hrrn,", ""),
        ("evaluate --policy ,", "no policies were named"),
        ("evaluate --policy hurn", "no policy is called 'hurn'; known are"),
        ("evaluate --devices 0", "devices is 0; expected 1 to 4096"),
        ("evaluate --alpha nan", "alpha is nan; expected 0.0 to 5.0"),
        ("evaluate --scenario E", "say with --data in which folder gentd26_requests.csv.gz lies"),
        ("evaluate --scenario F --data /nowhere", "--data is /nowhere, which is no folder"),
        ("evaluate --trace azure", "no trace is called 'azure'; known are azure-conversations"),
        ("race --scenario Q", "there is no scenario 'Q'"),
    ],
)
def test_a_typo_costs_one_line(arguments: str, told: str) -> None:
    if not told:
        assert printed(*arguments.split(), *SMALL)
        return
    with pytest.raises(CommandError) as caught:
        printed(*arguments.split())
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recording_is_laid_over_a_scenario(tmp_path: Path) -> None:
    calls = "".join(f"{number * 0.5},m{number % 5},{1 + number % 3}\n" for number in range(60))
    (tmp_path / "calls.csv").write_text("at,model,seconds\n" + calls)
    label, workload = scenario_source("A", {"devices": 2}, "own", tmp_path)
    assert label == "A devices=2 own"
    assert len(workload(1).models) == 5
    found = evaluate(Question(label, workload, ("hrrn", "static"), 1))
    assert found["policies"][0]["mean_ci95"] is None
    with pytest.raises(ValueError, match="own brings its own 5 models"):
        scenario_source("A", {"models": 7}, "own", tmp_path)
    (tmp_path / "gentd26_requests.csv.gz").write_text("")
    with pytest.raises(ValueError, match=r"gentd26_requests\.csv\.gz"):
        scenario_source("E", {}, "", tmp_path)
