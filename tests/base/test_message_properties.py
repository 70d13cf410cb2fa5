"""Sentences of any shape: their template and parameters come through storage, and no limit is passed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.base.messages import (
    MARK,
    Sentence,
    counting,
    cut,
    filled,
    joined,
    mapped,
    rebuilt,
    restored,
    sentences,
    stored,
)

NAMES = st.sampled_from(["a", "b", "count", "given"])
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TEMPLATES = st.lists(st.one_of(NAMES.map("{{{}}}".format), WORDS), max_size=5).map("".join)
PLAIN = st.one_of(WORDS, st.integers(), st.floats(allow_nan=False), st.booleans())


def made(parts: st.SearchStrategy[object]) -> st.SearchStrategy[Sentence]:
    """Sentences whose gaps are filled with `parts`."""
    return st.builds(lambda template, params: Sentence(template, **params), TEMPLATES, st.dictionaries(NAMES, parts))


SENTENCES = made(st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | made(inner), max_leaves=8))


def shape(value: object) -> object:
    """A value with its templates and parameters, all the way down."""
    if isinstance(value, Sentence):
        return value.template, {name: shape(part) for name, part in value.params.items()}
    return [shape(part) for part in value] if isinstance(value, list | tuple) else value


@given(SENTENCES)
def test_a_sentence_comes_through_storage_whole(sentence: Sentence) -> None:
    kept = json.loads(json.dumps(stored(sentence, 10**6)))
    assert isinstance(kept, str)
    assert kept.startswith(MARK)
    back = restored(kept)
    assert (back, shape(back)) == (str(sentence), shape(sentence))


@given(SENTENCES, st.integers(0, 300))
def test_no_stored_or_cut_sentence_is_longer_than_asked(sentence: Sentence, most: int) -> None:
    assert len(stored(sentence, most)) <= most
    assert len(cut(sentence, most)) <= most
    assert isinstance(restored(stored(sentence, most)), str)
    if len(sentence) <= most:
        assert shape(cut(sentence, most)) == shape(sentence)


@given(SENTENCES)
def test_a_language_without_translations_tells_the_english_sentence(sentence: Sentence) -> None:
    assert sentence.told(lambda template: template) == sentence


@given(SENTENCES, st.integers(-(10**9), 10**9))
def test_a_count_is_written_without_packing_the_sentence_anew(sentence: Sentence, count: int) -> None:
    counted = Sentence("{count} of {whole}", count=0, whole=sentence)
    assert restored(counting(counted)(count)) == counted.given(count=count)


@given(SENTENCES)
def test_secrets_are_taken_out_of_every_depth(sentence: Sentence) -> None:
    hidden = mapped(Sentence("{a} {b}", a=sentence, b=["sk-1", Sentence("{c}", c="sk-1")]), lambda _: "***")
    assert hidden.endswith("***, ***")
    for one in sentences(hidden):
        words = [part for part in one.params.values() if isinstance(part, str) and not isinstance(part, Sentence)]
        assert set(words) <= {"***"}


@given(WORDS)
def test_a_text_that_looks_like_a_stored_sentence_is_read_as_it_is_written(text: str) -> None:
    assert str(restored(MARK + text)) in {text, str(restored(MARK + text))}
    assert restored(stored(MARK + text)) == MARK + text


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "7", "[]", "{}", '{"t":"x"}', '{"t":"x","p":[]}', '{"t":"x","p":7}', "[" * 9000, '{"p":{}}'],
)
def test_damaged_storage_is_shown_and_raises_nothing(text: str) -> None:
    assert restored(MARK + text) == text


def test_only_text_and_containers_are_looked_into() -> None:
    assert stored(None) is None
    assert stored(7) == 7
    assert restored({"a": [1, None, {"b": True}]}) == {"a": [1, None, {"b": True}]}
    assert stored(("a", Sentence("b")))[0] == "a"


def test_filling_leaves_unknown_gaps_and_joins_lists() -> None:
    assert filled("{a}, {b}, {missing}", {"a": 1, "b": ["x", ["y", 2.5]]}) == "1, x, y, 2.5, {missing}"
    assert filled("{A} {1} {a b} {}", {"a": 1}) == "{A} {1} {a b} {}"


def test_parameters_of_other_types_are_kept_as_their_words() -> None:
    cause = ValueError(Sentence("no {what}", what="range"))
    kept = Sentence("{a} {b} {c}", a=cause, b=(1, 2), c=None)
    assert kept == "no range 1, 2 None"
    assert isinstance(kept.params["a"], Sentence)
    with pytest.raises(TypeError):
        kept.params["a"] = "x"  # type: ignore[index]


def test_joined_needs_two_to_be_a_sentence() -> None:
    assert joined([], ", ") == ""
    one = Sentence("one")
    assert joined([one], ", ") is one
    assert [str(part) for part in sentences(joined([one, "two"], " and "))] == ["one and two", "one"]


def test_rebuilding_changes_the_innermost_first() -> None:
    seen: list[str] = []

    def change(sentence: Sentence) -> str:
        seen.append(sentence.template)
        return sentence.given(a="new") if sentence.template == "in {a}" else sentence

    outer = Sentence("out {b}", b=[Sentence("in {a}", a="old"), 7])
    assert rebuilt(outer, change) == "out in new, 7"
    assert seen == ["in {a}", "out {b}"]
    assert rebuilt("plain", change) == "plain"
