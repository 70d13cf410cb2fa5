"""Upstreams that refuse a field which we add: asked again without it, told, and not bothered with it again."""

import json
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from routing.dataplane.extras import REMEMBERED_SECONDS, Extras
from tests.registry.transports.faults import Peer, Script, serving
from tests.routing.serving import gateway_for, model_row
from tests.routing.upstreams import CHUNKED, DONE, JSON, body_of, chunk, event

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
NAMED: list[tuple[int, Any]] = [
    (422, {"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"]}]}}),
    (400, {"error": {"message": "Unrecognized request argument supplied: stream_options", "param": "stream_options"}}),
    (400, {"detail": "include_usage: extra fields not permitted"}),
    (500, {"error": {"message": "create() got an unexpected keyword argument 'stream_options'"}}),
]
UNNAMED: list[tuple[int, Any]] = [(400, {"error": {"message": "bad request"}}), (422, {"detail": "extra inputs"})]


def forbidding(status: int, words: Any, seen: list[Any]) -> Script:
    """Answers streams, and refuses every body that has stream_options."""

    async def script(peer: Peer) -> None:
        while True:
            body = body_of(await peer.request())
            seen.append(body)
            if "stream_options" in body or body.get("n") == 7:
                told = json.dumps(words).encode()
                await peer.send(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n%b\r\n%b" % (status, len(told), JSON, told))
            else:
                await peer.send(CHUNKED + chunk(event("hello", "stop")) + chunk(DONE) + b"0\r\n\r\n")

    return script


async def heard(sdk: openai.AsyncOpenAI, **more: Any) -> tuple[str, str | None]:
    """The text of a streamed chat, and what was adapted."""
    raw = await sdk.chat.completions.with_raw_response.create(model="m", messages=MESSAGES, stream=True, **more)
    text = "".join([part.choices[0].delta.content or "" async for part in raw.parse() if part.choices])
    return text, raw.headers.get("x-patchbay-adapted")


@pytest.mark.parametrize(("status", "words"), [*NAMED, *UNNAMED])
async def test_an_upstream_that_refuses_stream_options_is_called_without(status: int, words: Any) -> None:
    seen: list[Any] = []
    async with serving(forbidding(status, words, seen)) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        for _ in range(3):
            assert await heard(g.sdk()) == ("hello", "stream_options;action=dropped")
        assert ["stream_options" in body for body in seen] == [True, False, False, False]
        records = await g.records(3)
        assert [(record["status"], record["attempts"]) for record in records] == [(200, 2), (200, 1), (200, 1)]
        assert {record["usage_basis"] for record in records} == {"estimated"}


@pytest.mark.parametrize("strict", [False, True])
async def test_a_caller_that_gave_it_is_told_and_a_strict_one_is_refused(strict: bool) -> None:
    seen: list[Any] = []
    script = forbidding(*NAMED[0], seen)
    async with serving(script) as upstream, gateway_for([model_row("m", upstream.port, strict=strict)]) as g:
        given: dict[str, Any] = {"stream_options": {"include_usage": True}}
        if strict:
            with pytest.raises(openai.UnprocessableEntityError):
                await heard(g.sdk(), **given)
        else:
            text, told = await heard(g.sdk(), **given)
            assert text == "hello"
            assert told is not None
            assert told.startswith("stream_options;action=dropped;given=")


async def test_an_upstream_that_takes_it_is_not_asked_twice_and_its_own_refusals_pass() -> None:
    seen: list[Any] = []

    async def script(peer: Peer) -> None:
        while True:
            body = body_of(await peer.request())
            seen.append(body)
            if body.get("n") == 7:
                told = b'{"error":{"message":"n is too large"}}'
                await peer.send(b"HTTP/1.1 400 X\r\ncontent-length: %d\r\n%b\r\n%b" % (len(told), JSON, told))
            else:
                usage = {"prompt_tokens": 3, "completion_tokens": 2}
                await peer.send(CHUNKED + chunk(event("hello", "stop", usage=usage)) + chunk(DONE) + b"0\r\n\r\n")

    async with serving(script) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        assert await heard(g.sdk()) == ("hello", None)
        with pytest.raises(openai.BadRequestError, match="n is too large"):
            await heard(g.sdk(), n=7)
        assert len(seen) == 2
        assert all(body["stream_options"] == {"include_usage": True} for body in seen)
        assert (await g.records(2))[0]["usage_basis"] == "reported"


async def test_a_refusal_of_something_else_is_asked_once_more_only_while_nothing_is_known() -> None:
    seen: list[Any] = []
    script = forbidding(400, {"error": {"message": "n is too large"}}, seen)
    async with serving(script) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        for _ in range(2):
            with pytest.raises(openai.BadRequestError, match="n is too large"):
                await heard(g.sdk(), n=7)
        assert ["stream_options" in body for body in seen] == [True, False, True]


def test_it_is_asked_again_after_an_hour() -> None:
    now = 100.0
    extras = Extras(lambda: now)
    extras.refuse("a")
    assert extras.leaves_out("a")
    assert not extras.leaves_out("b")
    now += REMEMBERED_SECONDS
    assert not extras.leaves_out("a")
