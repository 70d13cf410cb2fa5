"""What is written as YAML is read as the same values, whatever text looks like."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.base.yaml_reader import YamlDialect, read_yaml
from controlplane.base.yaml_writer import write_yaml

WIDE = YamlDialect(most_values=10_000, most_levels=20, most_digits=400)
texts = st.one_of(
    st.from_regex(r"\A[-+.0-9_:xeEinfa~]{1,8}\Z"),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffe\uffff"), max_size=12),
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False, allow_infinity=False), texts
)
values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4))
)


@given(values, st.sampled_from([None, False]))
def test_what_is_written_is_read_back(value: Any, flow: bool | None) -> None:
    found = read_yaml(write_yaml({"it": value}, flow=flow), WIDE).value
    assert repr(found) == repr({"it": value})


@pytest.mark.parametrize("text", ["1e5", "-.5", "+0.", "0e0", "1.e3", "12e-3", ".5E+1"])
def test_text_that_looks_like_a_number_of_yaml_1_2_stays_text(text: str) -> None:
    assert read_yaml(write_yaml([text, {text: text}]), WIDE).value == [text, {text: text}]
