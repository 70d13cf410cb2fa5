"""A spec file as a whole: rows, names that occur twice, and what is told of the file itself."""

from typing import Any

import pytest

from registry.specfile.file import MAX_ERRORS, parse, to_yaml
from tests.registry.specfile.rows import ROW

EXPECTED = "a mapping with the key models: and a list of model specs"


@pytest.mark.parametrize(
    ("text", "path", "sentence"),
    [
        ("", "", f"the file is empty; expected {EXPECTED}"),
        ("7", "", f"the file holds 7; expected {EXPECTED}"),
        ("- a", "", f"the file holds ['a']; expected {EXPECTED}"),
        ("{}", "models", f"models is no models key; expected {EXPECTED}"),
        ("models: 7", "models", f"models is 7; expected {EXPECTED}"),
        ("models: []", "models", f"models is []; expected {EXPECTED}"),
        ("models: {a: 1}", "models", f"models is a mapping with a; expected {EXPECTED}"),
        ("models:", "models", f"models is null; expected {EXPECTED}"),
    ],
)
def test_a_file_without_models_says_what_it_holds(text: str, path: str, sentence: str) -> None:
    parsed = parse(text, "f.yaml")
    assert parsed.rows == ()
    assert [(error.file, error.line, error.path, error.message) for error in parsed.errors] == [
        ("f.yaml", 1, path, sentence)
    ]


def test_the_file_s_only_key_is_models() -> None:
    parsed = parse(to_yaml([ROW]) + "defaults: {}\nversion: 2\n", "f.yaml")
    assert [(error.path, error.message) for error in parsed.errors] == [
        ("defaults", "unknown key 'defaults'; the file's only key is models"),
        ("version", "unknown key 'version'; the file's only key is models"),
    ]
    assert parsed.rows[0].spec is not None


def test_a_correct_row_carries_all_that_an_import_needs() -> None:
    (row,) = parse(to_yaml([{**ROW, "tags": ["a"]}])).rows
    assert (row.index, row.line, row.name, row.errors) == (0, 2, "m", ())
    assert row.document == {**ROW, "tags": ["a"]}
    assert row.spec is not None
    assert len(row.digest) == 64


def test_a_wrong_row_keeps_its_name_and_has_no_digest() -> None:
    (row,) = parse(to_yaml([{**ROW, "type": "x"}])).rows
    assert (row.name, row.spec, row.digest) == ("m", None, "")


@pytest.mark.parametrize(
    ("rows", "places"),
    [
        ([{}, {}], [[], ["name"]]),
        ([{}, {"name": "x", "aliases": ["m"]}], [[], ["aliases[0]"]]),
        ([{"aliases": ["x"]}, {"name": "x"}], [[], ["name"]]),
        ([{"aliases": ["x"]}, {"name": "n", "aliases": ["x", "m"]}], [[], ["aliases[0]", "aliases[1]"]]),
        ([{"type": "wrong"}, {}], [["type"], []]),
        ([{"name": "M"}, {}], [[], []]),
    ],
)
def test_a_public_name_occurs_once_in_a_file(rows: list[dict[str, Any]], places: list[list[str]]) -> None:
    parsed = parse(to_yaml([{**ROW, **row} for row in rows]))
    found = [[error.path.partition(".")[2] for error in row.errors] for row in parsed.rows]
    assert found == places


def test_a_name_that_is_taken_says_by_which_line() -> None:
    text = to_yaml([ROW, {**ROW, "endpoint": "http://other"}])
    (error,) = parse(text).rows[1].errors
    assert error.message == "the name 'm' is already taken in line 2; give every model its own"
    assert error.expected == "a name that occurs once in the file"


def test_reading_stops_after_many_errors() -> None:
    wrong = {"type": "x", "protocol": "y", "strict": 3}
    parsed = parse(to_yaml([{**wrong, "name": f"m{number}", "endpoint": "z"} for number in range(400)]))
    assert sum(len(row.errors) for row in parsed.rows) == MAX_ERRORS + 4
    (error,) = parsed.errors
    assert error.path == "models"
    assert error.message == (
        f"over {MAX_ERRORS} errors in the first {len(parsed.rows)} rows; "
        "the rest was not looked at, so correct these first"
    )


def test_keys_set_twice_are_told_beside_the_row_s_own_errors() -> None:
    text = "models:\n- name: a\n  name: b\n  type: llm\n  protocol: openai\n  endpoint: ftp://h\nmodels: []\n"
    parsed = parse(text, "f")
    assert [(error.line, error.path) for error in parsed.rows[0].errors] == [
        (3, "models[0].name"),
        (6, "models[0].endpoint"),
    ]
    assert [(error.line, error.path) for error in parsed.errors] == [(7, "models")]
    assert parsed.rows[0].name == "a"
