"""TGI and TEI: chats as plain text, generations as answers, token by token too."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.canon import CallContext, Failure
from registry.protocols.codecs import huggingface
from registry.protocols.runtime.params import Draft
from tests.registry.protocols.runtime.drafts import draft
from tests.registry.protocols.runtime.values import value

CONTEXT = CallContext("public", "r1", 0)


def test_a_chat_is_a_transcript_that_ends_where_the_model_speaks() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": "In French."},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": "!"}]},
        {"role": "assistant", "content": "Bonjour"},
        {"role": "tool", "content": "7"},
        {"role": "function", "content": "8"},
    ]
    assert huggingface.transcript(value(messages)) == (
        "Be brief.\n\nIn French.\n\nUser: Hello!\n\nAssistant: Bonjour\n\nTool: 7\n\nTool: 8\n\nAssistant:"
    )


def test_a_picture_cannot_be_said() -> None:
    messages = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]
    with pytest.raises(Failure, match="expected text only, because this upstream takes plain text"):
        huggingface.transcript(value(messages))


@pytest.mark.parametrize(
    ("wish", "grammar"),
    [
        ({"type": "json_object"}, {"type": "json", "value": {"type": "object"}}),
        (
            {"type": "json_schema", "json_schema": {"schema": {"type": "array"}}},
            {"type": "json", "value": {"type": "array"}},
        ),
    ],
)
def test_a_wish_for_json_is_a_grammar(wish: Any, grammar: Any) -> None:
    assert huggingface.grammar(value(wish)) == grammar


@pytest.mark.parametrize(
    ("given", "sampling"),
    [
        ({}, None),
        ({"seed": 1}, None),
        ({"temperature": 0.5}, True),
        ({"top_p": 0.5}, True),
        ({"top_k": 5}, True),
        ({"temperature": 0.5, "do_sample": False}, False),
    ],
)
def test_sampling_is_on_if_a_setting_asks_for_it(given: dict[str, Any], sampling: bool | None) -> None:
    body = {"parameters": dict(given)}
    made: Draft = draft()
    huggingface.finish(body, made)
    assert body["parameters"].get("do_sample") == sampling


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        (None, "stop"), ({}, "stop"), ({"finish_reason": "length"}, "length"), ({"finish_reason": "eos_token"}, "stop"),
        ({"finish_reason": "stop_sequence"}, "stop"), ({"finish_reason": "unheard of"}, "stop"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_generation(details: Any, reason: str, wrapped: bool) -> None:
    answer: Any = {"generated_text": "hello", "details": details}
    answer = [answer] if wrapped else answer
    chat = huggingface.chat(answer, CONTEXT)["choices"][0]
    text = huggingface.completion(answer, CONTEXT)["choices"][0]
    assert (chat["message"]["content"], chat["finish_reason"]) == ("hello", reason)
    assert (text["text"], text["finish_reason"]) == ("hello", reason)


@pytest.mark.parametrize("answer", [{}, [], {"generated_text": 7}, 7, None])
def test_an_answer_without_text_raises(answer: Any) -> None:
    with pytest.raises((LookupError, TypeError)):
        huggingface.chat(answer, CONTEXT)


@given(st.lists(st.tuples(st.text(max_size=4), st.booleans()), min_size=1, max_size=8))
def test_tokens_add_up_to_the_text(tokens: list[tuple[str, bool]]) -> None:
    messages: list[Any] = [{"token": {"text": text, "special": special}} for text, special in tokens]
    messages[-1] |= {"generated_text": "all", "details": {"finish_reason": "length"}}
    deltas = [huggingface.delta({}, "", message) for message in messages]
    assert "".join(delta.text for delta in deltas) == "".join(text for text, special in tokens if not special)
    assert [delta.done for delta in deltas] == [False] * (len(deltas) - 1) + [True]
    assert [delta.finish for delta in deltas if delta.finish] == ["length"]


@pytest.mark.parametrize("last", [{"generated_text": "a"}, {"details": {}}, {"generated_text": None, "details": {}}])
def test_the_last_token_is_known_by_what_it_carries(last: dict[str, Any]) -> None:
    delta = huggingface.delta({}, "", {"token": {"text": "a"}, **last})
    assert (delta.done, delta.finish) == (True, "stop")


def test_embeddings_are_a_bare_list() -> None:
    assert [item["embedding"] for item in huggingface.embeddings([[1.0], [2.0]], CONTEXT)["data"]] == [[1.0], [2.0]]


def test_a_ranking_keeps_its_order_and_documents() -> None:
    answer = [{"index": 1, "score": 0.9, "text": "b"}, {"index": 0, "score": 0.1}]
    assert huggingface.ranking(answer, CONTEXT)["results"] == [
        {"index": 1, "relevance_score": 0.9, "document": {"text": "b"}},
        {"index": 0, "relevance_score": 0.1},
    ]


@pytest.mark.parametrize("nested", [True, False])
def test_labels_of_one_text_or_several(nested: bool) -> None:
    row = [{"label": "good", "score": 0.9, "id": 1}]
    made = huggingface.labels([row, row] if nested else row, CONTEXT)["data"]
    expected = [{"label": "good", "score": 0.9}]
    assert [item["labels"] for item in made] == ([expected, expected] if nested else [expected])


@pytest.mark.parametrize("reader", [huggingface.ranking, huggingface.labels, huggingface.embeddings])
@pytest.mark.parametrize("answer", [[], {}, None, "a", [7]])
def test_lists_of_another_form_raise(reader: Any, answer: Any) -> None:
    with pytest.raises((TypeError, LookupError)):
        reader(answer, CONTEXT)
