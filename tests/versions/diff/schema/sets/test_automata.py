"""Patterns as automata: they find what `re` finds, and say so if they cannot."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from versions.diff import work
from versions.diff.schema.sets.automata import LAST, NotRegular, automaton, inverted, searched


@pytest.mark.parametrize(
    ("pattern", "found", "missed"),
    [
        ("", ["", "a", "anything"], []),
        ("a", ["a", "ba", "abc"], ["", "b"]),
        ("^a", ["a", "ab"], ["", "ba"]),
        ("a$", ["a", "ba"], ["", "ab"]),
        ("^$", [""], ["a"]),
        ("^a|b$", ["a", "ac", "cb"], ["ca", "bc", ""]),
        ("^(a|b)$", ["a", "b"], ["ab", ""]),
        ("^a*$", ["", "a", "aaa"], ["b", "ab"]),
        ("^a+$", ["a", "aa"], ["", "ab"]),
        ("^a?b$", ["b", "ab"], ["aab", "a"]),
        ("^a{2}$", ["aa"], ["a", "aaa"]),
        ("^a{2,}$", ["aa", "aaaa"], ["a"]),
        ("^a{1,3}$", ["a", "aaa"], ["", "aaaa"]),
        ("^a{0}b$", ["b"], ["ab"]),
        ("^a{0,1}$", ["", "a"], ["aa"]),
        ("^(ab){2}$", ["abab"], ["ab", "abb"]),
        ("^(a|bc){1,2}$", ["a", "bc", "abc", "bca"], ["", "abcbc", "b"]),
        ("^a+?$", ["a", "aa"], [""]),
        ("^[abc]$", ["a", "c"], ["d", ""]),
        ("^[a-c]$", ["a", "b", "c"], ["d"]),
        ("^[^a-c]$", ["d", "\n"], ["a", "b"]),
        ("^[a-]$", ["a", "-"], ["b"]),
        ("^[-a]$", ["a", "-"], ["b"]),
        (r"^[\d]$", ["0", "9"], ["a"]),
        (r"^[\w.-]+$", ["a_1.-"], ["a b"]),
        (r"^\d{4}-\d{2}$", ["2024-01"], ["2024-1", "a024-01"]),
        (r"^\D$", ["a"], ["1"]),
        (r"^\w$", ["a", "Z", "_", "0"], ["-", "é"]),
        (r"^\W$", ["-", "é"], ["a"]),
        (r"^\s$", [" ", "\t", "\n", "\u00a0", "\ufeff"], ["a"]),
        (r"^\S$", ["a"], [" "]),
        ("^.$", ["a", "☃", "😀"], ["", "\n", "\r", "\u2028"]),
        (r"^\.$", ["."], ["a"]),
        (r"^\$\^$", ["$^"], ["$"]),
        (r"^\x41\u0042$", ["AB"], ["ab"]),
        (r"^\t\n\r\f\v\0$", ["\t\n\r\f\v\0"], ["tnrfv0"]),
        (r"^[\b]$", ["\x08"], ["b"]),
        ("^(?:a|b)c$", ["ac", "bc"], ["c"]),
        ("^(?<year>a)$", ["a"], ["b"]),
        ("^(?P<year>a)$", ["a"], ["b"]),
        ("^a{x}$", ["a{x}"], ["a"]),
        ("^a{,2}$", ["a{,2}"], ["a", "aa"]),
        ("^{$", ["{"], ["a"]),
        ("^a{²}$", ["a{²}"], ["aa"]),
        ("^a{1, 2}$", ["a{1, 2}"], ["a"]),
        (r"^[\d\-z]$", ["1", "-", "z"], ["a"]),
        ("^]$", ["]"], ["a"]),
        ("^(a(b(c)?)?)?$", ["", "a", "ab", "abc"], ["ac", "b"]),
        ("^[^]$", ["a", "\n"], [""]),
    ],
)
def test_a_pattern_is_found_as_ecma_finds_it(pattern: str, found: list[str], missed: list[str]) -> None:
    assert [text for text in found if not searched(pattern, text)] == []
    assert [text for text in missed if searched(pattern, text)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)",
        "(?!a)",
        "(?<=a)b",
        "(?<!a)b",
        "(?i)a",
        r"(a)\1",
        r"\bword\b",
        r"\p{L}",
        r"\cA",
        "(a",
        "a)",
        "[a",
        "*a",
        "+",
        "a**",
        "a++",
        "a{1,500}",
        "a{500}",
        "\\",
        "a{2}{3}",
        "{2}",
        "(|{2})",
        "a{3,1}",
        "^*a",
        "a${2}",
        r"\x4",
        r"\x_4",
        r"\u 041",
        r"\u41",
        r"\01",
        r"[\d-z]",
        r"[a-\w]",
        "[z-a]",
        r"\uZZZZ",
        "(" * 100 + ")" * 100,
        "((a{100}){100}){100}",
    ],
)
def test_a_pattern_that_is_not_regular_says_so(pattern: str) -> None:
    with pytest.raises(NotRegular):
        searched(pattern, "a")


@pytest.mark.parametrize("pattern", [None, 7, ["a"], {"a": 1}])
def test_a_pattern_is_a_text(pattern: Any) -> None:
    with pytest.raises(NotRegular, match="no text"):
        searched(pattern, "a")


@pytest.mark.parametrize(
    ("ranges", "outside"),
    [
        ([], [(0, LAST)]),
        ([(0, LAST)], []),
        ([(97, 97)], [(0, 96), (98, LAST)]),
        ([(97, 99), (98, 101)], [(0, 96), (102, LAST)]),
        ([(5, 6), (0, 2)], [(3, 4), (7, LAST)]),
    ],
)
def test_what_lies_outside_some_ranges(ranges: list[tuple[int, int]], outside: list[tuple[int, int]]) -> None:
    assert sorted(inverted(frozenset(ranges))) == outside
    assert inverted(inverted(frozenset(outside))) == frozenset(outside)


LETTERS = "ab1-"
ATOMS = st.sampled_from(["a", "b", "1", "-", ".", "[ab]", "[^a]", "[a-b1]", r"\d", r"\w", r"\W", r"\-"])
COUNTS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,2}", "{2,}", "*?"])


def sequences(atoms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Some atoms, each with a count."""
    counted = st.tuples(atoms, COUNTS).map("".join)
    return st.lists(counted, max_size=3).map("".join)


def alternatives(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """One to three patterns as alternatives."""
    return st.lists(parts, min_size=1, max_size=3).map("|".join)


groups = alternatives(sequences(ATOMS)).map(lambda inner: f"({inner})")
bodies = alternatives(sequences(st.one_of(ATOMS, groups)))
patterns = st.tuples(st.sampled_from(["", "^"]), bodies, st.sampled_from(["", "$"])).map("".join)
texts = st.text(LETTERS, max_size=6)


@settings(max_examples=300, deadline=None)
@given(patterns, st.lists(texts, min_size=1, max_size=8))
def test_automata_find_what_python_finds(pattern: str, tried: list[str]) -> None:
    """`re` is the oracle on texts without line breaks, where both mean the same."""
    expected = re.compile(pattern, re.ASCII)
    assert [searched(pattern, text) for text in tried] == [expected.search(text) is not None for text in tried]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=8), st.text(max_size=8))
def test_an_escaped_text_is_found_wherever_it_stands(wanted: str, around: str) -> None:
    plain = "".join(f"\\{char}" if not char.isalnum() and ord(char) < 128 else char for char in wanted)
    assert searched(plain, around + wanted + around)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=10))
def test_any_text_as_a_pattern_is_read_or_refused(pattern: str) -> None:
    try:
        searched(pattern, "abc")
    except NotRegular:
        return
    assert automaton(pattern).edges


def test_a_pattern_that_python_takes_forever_for_is_quick() -> None:
    with work.limited():
        assert not searched("^(a+)+$", "a" * 5000 + "!")


def test_a_search_counts_as_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "STEPS", 10_000)
    with pytest.raises(work.Exhausted), work.limited():
        searched("^a*$", "a" * 12_000)
