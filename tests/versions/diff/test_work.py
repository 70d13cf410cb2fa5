"""One comparison shares one allowance of steps and of time."""

import pytest

from versions.diff import work
from versions.diff.classify import classify
from versions.diff.work import Exhausted, limited, spend


def test_outside_a_comparison_nothing_is_counted() -> None:
    for _ in range(10):
        spend(work.STEPS)


def test_steps_end() -> None:
    with limited():
        spend(work.STEPS)
        with pytest.raises(Exhausted, match="steps"):
            spend(work.BETWEEN + 1)


def test_an_allowance_is_new_each_time() -> None:
    for _ in range(2):
        with limited():
            spend(work.STEPS - 1)


def test_an_allowance_inside_another_is_its_own() -> None:
    with limited():
        spend(work.STEPS - work.BETWEEN)
        with limited():
            spend(work.STEPS - work.BETWEEN)
        with pytest.raises(Exhausted):
            spend(3 * work.BETWEEN)


def test_time_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SECONDS", -1.0)
    with limited(), pytest.raises(Exhausted, match="s"):
        spend(work.BETWEEN + 1)


def test_a_comparison_that_is_not_finished_waits_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "STEPS", 200)
    monkeypatch.setattr(work, "BETWEEN", 1)
    old = {"properties": {f"p{number}": {"maximum": number} for number in range(90)}}
    new = {"properties": {f"p{number}": {"maximum": number + 1} for number in range(90)}}
    (finding,) = classify(old, new, "jsonschema", "request").findings
    assert finding.key == "too-much-work"
    assert finding.severity.value == "review"
