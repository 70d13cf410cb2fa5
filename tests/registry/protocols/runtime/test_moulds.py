"""Parameters that come again: the same bytes leave and the same changes are told, whatever the content is."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, structs
from msgspec.json import encode

from registry.canon import Failure, Request, Task
from registry.protocols.adapter import BoundOperation, Encoded, Wire
from registry.protocols.compiler.adapters import compile_adapter
from registry.protocols.runtime import moulds
from registry.specfile.file import read

HEAT = {"type": "float", "range": [0, 10], "upstream": "temperature", "convert": {"range": [0, 2]}}
LENGTH = {"type": "int", "default": 20, "range": [1, 30], "outside": "clamp"}
TEXTS = st.text(max_size=20)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-3, 40), st.floats(0, 10), TEXTS, st.lists(TEXTS, max_size=2))
FIELDS = st.dictionaries(st.sampled_from(["heat", "max_tokens", "temperature", "stop", "user", "n"]), VALUES)
Encoder = Callable[[Request, str], Encoded]


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    moulds._moulds.clear()
    yield
    moulds._moulds.clear()


def operation(task: Task = Task.CHAT, protocol: str = "openai", **params: Any) -> BoundOperation:
    kind = "llm" if task is Task.CHAT else "rerank"
    spec = {"name": "m", "type": kind, "protocol": protocol, "endpoint": "http://h", "params": params}
    return compile_adapter(read(spec)).operations[task]


def request(fields: dict[str, Any], task: Task = Task.CHAT, strict: bool = False) -> Request:
    return Request(task, {name: Raw(encode(value)) for name, value in fields.items()}, strict=strict)


def outcome(encoder: Encoder, asked: Request) -> Any:
    try:
        return encoder(asked, "up")
    except Failure as failure:
        return failure.message, failure.parameter, failure.code


def without_memo(found: Any) -> Any:
    """An outcome without what calls with the same parameters share, which a first one has not yet."""
    return structs.replace(found, memo=None) if isinstance(found, Encoded) else found


def counted(encoder: Encoder) -> tuple[Encoder, list[Request]]:
    """An encoder that keeps what it was asked."""
    asked: list[Request] = []

    def keeps(request: Request, upstream_model: str) -> Encoded:
        asked.append(request)
        return encoder(request, upstream_model)

    return keeps, asked


@given(FIELDS, st.lists(TEXTS, min_size=3, max_size=4), st.booleans())
def test_every_call_is_encoded_as_the_first_one_with_its_parameters(
    fields: dict[str, Any], contents: list[str], strict: bool
) -> None:
    encoder = operation(heat=HEAT, max_tokens=LENGTH).encode
    asked = [request({**fields, "messages": content}, strict=strict) for content in contents]
    expected = []
    for one in asked:
        moulds._moulds.clear()
        expected.append(without_memo(outcome(encoder, one)))
    moulds._moulds.clear()
    assert [without_memo(outcome(encoder, one)) for one in asked] == expected
    refused = isinstance(expected[0], tuple)
    assert [bool(mould.pieces) for mould in moulds._moulds.values()] == ([] if refused else [True])


def test_numbers_that_are_equal_but_written_otherwise_have_moulds_of_their_own() -> None:
    encoder = operation().encode
    for value in (1, 1.0, True) * 3:
        sent = encoder(request({"messages": [], "top": value}), "up")
        assert sent.wire.body == encode({"model": "up", "messages": [], "top": value})


def test_the_third_call_needs_no_encoder_and_content_is_not_kept() -> None:
    plain, asked = counted(lambda call, model: Encoded(Wire("POST", "/x", encode({"model": model, **call.fields}))))
    encoder = moulds.with_moulds(plain, ("messages",))
    for number in range(5):
        sent = encoder(request({"n": 1, "messages": f"secret {number}"}), "up")
        assert sent.wire.body == encode({"model": "up", "n": 1, "messages": f"secret {number}"})
    assert len(asked) == 3
    assert "secret" not in repr(moulds._moulds)


@pytest.mark.parametrize(
    "body",
    [
        lambda call: {"messages": [call.fields["messages"], call.fields["messages"]]},
        lambda call: {"size": len(call.fields["messages"])},
        lambda call: {"messages": call.fields["messages"], "size": len(call.fields["messages"])},
    ],
)
def test_an_encoder_that_does_more_with_content_gets_no_mould(body: Callable[[Request], Any]) -> None:
    encoder = moulds.with_moulds(lambda call, _: Encoded(Wire("POST", "/x", encode(body(call)))), ("messages",))
    for number in range(4):
        asked = request({"messages": "a" * number})
        assert encoder(asked, "up").wire.body == encode(body(asked))


def test_several_content_fields_are_put_in_the_order_of_the_body() -> None:
    encoder = operation(Task.RERANK).encode
    for number in range(4):
        asked = {"top_n": 3, "documents": [f"d{number}"], "query": f"q{number}"}
        body = {"model": "up", "query": f"q{number}", "documents": [f"d{number}"], "top_n": 3}
        assert encoder(request(asked, Task.RERANK), "up").wire.body == encode(body)


def test_large_parameters_and_more_of_them_than_are_kept_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moulds, "KEPT", 10)
    encoder = operation().encode
    for number in range(50):
        encoder(request({"messages": [], "seed": number}), "up")
        assert len(moulds._moulds) <= 10
    moulds._moulds.clear()
    encoder(request({"messages": [], "note": "x" * 2000}), "up")
    assert not moulds._moulds


def test_protocols_that_translate_content_have_no_moulds() -> None:
    for protocol in ("ollama", "anthropic"):
        encoder = operation(protocol=protocol).encode
        for _ in range(3):
            encoder(request({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}), "up")
    assert not moulds._moulds
