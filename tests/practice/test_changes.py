"""The changes of a practice month: seeded, of the promised number, real versions of rules that specs can say."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.practice import specs
from controlplane.practice.callers import profiles
from controlplane.practice.changes import DAYS, FILE, chains, either, forceable, month, rules_of
from registry.emulators.contracts import breach_of
from registry.emulators.wire import to_json
from registry.specfile import file as spec_file

MODELS = specs.changing(500)
OLD = """
model_type: llm
parameter_rules:
  - {name: temperature, use_template: temperature, type: float, default: 1, min: 0.0, max: 5.0}
  - {name: max_tokens, use_template: max_tokens, default: 9000, min: 1, max: 8192}
  - {name: response_format, type: string, options: [text, json_object]}
  - {name: enable_search, type: boolean, default: true}
  - {name: a b, type: int}
"""
NEW = OLD.replace("8192", "4096")


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_a_seed_gives_one_month_that_specs_can_say(seed: int) -> None:
    played = month(seed, MODELS)
    assert played == month(seed, MODELS)
    assert 300 <= len(played.changes) <= 340
    now = dict(played.first)
    versions = dict.fromkeys(MODELS, 1)
    last = 0.0
    for change in played.changes:
        assert last <= change.at <= DAYS
        assert change.version == versions[change.model] + 1
        assert change.in_place == (change.model in played.hosted)
        assert not change.in_place or forceable(now[change.model], change.rules)
        spec_file.read(
            specs.document(change.model, change.version, change.rules, "http://127.0.0.1:1", change.in_place)
        )
        last, now[change.model], versions[change.model] = change.at, change.rules, change.version


def test_rules_are_read_as_the_emulated_wire_can_take_them() -> None:
    rules = rules_of(OLD)
    assert rules == {
        "temperature": {"type": "float", "min": 0.0, "max": 2.0, "default": 1},
        "max_tokens": {"type": "int", "min": 1, "max": 8192},
        "enable_search": {"type": "boolean", "default": True},
    }


@pytest.mark.parametrize("text", ["", "[]", "model_type: tts", "model_type: llm\nparameter_rules: []"])
def test_files_without_rules_give_none(text: str) -> None:
    assert rules_of(text) == {}


def test_edits_of_one_file_are_played_in_order_of_time(tmp_path: Path) -> None:
    third = NEW.replace("4096", "2048")
    edits = [
        {"path": "a", "date": "2025-03-01", "old": NEW, "new": third},
        {"path": "a", "date": "2025-01-01", "old": OLD, "new": NEW},
        {"path": "b", "date": "2025-01-01", "old": OLD, "new": OLD + "\n# a comment\n"},
    ]
    path = tmp_path / FILE
    path.parent.mkdir()
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, edits)).encode()))
    assert chains(path) == [[rules_of(OLD), rules_of(NEW), rules_of(third)]]
    assert "edit of a model file" in {change.kind for change in month(3, MODELS[:1], tmp_path).changes}


def test_only_language_models_on_the_openai_wire_change() -> None:
    assert len(MODELS) == 251
    assert specs.changing(16) == [1, 3, 4, 6, 9, 10, 13, 14]


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_during_a_notice_both_versions_are_taken(seed: int) -> None:
    played = month(seed, MODELS)
    now = dict(played.first)
    for change in played.changes:
        old, now[change.model] = now[change.model], change.rules
        bodies = [
            to_json(profile.body)
            for version in (old, change.rules)
            for profile in profiles(seed, {change.model: version})
        ]
        both = either(old, change.rules) if change.in_place else {}
        assert not change.in_place or not any(breach_of(both, body) for body in bodies)


@pytest.mark.parametrize("seed", range(3))
def test_the_specs_of_the_first_day_are_a_file_that_imports(seed: int) -> None:
    played = month(seed, MODELS)
    documents = [specs.document(model, 1, rules, "http://127.0.0.1:1", False) for model, rules in played.first.items()]
    parsed = spec_file.parse(specs.text(documents), "month.yaml")
    assert not parsed.errors
    assert [row.errors for row in parsed.rows if row.errors] == []
    assert len(parsed.rows) == len(MODELS)
