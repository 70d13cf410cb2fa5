"""Which calls would notice a finding, out of what they gave."""

from typing import Any

import pytest
from hypothesis import given as draw
from hypothesis import strategies as st

from versions.impact.noticing import GivenValues, Noticed, noticed


def gave(*pairs: tuple[Any, int], more: int = 0, low: float | None = None, high: float | None = None) -> GivenValues:
    return GivenValues(sum(count for _, count in pairs) + more, low, high, pairs, bool(more))


NARROWER = {"type": "float", "range": [0, 1]}


@pytest.mark.parametrize(
    ("key", "given", "body", "expected"),
    [
        ("parameter-removed", gave(), None, Noticed(0)),
        ("parameter-removed", gave((1, 3)), None, Noticed(3)),
        ("bound-tightened", gave((0.5, 9), (1, 1)), NARROWER, Noticed(0)),
        ("bound-tightened", gave((0.5, 9), (1.5, 2)), NARROWER, Noticed(2)),
        ("bound-tightened", gave((0.5, 9), more=3, low=0.1, high=0.9), NARROWER, Noticed(0)),
        ("bound-tightened", gave((1.5, 2), more=3, low=0.1, high=1.9), NARROWER, Noticed(5, True)),
        ("enum-value-removed", gave(("hd", 4), ("low", 1)), {"options": ["low"]}, Noticed(4)),
        ("enum-value-removed", gave(("low", 1), more=2), {"options": ["low"]}, Noticed(2, True)),
        ("number-to-integer", gave((1, 2), (1.5, 3)), {"type": "int"}, Noticed(3)),
        ("default-changed", gave((1, 4)), NARROWER, Noticed(6)),
        ("required-added", gave(), NARROWER, Noticed(10)),
        ("type-swapped", gave((1, 4)), {"type": "string"}, Noticed(4)),
    ],
)
def test_calls_that_would_notice(key: str, given: GivenValues, body: Any, expected: Noticed) -> None:
    assert noticed({"key": key}, given, 10, body) == expected


def test_what_nobody_counts_may_be_noticed_by_all() -> None:
    assert noticed({"key": "snapshot-changed"}, None, 10, None) == Noticed(10, True)


@draw(
    st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 9)), max_size=6),
    st.integers(0, 9),
    st.sampled_from(["bound-tightened", "parameter-removed", "default-changed", "enum-value-removed"]),
)
def test_never_more_than_all_calls(pairs: list[tuple[float, int]], more: int, key: str) -> None:
    given = gave(*pairs, more=more)
    assert 0 <= noticed({"key": key}, given, given.calls + 3, NARROWER).calls <= given.calls + 3
