"""Whole answers: those that are written in the caller's format, and those that are in it already."""

import base64
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.json import decode, encode

from registry.canon import CallContext, Failure, FailureKind, Usage
from registry.protocols.document import UsagePaths
from registry.protocols.runtime import replies
from registry.protocols.runtime.own_format import same_reply
from registry.protocols.runtime.tensors import MAX_VALUES, example_inputs

CONTEXT = CallContext("public", "r1", 1_700_000_000)
BASE64 = CallContext("public", "r1", 0, encoding_format="base64")
PATHS = UsagePaths(prompt=("usage.prompt_tokens",), completion=("usage.completion_tokens",))
FLOATS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=8)


def test_a_chat() -> None:
    made = replies.chat(CONTEXT, "hello", "stop", reasoning="because", thinking=[{"type": "thinking"}])
    assert (made["id"], made["object"], made["created"]) == ("chatcmpl-r1", "chat.completion", 1_700_000_000)
    assert made["model"] == "public"
    assert made["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "hello",
                "reasoning_content": "because",
                "thinking_blocks": [{"type": "thinking"}],
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]


def test_a_chat_that_only_calls_tools_has_no_content() -> None:
    call = replies.tool_call("c1", "look", "{}")
    message = replies.chat(CONTEXT, "", "tool_calls", [call])["choices"][0]["message"]
    assert message == {"role": "assistant", "content": None, "tool_calls": [call]}
    assert replies.chat(CONTEXT, "", "stop")["choices"][0]["message"]["content"] == ""


def test_a_completion() -> None:
    made = replies.completion(CONTEXT, "hello", "length")
    assert (made["id"], made["object"]) == ("cmpl-r1", "text_completion")
    assert made["choices"] == [{"index": 0, "text": "hello", "logprobs": None, "finish_reason": "length"}]


@given(st.lists(FLOATS, min_size=1, max_size=4))
def test_vectors_in_both_forms_are_the_same_numbers(vectors: list[list[float]]) -> None:
    plain = replies.embeddings(CONTEXT, vectors)["data"]
    coded = replies.embeddings(BASE64, vectors)["data"]
    assert [item["embedding"] for item in plain] == vectors
    for number, item in enumerate(coded):
        numbers = array("f")
        numbers.frombytes(base64.b64decode(item["embedding"]))
        assert (item["index"], numbers.tolist()) == (number, vectors[number])


@pytest.mark.parametrize("wrong", [None, [], {}, "a", [[]], [["a"]], [7], [None], [[1, None]]])
def test_what_are_no_vectors_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError):
        replies.embeddings(CONTEXT, wrong)


def test_ranking_and_labels() -> None:
    results = [{"index": 1, "relevance_score": 0.5}]
    assert replies.ranking(CONTEXT, results) == {"id": "rerank-r1", "model": "public", "results": results}
    labels = replies.labels(CONTEXT, [[{"label": "a"}], []])
    assert labels["data"] == [{"index": 0, "labels": [{"label": "a"}]}, {"index": 1, "labels": []}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "{}"),
        ("", "{}"),
        ({}, "{}"),
        ({"a": 1}, '{"a":1}'),
        ('{"a":1}', '{"a":1}'),
        ('"{}"', "{}"),
        ('"{\\"a\\":1}"', '{"a":1}'),
        ("{broken", "{broken"),
        ('""', '""'),
        ("[" * 100_000, "[" * 100_000),
        ([1], "[1]"),
    ],
)
def test_arguments_of_a_call_are_json_text_once(value: Any, text: str) -> None:
    assert replies.arguments(value) == text


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4))
def test_arguments_mean_the_same_however_often_they_are_encoded(value: dict[str, Any]) -> None:
    text = encode(value).decode()
    for form in (value, text, encode(text).decode()):
        assert decode(replies.arguments(form)) == value


@pytest.mark.parametrize(("value", "text"), [(None, ""), ("", ""), ("a", "a")])
def test_text_of_an_answer(value: Any, text: str) -> None:
    assert replies.text_of(value) == text


@pytest.mark.parametrize("value", [7, [], {}, True])
def test_what_is_no_text_raises(value: Any) -> None:
    with pytest.raises(TypeError, match="expected text"):
        replies.text_of(value)


def own(body: Any, each: dict[str, str] | None = None, context: CallContext = CONTEXT, empty: bool = False) -> Any:
    """An upstream's answer in the caller's format, passed on."""
    found = {key: Raw(encode(value)) for key, value in body.items()}
    return same_reply(found, "data", each or {}, context, PATHS, empty)


def test_an_answer_in_the_caller_s_format_gets_our_name_and_keeps_the_rest() -> None:
    made = own({"model": "theirs", "data": [{"x": 1}], "more": {"a": [1]}, "usage": {"prompt_tokens": 3}})
    assert decode(made.body) == {
        "model": "public",
        "data": [{"x": 1}],
        "more": {"a": [1]},
        "usage": {"prompt_tokens": 3},
    }
    assert made.usage == Usage(3, None)
    assert "model" not in decode(own({"data": [{}]}).body)


@pytest.mark.parametrize(
    ("body", "each", "problem"),
    [
        ({}, {}, "has no field 'data'"),
        ({"data": {}}, {}, "has a 'data' that is no list of objects"),
        ({"data": [1]}, {}, "has a 'data' that is no list of objects"),
        ({"data": None}, {}, "has a 'data' that is no list of objects"),
        ({"data": []}, {}, "has an empty 'data'"),
        ({"data": [{}]}, {"text": "text"}, "has a 'data' without a 'text' in each"),
        ({"data": [{"text": "a"}, {"text": None}]}, {"text": "text"}, "has a 'data' without a 'text' in each"),
        ({"data": [{"m": []}]}, {"m": "object"}, "has a 'data' without a 'm' in each"),
        ({"data": [{"f": 1}]}, {"f": "boolean"}, "has a 'data' without a 'f' in each"),
        ({"data": [{"v": {}}]}, {"v": "vector"}, "has a 'data' without a 'v' in each"),
        ({"data": [{"v": "?"}]}, {"v": "vector"}, "has a 'v' that is no vector"),
        ({"data": [{"v": "YQ=="}]}, {"v": "vector"}, "has a 'v' that is no vector"),
    ],
)
def test_an_answer_of_another_form_is_a_failure(body: Any, each: dict[str, str], problem: str) -> None:
    with pytest.raises(Failure) as caught:
        own(body, each)
    assert caught.value.kind is FailureKind.UPSTREAM_INVALID
    assert problem in caught.value.message
    assert caught.value.upstream_words


def test_an_empty_list_may_be_an_answer() -> None:
    assert decode(own({"data": []}, empty=True).body) == {"data": []}


@given(FLOATS)
def test_vectors_are_written_as_the_caller_asked(vector: list[float]) -> None:
    coded = base64.b64encode(array("f", vector).tobytes()).decode()
    for given_form in (vector, coded):
        plain = decode(own({"data": [{"v": given_form}]}, {"v": "vector"}).body)["data"][0]["v"]
        packed = decode(own({"data": [{"v": given_form}]}, {"v": "vector"}, BASE64).body)["data"][0]["v"]
        assert plain == pytest.approx(vector, rel=1e-6)
        assert packed == coded


def test_several_vectors_in_one_item_stay_lists() -> None:
    made = own({"data": [{"v": [[1.0], [2.0]]}]}, {"v": "vector"}, BASE64)
    assert decode(made.body)["data"][0]["v"] == [[1.0], [2.0]]


@pytest.mark.parametrize("wrong", [["a"], [1, None], [1e400], [True, []]])
def test_numbers_that_are_none_have_no_base64(wrong: Any) -> None:
    with pytest.raises(Failure, match="that is no vector"):
        own({"data": [{"v": wrong}]}, {"v": "vector"}, BASE64)


@pytest.mark.parametrize(
    ("tensor", "example"),
    [
        (("x", "FP32", [1, 2]), ([1, 2], [0.0, 0.0])),
        (("x", "BF16", [2]), ([2], [0.0, 0.0])),
        (("x", "INT64", [-1, 3]), ([1, 3], [0, 0, 0])),
        (("x", "BOOL", [2]), ([2], [False, False])),
        (("x", "BYTES", [-1]), ([1], ["ping"])),
        (("x", "UINT8", []), ([], [0])),
        (("x", "FP64", [0, 4]), ([1, 4], [0.0] * 4)),
        (("x", "INT8", [MAX_VALUES]), ([MAX_VALUES], [0] * MAX_VALUES)),
    ],
)
def test_the_smallest_inputs_that_fit_a_description(tensor: Any, example: Any) -> None:
    name, datatype, shape = tensor
    sizes, data = example
    made = example_inputs({"inputs": [{"name": name, "datatype": datatype, "shape": shape}]})
    assert made == [{"name": name, "shape": sizes, "datatype": datatype, "data": data}]


GOOD = {"name": "x", "datatype": "FP32", "shape": [1]}


@pytest.mark.parametrize(
    "described",
    [
        None,
        [],
        {},
        "x",
        [7],
        [{**GOOD, "name": 7}],
        [{**GOOD, "datatype": None}],
        [{**GOOD, "shape": "1"}],
        [{**GOOD, "shape": ["1"]}],
        [{**GOOD, "shape": [2**31]}],
        [{**GOOD, "shape": [64, 65]}],
        [GOOD, {"name": "y"}],
    ],
)
def test_a_description_that_does_not_help_gives_no_inputs(described: Any) -> None:
    assert example_inputs({"inputs": described}) is None
