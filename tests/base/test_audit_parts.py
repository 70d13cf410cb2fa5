"""The parts of the audit log: any change of an entry is found, differences are told by path, files open safely."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.base.audit import chain as audit
from controlplane.base.audit import exports
from controlplane.base.audit.naming import AuditEntry, ChangeStep, steps, told, whole
from controlplane.base.models import Change

LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
NAMES = st.text("abc", min_size=1, max_size=2)
DOCUMENTS = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=4), lambda inner: st.dictionaries(NAMES, inner | LEAVES, max_size=3)
)
COLUMNS = {
    "actor": "'somebody'",
    "verb": "verb || 'd'",
    "object_type": "'key'",
    "object_id": "object_id || '0'",
    "detail": "detail || '{\"more\": 1}'",
    "request_id": "'r'",
    "at": "at + interval '1 microsecond'",
    "hash": "repeat('a', 64)",
    "previous_hash": "repeat('b', 64)",
}


@pytest.fixture
def entries(db: None) -> list[Change]:
    with transaction.atomic():
        return [audit.record("ada", "model.create", "model", number, {"n": number}) for number in range(4)]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("which", [0, 2, 3])
def test_a_change_of_any_column_of_any_entry_is_found(entries: list[Change], column: str, which: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("alter table base_change disable trigger user")
        cursor.execute(f"update base_change set {column} = {COLUMNS[column]} where id = %s", [entries[which].pk])
        cursor.execute("alter table base_change enable trigger user")
    assert audit.verify()[:2] == (False, entries[which].pk)


def test_every_column_of_an_entry_is_guarded() -> None:
    assert {field.name for field in Change._meta.fields} - {"id"} == set(COLUMNS)


@pytest.mark.django_db
def test_a_look_that_was_recorded_is_known_for_its_time_and_its_detail_alone() -> None:
    asked: tuple[str, str, str, str, dict[str, Any]] = (
        "ada",
        "model.detect",
        "upstream",
        "http://h",
        {"address": "http://h", "share": 2.0},
    )
    assert not audit.known(*asked, timedelta(minutes=5))
    with transaction.atomic():
        audit.record(*asked)
    assert audit.known(*asked, timedelta(minutes=5))
    assert not audit.known(*asked, timedelta(0))
    assert not audit.known("bob", *asked[1:], timedelta(minutes=5))
    assert not audit.known(*asked[:3], "http://i", asked[4], timedelta(minutes=5))
    assert not audit.known(*asked[:4], {"address": "http://h"}, timedelta(minutes=5))


@given(DOCUMENTS)
def test_nothing_differs_from_itself(document: dict[str, Any]) -> None:
    assert audit.difference(document, json.loads(json.dumps(document))) == {}


@given(DOCUMENTS, DOCUMENTS)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_difference_is_the_same_seen_from_the_other_side(before: dict[str, Any], after: dict[str, Any]) -> None:
    there, back = audit.difference(before, after), audit.difference(after, before)
    turned = {path: {"from": value["to"], "to": value["from"]} for path, value in back.items()}
    assert there == turned


def test_a_difference_names_paths_from_the_top() -> None:
    before = {"owner": "a", "params": {"top_p": {"range": [0, 1]}, "n": {}}, "same": 1}
    after = {"params": {"top_p": {"range": [0, 2]}, "n": {"type": "int"}}, "same": 1, "strict": True}
    assert audit.difference(before, after) == {
        "owner": {"from": "a", "to": ""},
        "params.top_p.range": {"from": "[0, 1]", "to": "[0, 2]"},
        "params.n": {"from": "{}", "to": ""},
        "params.n.type": {"from": "", "to": "int"},
        "strict": {"from": "", "to": "true"},
    }


def test_steps_are_read_from_every_shape_of_detail() -> None:
    pair = {"from": 1, "to": 2}
    assert steps({**pair, "name": "x"}) == (ChangeStep("", 1, 2),)
    assert steps({"owner": pair, "name": "x"}) == (ChangeStep("owner", 1, 2),)
    assert steps({"changed": {"a.b": pair}, "digest": "d"}) == (ChangeStep("a.b", 1, 2),)
    assert steps({"changed": "no mapping"}) == steps({}) == steps({"owner": {"from": 1}}) == ()


def test_ids_that_are_no_keys_are_left_out() -> None:
    assert whole(["7", "-7", "", "x", "²", "9" * 30, "07"]) == [7, 7]


@pytest.mark.django_db
def test_a_name_is_the_details_own_else_the_id() -> None:
    rows = [
        Change(object_type="unheard-of", object_id="7", detail={"name": "then"}),
        Change(object_type="unheard-of", object_id="8", detail={"name": 5}),
        Change(object_type="user", object_id="not a number", detail={}),
    ]
    assert [(entry.name, entry.href) for entry in told(rows)] == [("then", ""), ("8", ""), ("not a number", "")]


def entry(**fields: Any) -> AuditEntry:
    """An entry to write to a file."""
    common = {"id": 1, "at": timezone.now(), "actor": "ada", "verb": "key.create", "object_type": "key"}
    return AuditEntry(Change(**{**common, "object_id": "7", "hash": "a" * 64, **fields}), "bot", "", ())


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_compute_is_made_harmless(start: str) -> None:
    (row,) = csv.DictReader(io.StringIO(exports.as_csv([entry(actor=f"{start}cmd|' /C calc'!A0")], True), newline=""))
    assert row["actor"] == f"'{start}cmd|' /C calc'!A0"


def test_a_file_has_its_head_once_and_its_details_as_json() -> None:
    first, second = exports.as_csv([entry(detail={"name": 'a, "b"'})], True), exports.as_csv([entry()], False)
    rows = list(csv.DictReader(io.StringIO(first + second, newline="")))
    assert [json.loads(row["detail"]) for row in rows] == [{"name": 'a, "b"'}, {}]
    assert tuple(rows[0]) == exports.COLUMNS
    lines = exports.as_json([entry(actor="阿达"), entry()], True).splitlines()
    assert [json.loads(line)["actor"] for line in lines] == ["阿达", "ada"]
    assert exports.as_json([], True) == ""
