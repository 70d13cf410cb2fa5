"""Nothing that breaks a caller is called compatible: the kinds that were, and random pairs judged by `jsonschema`."""

import json
import subprocess
from pathlib import Path
from random import SystemRandom
from typing import Any

import pytest

from benchmarks.classifier_fuzz import run, shown
from tests.versions.operation_cases import api, one
from tests.versions.sound_cases import BREAKS, SAFE
from versions.diff.classify import classify
from versions.diff.findings import Severity

PAIRS = 2000
HERE = Path(__file__).parent


def rows(name: str) -> list[list[Any]]:
    """The cases of a file: one JSON list a line."""
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("row", rows("breaks.jsonl"), ids=lambda row: str(row[0]))
def test_no_break_of_a_schema_is_called_compatible(row: list[Any]) -> None:
    _what, direction, old, new = row
    assert classify(old, new, "jsonschema", direction).verdict is not Severity.COMPATIBLE


@pytest.mark.parametrize("row", rows("proto_breaks.jsonl"), ids=lambda row: str(row[0]))
def test_no_break_of_a_proto_is_called_compatible(row: list[Any]) -> None:
    _what, old, new = row
    assert classify(old, new, "proto").verdict is not Severity.COMPATIBLE


@pytest.mark.parametrize("row", rows("document_breaks.jsonl"), ids=lambda row: str(row[0]))
def test_no_break_of_a_document_is_called_compatible(row: list[Any]) -> None:
    _what, old, new = row
    assert classify(old, new).verdict is not Severity.COMPATIBLE


@pytest.mark.parametrize("case", BREAKS, ids=lambda case: str(case[0]))
def test_a_break_waits_for_a_person(case: tuple[str, Any, Any, str]) -> None:
    _what, old, new, direction = case
    assert classify(old, new, "jsonschema", direction).verdict is not Severity.COMPATIBLE


@pytest.mark.parametrize("case", BREAKS, ids=lambda case: str(case[0]))
def test_a_break_inside_a_property_waits_for_a_person(case: tuple[str, Any, Any, str]) -> None:
    _what, old, new, direction = case
    before, after = ({"type": "object", "properties": {"inner": side}, "required": ["inner"]} for side in (old, new))
    assert classify(before, after, "jsonschema", direction).verdict is not Severity.COMPATIBLE


@pytest.mark.parametrize("case", SAFE, ids=lambda case: str(case[0]))
def test_a_safe_change_passes_by_itself(case: tuple[str, Any, Any, str]) -> None:
    _what, old, new, direction = case
    assert classify(old, new, "jsonschema", direction).verdict is Severity.COMPATIBLE


def test_a_side_without_values_is_named() -> None:
    empty = {"type": "string", "pattern": "^.{36}$", "maxLength": 29}
    report = classify(empty, {"type": "string"}, "jsonschema", "request")
    assert "unsatisfiable-before" in {finding.key for finding in report.findings}


@pytest.mark.parametrize(("old", "new"), [(("/p", "/p/"), ("/p",)), (("/p",), ("/p/",)), (("/p/{a}/",), ("/p/{a}",))])
def test_a_slash_at_the_end_makes_another_path(old: tuple[str, ...], new: tuple[str, ...]) -> None:
    before, after = (api(*((f"get {path}", {}) for path in side)) for side in (old, new))
    assert "operation-removed" in {finding.key for finding in classify(before, after).findings}


FLOW = {"authorizationUrl": "https://a/x", "tokenUrl": "https://a/t", "refreshUrl": "https://a/r", "scopes": {}}
SCHEMES: list[dict[str, Any]] = [
    {"type": "oauth2", "flows": {"authorizationCode": FLOW}},
    {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    {"type": "openIdConnect", "openIdConnectUrl": "https://a/.well-known/x"},
]


def secured(scheme: dict[str, Any]) -> dict[str, Any]:
    document = one(security=[{"s": []}])
    return {**document, "components": {"securitySchemes": {"s": scheme}}}


@pytest.mark.parametrize("word", sorted(FLOW.keys() - {"scopes"}))
def test_an_address_of_an_oauth_flow_is_looked_at(word: str) -> None:
    moved = {"type": "oauth2", "flows": {"authorizationCode": {**FLOW, word: "https://b/y"}}}
    lost = {"type": "oauth2", "flows": {"authorizationCode": {k: v for k, v in FLOW.items() if k != word}}}
    for new in (moved, lost):
        assert classify(secured(SCHEMES[0]), secured(new)).verdict is not Severity.COMPATIBLE


@pytest.mark.parametrize(("scheme", "word"), [(SCHEMES[1], "bearerFormat"), (SCHEMES[2], "openIdConnectUrl")])
def test_every_word_of_a_scheme_is_looked_at(scheme: dict[str, Any], word: str) -> None:
    for new in ({**scheme, word: "other"}, {k: v for k, v in scheme.items() if k != word}):
        assert classify(secured(scheme), secured(new)).verdict is not Severity.COMPATIBLE


def test_an_unchanged_operation_whose_constant_became_a_number_is_seen() -> None:
    def document(value: Any) -> dict[str, Any]:
        schema = {"type": "object", "properties": {"a": {"const": value}}}
        return one(requestBody={"content": {"application/json": {"schema": schema}}})

    assert classify(document(True), document(1)).verdict is Severity.BREAKING


def seed_of_this_commit() -> int:
    """Other pairs for every commit, the same ones when it is tested again; random if there is no repository."""
    asked = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent)
    return int(asked.stdout[:8], 16) if asked.returncode == 0 else SystemRandom().randrange(2**32)


def test_no_value_escapes_from_random_pairs() -> None:
    seed = seed_of_this_commit()
    print(f"seed {seed}, {PAIRS} pairs")
    found = run(range(PAIRS), seed).escapes
    assert not found, f"seed {seed}\n" + "\n".join(map(shown, found))
