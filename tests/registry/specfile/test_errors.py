"""Errors of a spec are short, name their place, and never hold a secret."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.specfile.errors import SpecError, SpecInvalid, dotted, nearest, show, suggested
from registry.specfile.file import parse, to_yaml
from tests.registry.specfile.rows import ROW


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"), (True, "true"), (False, "false"), (7, "7"), (0.5, "0.5"), ("a", "'a'"), ("it's", '"it\'s"'),
        ("a\n", "'a\\n'"), ([], "[]"), ([1, "a", None], "[1, 'a', null]"),
        (list(range(11)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...]"),
        ([[1], 2], "a list of 2 items"), ([{}], "a list of 1 items"), ({}, "a mapping with no keys"),
        ({"a": 1, "b": 2}, "a mapping with a, b"), (dict.fromkeys("abcdef"), "a mapping with a, b, c, d"),
        (2**201, "a number of more than 60 digits"), (2**199, str(2**199)), ("x" * 100, "'" + "x" * 76 + "..."),
        ("http://user:hunter2@h/x", "'http://***@h/x'"), ("see ftp://a@b and http://c:d@e", "'see ftp://***@b and http://***@e'"),
        (["http://u:hunter2@h"], "['http://***@h']"),
    ],
)  # fmt: skip
def test_a_value_is_shown_short(value: Any, text: str) -> None:
    assert show(value) == text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_is_shown_fits_a_line(value: Any) -> None:
    shown = show(value)
    assert 0 < len(shown) <= 80
    assert "\n" not in shown or isinstance(value, dict)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("name",), "name"),
        (("params", "heat", "range"), "params.heat.range"),
        (("endpoint", 2), "endpoint[2]"),
        (("a", 0, "b", 1, 2), "a[0].b[1][2]"),
        ((3,), "[3]"),
        ((3, "a"), "[3].a"),
    ],
)
def test_a_path_reads_like_code(path: tuple[str | int, ...], text: str) -> None:
    assert dotted(path) == text


@pytest.mark.parametrize(
    ("given", "known", "text"),
    [
        ("nam", ["name", "type"], "name"),
        ("TYPE", ["name", "type"], "type"),
        ("zzz", ["name", "type"], ""),
        (7, ["name"], ""),
        (None, ["name"], ""),
        ("x" * 10_000, ["x" * 64], "x" * 64),
        ("name", [], ""),
    ],
)
def test_a_near_miss_is_suggested(given: Any, known: list[str], text: str) -> None:
    assert nearest(given, known) == text
    assert suggested("no.", given, known) == (f"no. Did you mean {text!r}?" if text else "no.")


def test_an_error_reads_like_a_compiler_s() -> None:
    error = SpecError("a.yaml", 3, "models[0].name", "7", "text", "name is 7; expected text")
    assert str(error) == "a.yaml:3: models[0].name: name is 7; expected text"
    assert str(SpecError("", 0, "name", "7", "text", "name is 7")) == "name: name is 7"
    assert str(SpecError("a.yaml", 1, "", "", "", "the file is empty")) == "a.yaml:1: the file is empty"
    assert str(SpecError("", 0, "", "", "", "no")) == "no"


def test_a_refused_spec_holds_every_error_in_its_text() -> None:
    errors = tuple(SpecError("", 0, key, "", "", f"{key} is missing") for key in ("name", "type"))
    invalid = SpecInvalid(errors)
    assert invalid.errors == errors
    assert str(invalid) == "name: name is missing; type: type is missing"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"name": 7}, "models[0].name"),
        ({"endpoint": ["http://h", 3]}, "models[0].endpoint[1]"),
        ({"params": {"heat": {"type": "float", "range": [2, 0]}}}, "models[0].params.heat.range"),
        ({"constraints": [3]}, "models[0].constraints[0]"),
        ({"timeouts": {"total": 0}}, "models[0].timeouts.total"),
    ],
)
def test_an_error_of_a_file_names_file_line_row_and_key(changes: dict[str, Any], place: str) -> None:
    text = "# head\n" + to_yaml([{**ROW, **changes}])
    (row,) = parse(text, "fleet.yaml").rows
    (error,) = row.errors
    key = place.split(".")[-1].split("[")[0]
    assert (error.file, error.path) == ("fleet.yaml", place)
    assert key in text.splitlines()[error.line - 1]


def test_a_row_that_is_no_mapping_is_told_at_its_own_line() -> None:
    parsed = parse("models:\n- 7\n-\n- [a]\n", "f")
    assert [(row.errors[0].line, row.errors[0].path, row.errors[0].given) for row in parsed.rows] == [
        (2, "models[0]", "7"),
        (3, "models[1]", "null"),
        (4, "models[2]", "['a']"),
    ]
    assert [(row.name, row.document, row.spec, row.digest) for row in parsed.rows] == [("", {}, None, "")] * 3
