"""Text to data, as it is really published; limits on size, depth and aliases."""

from dataclasses import replace
from typing import Any

import pytest

from controlplane.base.yaml_reader import plain_scalar
from versions.diff import loading
from versions.diff.loading import PUBLISHED, Unreadable, load


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("on", "on"),
        ("12", 12),
        ("-3", -3),
        ("+3", 3),
        ("007", 7),
        ("0x1F", 31),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e-8", 1e-8),
        ("1E3", 1000.0),
        ("-", "-"),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("2024-01-31", "2024-01-31"),
        ("12:30", "12:30"),
        (".inf", ".inf"),
        ("text", "text"),
        ("9" * 500, "9" * 500),
    ],
)
def test_a_plain_scalar_is_read_by_the_core_schema(text: str, value: Any) -> None:
    found = plain_scalar(text, PUBLISHED)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: [x, 'null', \"true\"]", {"a": 1, "b": ["x", "null", "true"]}),
        ("a: |\n  one\n  two\nb: >\n  one\n  two\n", {"a": "one\ntwo\n", "b": "one two\n"}),
        ("1: a\ntrue: b\n~: c", {"1": "a", "true": "b", "~": "c"}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x 1\nb: *x\nc: &x 2\nd: *x", {"a": 1, "b": 1, "c": 2, "d": 2}),
        ("base: &b {x: 1, y: 2}\nmore:\n  <<: *b\n  y: 3", {"base": {"x": 1, "y": 2}, "more": {"y": 3, "x": 1}}),
        ("a: &a {x: 1}\nb: &b {y: 2}\nc:\n  <<: [*a, *b]\n", {"a": {"x": 1}, "b": {"y": 2}, "c": {"x": 1, "y": 2}}),
        ("<<: text", {"<<": "text"}),
        ("first: 1\n---\nsecond: 2", {"first": 1}),
        ('{"a": 1e400}', {"a": float("inf")}),
        ("{a: 1, b: [2]}", {"a": 1, "b": [2]}),
        ("a: !!str 1", {"a": "1"}),
        ("", None),
        ("# only a comment", None),
    ],
)
def test_a_text_is_read(text: str, value: Any) -> None:
    assert load(text) == value


@pytest.mark.parametrize("value", [None, 7, {"a": 1}, ["a"], True])
def test_data_comes_back_as_it_is(value: Any) -> None:
    assert load(value) is value


def test_bytes_are_texts() -> None:
    assert load("a: ü".encode()) == {"a": "ü"}
    assert load(b'{"a": "\xff"}') == {"a": "\ufffd"}


@pytest.mark.parametrize("text", ["a: *x", "a: [1", "a: 'b", "\t- a", "a: b: c", "{a", "%x\n---", "a: &x *x"])
def test_what_is_neither_json_nor_yaml_is_told(text: str) -> None:
    with pytest.raises(Unreadable):
        load(text)


def test_depth_has_an_end() -> None:
    assert load("[" * 300 + "]" * 300)
    with pytest.raises(Unreadable, match="levels"):
        load("- " * 401 + "a")


def test_size_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MAX_BYTES", 10)
    with pytest.raises(Unreadable, match="characters"):
        load("a: " + "b" * 10)


def test_aliases_count_as_what_they_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "PUBLISHED", replace(PUBLISHED, most_values=5_000))
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Unreadable, match="line 4: more than 5,000 values"):
        load("\n".join(lines))
    assert load("\n".join(lines[:3]))
