"""The verbs of generated encoders that put fields on the wire, and what they tell of fields that cannot travel."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from registry.canon import Failure, FailureKind
from registry.protocols.runtime.given import Given
from registry.protocols.runtime.params import inside, place
from tests.registry.protocols.runtime.drafts import draft, plain, refusal, told


def test_put_takes_the_first_that_is_given_and_drops_the_others() -> None:
    body: dict[str, Any] = {}
    made = draft(a=None, b=2, c=3)
    made.put(body, "options.x", "a", "b", "c")
    assert plain(body) == {"options": {"x": 2}}
    assert told(made) == [("c", "dropped", "3", None), ("b", "renamed", "b", "options.x")]
    assert made.fields == {}


def test_put_under_its_own_name_tells_nothing() -> None:
    body: dict[str, Any] = {}
    made = draft(heat=1)
    made.put(body, "options.heat", "heat")
    assert (plain(body), told(made)) == ({"options": {"heat": 1}}, [])


def test_put_with_a_default() -> None:
    body: dict[str, Any] = {}
    made = draft()
    made.put(body, "x", "a", "b", default=7)
    assert (body, told(made)) == ({"x": 7}, [("b", "defaulted", None, 7)])
    none: dict[str, Any] = {}
    made.put(none, "x", "a")
    assert none == {}


def test_put_through_a_codec() -> None:
    body: dict[str, Any] = {}
    made = draft(a="x")
    made.put(body, "a", "a", convert=lambda given: given.whole() * 2)
    assert body == {"a": "xx"}
    lost = draft(a="x")
    lost.put(body, "a", "a", convert=lambda given: None)
    assert told(lost) == [("a", "dropped", "(given)", None)]


def test_put_tells_what_it_replaces() -> None:
    made, body = draft(a=1), {"x": 5}
    made.put(body, "x", "a")
    assert told(made) == [("x", "dropped", 5, None), ("a", "renamed", "a", "x")]


@pytest.mark.parametrize(
    "error", [LookupError("a"), TypeError("b"), ValueError("c"), AttributeError("d"), RecursionError()]
)
def test_a_codec_that_cannot_read_a_value_refuses_it_by_name(error: Exception) -> None:
    def codec(given: Given) -> Any:
        raise error

    failure = refusal(draft(a=1).put, {}, "a", "a", convert=codec)
    assert failure.parameter == "a"
    assert f"expected the form that the API documents ({type(error).__name__}" in failure.message


def test_a_codec_s_own_refusal_keeps_its_words_and_gets_the_name() -> None:
    def codec(given: Given) -> Any:
        raise Failure(FailureKind.INVALID_REQUEST, "no pictures here", code="invalid_content")

    failure = refusal(draft(a=1).take, {}, "a", "a", convert=codec)
    assert (failure.message, failure.parameter, failure.code) == ("no pictures here", "a", "invalid_content")


def test_what_a_codec_leaves_is_told() -> None:
    body: dict[str, Any] = {}
    made = draft(a={"x": 1, "y": 2, "z": None})
    made.put(body, "a", "a", convert=lambda given: given.take("x"))
    assert (body, told(made)) == ({"a": 1}, [("a.y", "dropped", 2, None)])
    refusal(draft(True, a={"x": 1, "y": 2}).put, body, "a", "a", convert=lambda given: given.take("x"))


def test_take_and_spread() -> None:
    body: dict[str, Any] = {}
    made = draft(messages=[1], prompt="p")
    made.take(body, "input.text", "prompt")
    made.spread(body, "messages", lambda given: {"system": "s", "messages": given.whole()})
    assert plain(body) == {"input": {"text": "p"}, "system": "s", "messages": [1]}
    for empty in (draft(), draft(messages=None)):
        failure = refusal(empty.take, body, "messages", "messages")
        assert (failure.message, failure.code) == ("'messages' is missing.", "missing_required_parameter")


def test_constants_of_a_stream_keep_what_the_caller_says_beside_them() -> None:
    body: dict[str, Any] = {}
    made = draft(stream_options={"chunk": 7})
    made.streaming(body, True, {"stream": True, "stream_options.include_usage": True})
    assert plain(body) == {"stream": True, "stream_options": {"chunk": 7, "include_usage": True}}
    whole: dict[str, Any] = {}
    draft().streaming(whole, False, {"stream": True})
    assert whole == {}


def test_the_rest_travels_under_its_own_names() -> None:
    made, body = draft(False, **{"a": 1, "b.c": 2, "x": 3}), {"x": 9}
    made.send_rest(body)
    assert plain(body) == {"x": 9, "a": 1, "b.c": 2}
    assert told(made) == [("x", "dropped", "3", None)]
    home: dict[str, Any] = {}
    draft(a=1).send_rest(home, "options.more")
    assert plain(home) == {"options": {"more": {"a": 1}}}
    none: dict[str, Any] = {}
    draft().send_rest(none, "options")
    assert none == {}


def test_the_rest_is_dropped_and_told() -> None:
    made = draft(a=1, b=None)
    made.drop_rest()
    assert (made.fields, told(made)) == ({}, [("a", "dropped", 1, None)])
    words = refusal(draft(True, a=1).drop_rest).message
    assert "this model's upstream has no such parameter" in words


@pytest.mark.parametrize("verb", ["send", "drop"])
def test_what_would_steer_the_upstream_is_refused(verb: str) -> None:
    made = draft(api_base="http://evil")
    failure = refusal(made.send_rest, {}) if verb == "send" else refusal(made.drop_rest)
    assert (failure.parameter, failure.code) == ("api_base", "parameter_not_allowed")
    body: dict[str, Any] = {}
    draft(api_base="x").send_rest(body, declared=("api_base",))
    assert plain(body) == {"api_base": "x"}


@given(st.integers(0, 120))
def test_only_fifty_changes_are_kept_and_the_others_counted(count: int) -> None:
    made = draft(False, **{f"f{number}": number for number in range(count)})
    made.drop_rest()
    assert len(made.adapted) == min(count, 51)
    if count > 50:
        assert (made.adapted[-1].action, made.adapted[-1].sent) == ("more", count - 50)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), st.integers())
def test_what_is_placed_lies_at_its_path(parts: list[str], value: int) -> None:
    body: dict[str, Any] = {"other": 1}
    assert place(body, ".".join(parts), value) is None
    found: Any = body
    for part in parts:
        found = found[part]
    assert (found, body["other"]) == (value, 1)
    assert place(body, ".".join(parts), 0) == value


def test_an_object_that_is_still_raw_is_opened() -> None:
    body: dict[str, Any] = {"options": Raw(b'{"a":1}'), "text": "x"}
    assert inside(body, "options") == {"a": 1}
    assert inside(body, "text.more") == {}
    assert plain(body) == {"options": {"a": 1}, "text": {"more": {}}}
