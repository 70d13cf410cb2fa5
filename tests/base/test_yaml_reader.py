"""One reader of YAML for every kind of file: each entry of a dialect admits what is refused without it."""

from dataclasses import replace
from typing import Any

import pytest

from controlplane.base.yaml_reader import RepeatedKey, YamlDialect, YamlInvalid, read_yaml

STRICT = YamlDialect(most_values=20, most_levels=3, most_digits=6)


@pytest.mark.parametrize(
    ("entry", "text", "value", "refusal"),
    [
        ("aliases", "a: &x 1\nb: *x", {"a": 1, "b": 1}, "the anchor &x is not accepted; write the value out"),
        ("aliases", "a: *x", None, "the alias *x is not accepted; write the value out"),
        ("tags", "a: !!str 1", {"a": "1"}, "the tag tag:yaml.org,2002:str is not accepted; leave it out"),
        ("later_documents", "a: 1\n---\n{b: {c: [2]}}", {"a": 1}, "the file holds several YAML documents"),
        ("complex_keys", "? [a, {b: c}]\n: 1\nd: 2", {"": 1, "d": 2}, "a list or mapping cannot be a key"),
    ],
)
def test_what_a_dialect_does_not_name_is_refused(entry: str, text: str, value: Any, refusal: str) -> None:
    with pytest.raises(YamlInvalid) as caught:
        read_yaml(text, STRICT)
    assert str(caught.value).startswith(refusal)
    if value is not None:
        assert read_yaml(text, replace(STRICT, **{entry: True})).value == value


def test_leading_zeros_are_text_or_a_number() -> None:
    assert read_yaml("[007, +00, 1]", STRICT).value == ["007", "+00", 1]
    assert read_yaml("[007, +00, 1]", replace(STRICT, leading_zeros=True)).value == [7, 0, 1]


def test_of_a_repeated_key_the_first_value_counts_or_the_last() -> None:
    text = "a:\n  b: 1\n  b: {c: 2}\n"
    told = read_yaml(text, replace(STRICT, lines=True))
    assert (told.value, told.repeated) == ({"a": {"b": 1}}, (RepeatedKey(("a", "b"), 3, 2),))
    last = read_yaml(text, replace(STRICT, repeated_keys=True))
    assert (last.value, last.repeated) == ({"a": {"b": {"c": 2}}}, ())


def test_a_merge_key_merges_only_where_aliases_are_read() -> None:
    text = "<<: [{a: 1, b: 2}, 7, {b: 3, c: 4}]\na: 5"
    assert read_yaml(text, STRICT).value["<<"] == [{"a": 1, "b": 2}, 7, {"b": 3, "c": 4}]
    assert read_yaml(text, replace(STRICT, aliases=True)).value == {"a": 5, "b": 2, "c": 4}


@pytest.mark.parametrize(("text", "key"), [("a: &x 7\n*x : b", "7"), ("a: &x [7]\n*x : b", "")])
def test_an_alias_as_a_key_is_the_text_of_what_it_stands_for(text: str, key: str) -> None:
    assert read_yaml(text, replace(STRICT, aliases=True)).value[key] == "b"


def test_an_alias_stands_for_what_is_complete_before_it() -> None:
    for text in ("a: *x", "a: &x [*x]", "a: *x\nb: &x 1"):
        with pytest.raises(YamlInvalid, match=r"the alias \*x stands for nothing before it"):
            read_yaml(text, replace(STRICT, aliases=True))


def test_values_are_counted_with_aliases_written_out() -> None:
    fits = "- &x [1, 1, 1]\n- *x\n- *x\n- *x\n- [1, 1]"
    assert len(read_yaml(fits, replace(STRICT, aliases=True)).value) == 5
    with pytest.raises(YamlInvalid, match="more than 20 values") as caught:
        read_yaml(fits + "\n- 1", replace(STRICT, aliases=True))
    assert caught.value.line == 6


def test_depth_has_its_bound() -> None:
    assert read_yaml("[[[1]]]", STRICT).value == [[[1]]]
    with pytest.raises(YamlInvalid, match="nested deeper than 3 levels"):
        read_yaml("[[[[1]]]]", STRICT)


def test_a_number_of_absurd_size_stays_text() -> None:
    assert read_yaml("[123456, 1234567, 1e9, 1e999, 0xFFFF, 0xFFFFF]", STRICT).value == [
        123456, "1234567", 1e9, "1e999", 65535, "0xFFFFF"
    ]  # fmt: skip


def test_lines_are_noted_if_the_dialect_says_so() -> None:
    text = "a:\n- 1\n- b:\n    2\n"
    assert read_yaml(text, STRICT).lines == {}
    found = read_yaml(text, replace(STRICT, lines=True))
    assert found.lines[id(found.value["a"])] == {0: 2, 1: 3}
