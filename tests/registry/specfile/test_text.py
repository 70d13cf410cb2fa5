"""YAML text to values: scalars of YAML 1.2, the line of everything, and bounds that a hostile file meets."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from controlplane.base.yaml_reader import YamlInvalid
from controlplane.base.yaml_writer import YamlDumper
from registry.specfile.text import MAX_BYTES, MAX_DEPTH, load


def value_of(text: str | bytes) -> Any:
    """The value of a correct text without findings."""
    tree = load(text)
    assert tree.findings == ()
    return tree.value


def refusal(text: str | bytes) -> YamlInvalid:
    """Why a text is refused."""
    with pytest.raises(YamlInvalid) as caught:
        load(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~", None), ("null", None), ("Null", None), ("NULL", None), ("", None), ("nULL", "nULL"),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("tRUE", "tRUE"),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("0", 0), ("-0", 0), ("+7", 7), ("12", 12), ("012", "012"), ("1_000", "1_000"), ("0o17", "0o17"),
        ("0x1F", 31), ("0b1", "0b1"), ("1:30", "1:30"), ("9" * 40, int("9" * 40)), ("9" * 41, "9" * 41),
        ("1.5", 1.5), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("-1.5E-3", -0.0015), ("1e999", "1e999"),
        (".inf", ".inf"), (".nan", ".nan"), ("1.2.3", "1.2.3"), ("-", [None]), ("1e", "1e"), ("e3", "e3"),
        ("2026-01-01", "2026-01-01"), ("12:00", "12:00"), ("=", "="), ("<<", "<<"),
        ("'7'", "7"), ('"true"', "true"), ("'null'", "null"), ('""', ""), ("|\n 7\n", "7\n"), (">\n a\n b\n", "a b\n"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_the_core_schema(text: str, value: Any) -> None:
    found = value_of(text)
    assert (type(found), found) == (type(value), value)


def test_keys_stay_text() -> None:
    assert value_of("{1: a, true: b, null: c, 1.5: d}") == {"1": "a", "true": "b", "null": "c", "1.5": "d"}


def test_a_merge_key_is_a_key_like_others() -> None:
    assert value_of("<<: {a: 1}\nb: 2") == {"<<": {"a": 1}, "b": 2}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("\ufeffa: 1", {"a": 1}),
        (b"\xef\xbb\xbfa: 1", {"a": 1}),
        ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ("# only a comment\n", None),
        ("---\na: 1\n...\n", {"a": 1}),
        ("%YAML 1.2\n---\na: 1", {"a": 1}),
        ("a: é名\U0001f600", {"a": "é名\U0001f600"}),
        ("a:\n- 1\n- 2", {"a": [1, 2]}),
        ("{a: [1, {b: 2}], c: ''}", {"a": [1, {"b": 2}], "c": ""}),
    ],
)
def test_spellings_of_a_file(text: str | bytes, value: Any) -> None:
    assert value_of(text) == value


TREE = """\
models:
  - name: a
    params:
      heat:
        type: float
        options: [1,
                  2]
  -
    name: b
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("models",), 1),
        (("models", 0), 2),
        (("models", 0, "name"), 2),
        (("models", 0, "params", "heat"), 4),
        (("models", 0, "params", "heat", "type"), 5),
        (("models", 0, "params", "heat", "options", 1), 7),
        (("models", 1, "name"), 9),
        (("models", 0, "params", "heat", "missing"), 4),
        (("models", 0, "nothing", "at", "all"), 2),
        (("models", 7), 1),
        (("elsewhere", 3), 1),
    ],
)
def test_every_place_has_its_line_and_what_is_missing_that_of_its_holder(path: tuple[Any, ...], line: int) -> None:
    assert load(TREE).line(path) == line


def test_a_key_that_occurs_twice_keeps_its_first_value() -> None:
    tree = load("a: 1\nb:\n  c: 2\n  c: {x: [1]}\na: 3\n")
    assert tree.value == {"a": 1, "b": {"c": 2}}
    assert [(item.path, item.line, item.message) for item in tree.findings] == [
        (("b", "c"), 4, "the key 'c' is already set in line 3; remove one of the two"),
        (("a",), 5, "the key 'a' is already set in line 1; remove one of the two"),
    ]


def test_keys_that_differ_only_in_quotes_are_one() -> None:
    assert [item.path for item in load("1: a\n'1': b\n").findings] == [("1",)]


@pytest.mark.parametrize(
    ("text", "line", "given", "sentence"),
    [
        ("a: 1\n---\nb: 2", 2, "---", "the file holds several YAML documents; put everything in one"),
        ("a: &x 1", 1, "&x", "the anchor &x is not accepted; write the value out"),
        ("a:\n  - &y [1]", 2, "&y", "the anchor &y is not accepted; write the value out"),
        ("a:\n- *x", 2, "*x", "the alias *x is not accepted; write the value out"),
        ("a: !!str 7", 1, "'tag:yaml.org,2002:str'", "the tag tag:yaml.org,2002:str is not accepted; leave it out"),
        ("a: !ENV HOME", 1, "'!ENV'", "the tag !ENV is not accepted; leave it out"),
        ("a: !!binary aGk=", 1, "'tag:yaml.org,2002:binary'", None),
        ("? [a]\n: b", 1, "a complex key", "a list or mapping cannot be a key"),
        ("? {a: 1}\n: b", 1, "a complex key", "a list or mapping cannot be a key"),
        ("a: 1\n\tb: 2", 2, "'b: 2'", "a tab is used for indentation; YAML allows spaces only"),
        ("a: \x01", 1, "a control character", "the file holds a control character; remove it"),
        ("a: 1\nb: \x00", 2, "NUL", "the file holds a NUL character; is it a binary file?"),
        (b"a: 1\nb: \xff\xfe", 2, "other bytes", "the file is not UTF-8; save it as UTF-8"),
        ("a: \ud800", 0, "a lone surrogate", "the text holds half a surrogate pair"),
    ],
)
def test_a_file_that_is_refused_says_where_and_why(
    text: str | bytes, line: int, given: str, sentence: str | None
) -> None:
    error = refusal(text)
    assert (error.line, error.given) == (line, given)
    assert sentence is None or str(error) == sentence


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1", 1), ("a: 'x", 1), ("a: b: c", 1), ("- a\nb: 1", 2), ("a: 1\n b: 2", 2), ("@x", 1), ("a: {b: 1", 1)],
)
def test_text_that_is_no_yaml_says_so_with_a_line_of_the_file(text: str, line: int) -> None:
    error = refusal(text)
    assert str(error).startswith("not valid YAML: ")
    assert line <= error.line <= len(text.splitlines())
    assert error.expected == "valid YAML"


def test_a_file_has_a_largest_size() -> None:
    fits = "a: " + "x" * (MAX_BYTES - 3)
    assert len(value_of(fits)["a"]) == MAX_BYTES - 3
    error = refusal(fits + "x")
    assert str(error) == "the file is larger than 20 MB, the most that is accepted; split it"


@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ("{a: ", "}")])
def test_a_file_has_a_greatest_depth(opens: str, closes: str) -> None:
    value_of(opens * MAX_DEPTH + "1" + closes * MAX_DEPTH)
    error = refusal("b:\n " + opens * MAX_DEPTH + "1" + closes * MAX_DEPTH)
    assert (str(error), error.line) == (f"nested deeper than {MAX_DEPTH} levels", 2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**38), 10**38) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_what_a_yaml_library_writes_is_read_as_it_was(value: Any) -> None:
    assert load(yaml.dump(value, Dumper=YamlDumper, allow_unicode=True)).value == value


@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), st.integers(), min_size=1, max_size=20))
def test_the_line_of_a_key_is_the_one_where_it_stands(value: dict[str, int]) -> None:
    text = "".join(f"{key}: {number}\n" for key, number in value.items())
    tree = load(text)
    assert [tree.line((key,)) for key in value] == list(range(1, len(value) + 1))
