"""Matchers of labels, and which patterns are understood."""

import time

import pytest

from routing.alerts.language.matching import Matcher, MatchOp, PatternInvalid, checked_pattern


@pytest.mark.parametrize(
    ("op", "value", "given", "expected"),
    [
        ("=", "a", "a", True),
        ("=", "", None, True),
        ("!=", "a", "b", True),
        ("!=", "a", "a", False),
        ("=~", "H.*", "H100", True),
        ("=~", "H", "H100", False),
        ("=~", "(H|B)[0-9]+", "B200", True),
        ("!~", "a|b", "c", True),
        ("!~", "a|b", "b", False),
        ("=~", r"a\.b", "axb", False),
    ],
)
def test_a_matcher_speaks_of_whole_values(op: MatchOp, value: str, given: str | None, expected: bool) -> None:
    labels = {} if given is None else {"node": given}
    assert Matcher("node", op, value).matches(labels) is expected


@pytest.mark.parametrize(
    ("pattern", "at"),
    [
        ("(a+)+", 4),
        ("a{9}", 1),
        ("*", 0),
        (r"\d", 0),
        ("a*b*c*d*", 7),
        ("(?:a)", 1),
        ("^a", 0),
        ("(a", 0),
        ("x" * 201, 0),
    ],
)
def test_a_pattern_that_is_not_understood_is_refused_with_its_place(pattern: str, at: int) -> None:
    with pytest.raises(PatternInvalid) as refusal:
        checked_pattern(pattern)
    assert refusal.value.at == at


def test_no_accepted_pattern_takes_long() -> None:
    started = time.process_time()
    assert not Matcher("node", "=~", checked_pattern("a*a*a*b")).matches({"node": "a" * 200})
    assert time.process_time() - started < 2
