"""The gateway as callers see it: the unmodified openai SDK, and raw HTTP for the rest."""

import json
from collections.abc import AsyncIterator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from routing.dataplane.hooks import Submission
from tests.registry.transports.faults import Peer, serving
from tests.routing.serving import KEY, caller_row, gateway_for, model_row, snapshot
from tests.routing.upstreams import DONE, answering, body_of, completion, event, failing, streaming

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
PARAMS = {
    "creative_level": {
        "type": "float",
        "range": [0, 10],
        "upstream": "temperature",
        "convert": {"range": [0, 2]},
        "outside": "clamp",
    },
    "max_tokens": {"type": "int", "default": 2000},
}


async def test_the_openai_sdk_chats_and_the_call_is_recorded() -> None:
    seen: list[bytes] = []
    async with (
        serving(answering(seen=seen)) as upstream,
        gateway_for([model_row("m", upstream.port, params=PARAMS)]) as g,
    ):
        raw = await g.sdk().chat.completions.with_raw_response.create(
            model="m", messages=MESSAGES, extra_body={"creative_level": 12}, extra_headers={"x-request-id": "req-77"}
        )
        reply = raw.parse()
        assert reply.usage is not None
        assert (reply.choices[0].message.content, reply.model, reply.usage.total_tokens) == ("hello", "m", 7)
        assert raw.headers["x-request-id"] == "req-77"
        assert raw.headers["x-patchbay-revision"] == "7"
        told = raw.headers["x-patchbay-adapted"]
        assert "creative_level;action=clamped;given=12;sent=10" in told
        assert "max_tokens;action=defaulted;sent=2000" in told
        sent = body_of(seen[0])
        assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("upstream-name", 2.0, 2000)
        assert "creative_level" not in sent
        assert b"x-request-id: req-77\r\n" in seen[0]
        (record,) = await g.records()
    assert record["model"] == "m"
    assert (record["status"], record["task"], record["attempts"], record["api_key_id"]) == (200, "chat", 1, 1)
    assert (record["prompt_tokens"], record["completion_tokens"], record["usage_basis"]) == (5, 2, "reported")
    assert record["endpoint"] == f"http://127.0.0.1:{upstream.port}"
    assert {change["action"] for change in record["adapted"]} >= {"clamped", "defaulted"}
    assert record["duration_ms"] >= record["first_byte_ms"] > 0


async def test_the_openai_sdk_streams() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    pieces = [event("he"), event("llo", "stop"), event("", None, usage=usage), DONE]
    async with serving(streaming(*pieces)) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        stream = await g.sdk().chat.completions.create(
            model="m", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "hello"
        assert {chunk.model for chunk in chunks} == {"m"}
        (record,) = await g.records()
        assert (record["stream"], record["status"], record["completion_tokens"]) == (True, 200, 2)
        assert record["usage_basis"] == "reported"


async def test_a_stream_that_ends_whole_without_done_is_finished_for_the_caller() -> None:
    pieces = [event("he"), event("llo", "stop")]
    async with serving(streaming(*pieces)) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        async with g.http() as http:
            body = {"model": "m", "messages": MESSAGES, "stream": True}
            answer = await http.post("/v1/chat/completions", json=body)
        assert answer.text.endswith("data: [DONE]\n\n")
        assert "error" not in answer.text
        (record,) = await g.records()
        assert (record["status"], record["failure"], record["completion_tokens"]) == (200, "", 2)


async def test_the_openai_sdk_uses_tools_embeddings_and_lists() -> None:
    tool_reply = json.loads(completion())
    tool_reply["choices"][0]["message"] = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}],
    }
    vectors = {
        "object": "list",
        "model": "x",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    }
    seen: list[bytes] = []
    async with (
        serving(answering(json.dumps(tool_reply).encode(), seen)) as chat,
        serving(answering(json.dumps(vectors).encode())) as embedder,
        gateway_for([model_row("m", chat.port), model_row("org/e", embedder.port, type="embedding")]) as g,
    ):
        tools: list[ChatCompletionToolParam] = [
            {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
        ]
        reply = await g.sdk().chat.completions.create(model="m", messages=MESSAGES, tools=tools)
        (call,) = reply.choices[0].message.tool_calls or []
        assert call.type == "function"
        assert call.function.name == "add"
        assert body_of(seen[0])["tools"] == tools
        vector = await g.sdk().embeddings.create(model="org/e", input="hi", encoding_format="float")
        assert vector.data[0].embedding == [0.5, 0.25]
        assert [model.id async for model in g.sdk().models.list()] == ["m", "org/e"]
        assert (await g.sdk().models.retrieve("org/e")).created == 1_700_000_000
        async with g.http() as http:
            answer = await http.post("/v1/models/org/e/predict", json={"inputs": "hi"})
            assert answer.json()["outputs"] == [[0.5, 0.25]]
            assert answer.json()["model"] == "org/e"


async def test_errors_are_typed_as_the_sdk_types_them() -> None:
    async with (
        serving(answering()) as upstream,
        serving(failing(500)) as broken,
        serving(failing(429, head=b"retry-after: 7\r\n")) as busy,
        serving(failing(400)) as refusing,
        gateway_for(
            [
                model_row("m", upstream.port, params={"n": {"type": "int", "range": [1, 2]}}),
                model_row("broken", broken.port),
                model_row("busy", busy.port),
                model_row("refusing", refusing.port),
                model_row("off", upstream.port, state="disabled"),
            ],
            [caller_row(), caller_row("pb-other", key_id=2, models=("x-*",)), caller_row("pb-read", scopes=("read",))],
        ) as g,
    ):

        async def error(
            kind: type[openai.APIStatusError], model: str, key: str = KEY, **body: object
        ) -> openai.APIStatusError:
            with pytest.raises(kind) as caught:
                await g.sdk(key).chat.completions.create(model=model, messages=MESSAGES, extra_body=body)
            assert caught.value.request_id
            assert isinstance(caught.value.body, dict)
            assert caught.value.body["message"]
            return caught.value

        assert (await error(openai.AuthenticationError, "m", "pb-wrong")).code == "invalid_api_key"
        missing = await error(openai.NotFoundError, "nope")
        assert (missing.code, missing.param) == ("model_not_found", "model")
        assert (await error(openai.NotFoundError, "off")).code == "model_disabled"
        assert (await error(openai.PermissionDeniedError, "m", "pb-other")).code == "model_not_allowed"
        assert (await error(openai.PermissionDeniedError, "nope", "pb-other")).code == "model_not_allowed"
        assert (await error(openai.PermissionDeniedError, "m", "pb-read")).code == "scope_missing"
        refused = await error(openai.BadRequestError, "m", n=9)
        assert (refused.param, refused.code) == ("n", "parameter_out_of_range")
        assert (await error(openai.BadRequestError, "refusing")).status_code == 400
        assert "boom" in (await error(openai.InternalServerError, "broken")).message
        limited = await error(openai.RateLimitError, "busy")
        assert limited.response.headers["retry-after"] == "7"


async def test_bad_bodies_are_400_and_large_ones_413() -> None:
    async with gateway_for([model_row("m")]) as g, g.http() as http:
        for body, code in (
            (b"", "invalid_json"),
            (b"[]", "invalid_json"),
            (b"{" * 3, "invalid_json"),
            (b'{"model":"m","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "json_too_deep"),
            (b'{"messages":[]}', "missing_required_parameter"),
            (b'{"model":7}', "invalid_parameter"),
            (b'{"model":"m","stream":"yes"}', "invalid_parameter"),
            (b'{"model":"\xff"}', "invalid_json"),
            (b'{"model":"m","messages":[],"n":"\\ud800"}', "invalid_json"),
        ):
            answer = await http.post("/v1/chat/completions", content=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, code), body[:40]
        big = await http.post("/v1/chat/completions", content=b" " * (33 * 1024 * 1024))
        assert (big.status_code, big.json()["error"]["code"]) == (413, "body_too_large")

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(40):
                yield b" " * 1024 * 1024

        chunked = await http.post("/v1/chat/completions", content=endless())
        assert chunked.status_code == 413
        packed = await http.post("/v1/chat/completions", content=b"x", headers={"content-encoding": "gzip"})
        assert packed.status_code == 415


async def test_http_details() -> None:
    async with gateway_for([model_row("m")]) as g, g.http() as http:
        wrong = await http.get("/v1/chat/completions")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST, OPTIONS")
        assert (await http.post("/v1/models")).headers["allow"] == "GET, HEAD, OPTIONS"
        options = await http.options("/v1/models/a/b/predict")
        assert (options.status_code, options.headers["allow"], options.content) == (204, "POST, OPTIONS", b"")
        head = await http.head("/v1/models")
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) > 2
        assert (await http.get("/v1/nothing")).json()["error"]["code"] == "unknown_url"
        bad_id = await http.get("/v1/models", headers={"x-request-id": "a <b>"})
        assert len(bad_id.headers["x-request-id"]) == 32
        none = await http.get("/v1/models", headers={"authorization": "Basic x"})
        assert none.headers["www-authenticate"].startswith("Bearer")
        assert none.json()["error"]["code"] == "missing_api_key"


@pytest.mark.parametrize("where", ["key", "model", "header"])
async def test_strict_refuses_what_would_be_clamped(where: str) -> None:
    async with (
        serving(answering()) as upstream,
        gateway_for(
            [model_row("m", upstream.port, params=PARAMS, strict=where == "model")], [caller_row(strict=where == "key")]
        ) as g,
        g.http() as http,
    ):
        headers = {"x-patchbay-strict": "true"} if where == "header" else {}
        body = {"model": "m", "messages": MESSAGES, "creative_level": 12}
        answer = await http.post("/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "creative_level"
        assert upstream.accepted == 0


async def test_limits_of_a_key_are_429_with_the_time_to_wait() -> None:
    async with (
        serving(answering()) as upstream,
        gateway_for([model_row("m", upstream.port)], [caller_row(calls_per_minute=2)]) as g,
        g.http() as http,
    ):
        body = {"model": "m", "messages": MESSAGES}
        statuses = [(await http.post("/v1/chat/completions", json=body)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        last = await http.post("/v1/chat/completions", json=body)
        assert 1 <= int(last.headers["retry-after"]) <= 30


async def test_a_durable_call_is_handed_over_and_answered_202() -> None:
    orders: list[Submission] = []

    async def submit(order: Submission) -> str:
        orders.append(order)
        return "11111111-2222-3333-4444-555555555555"

    async with serving(answering()) as upstream, gateway_for([model_row("m", upstream.port)]) as g, g.http() as http:
        g.hooks.submit_job = submit
        headers = {"prefer": "respond-async", "idempotency-key": "once"}
        body = {"model": "m", "messages": MESSAGES, "stream": True}
        answer = await http.post("/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code == 202
        assert answer.headers["location"] == "/api/jobs/11111111-2222-3333-4444-555555555555"
        assert answer.json() == {"id": "11111111-2222-3333-4444-555555555555", "object": "job", "status": "queued"}
        (order,) = orders
        assert (order.path, order.idempotency_key, order.model) == ("/v1/chat/completions", "once", "m")
        made = await g.gateway.perform(order.caller, order.path, order.body, request_id="r", job_id="1" * 32)
        assert (made.status, json.loads(made.body)["model"], made.failure) == (200, "m", None)
        assert [record["job_id"] for record in await g.records(2)] == [None, "1" * 32]
        assert set(g.measures.calls) == {("m", "chat", 202, ""), ("m", "chat", 200, "")}


async def test_metrics_have_only_labels_that_models_have() -> None:
    async with serving(answering()) as upstream, gateway_for([model_row("m", upstream.port, aliases=["n"])]) as g:
        async with g.http() as http:
            for model in ("m", "n", *(f"made-up-{number}" for number in range(20)), 7, ""):
                await http.post("/v1/chat/completions", json={"model": model, "messages": MESSAGES})
                await http.post(f"/v1/models/x{model}/predict", json={"inputs": "hi"})
            await http.post("/v1/models/m/predict", json={"inputs": 7})
        assert {key[0] for key in g.measures.calls} == {"m", ""} == set(g.measures.durations)
        assert len(g.measures.calls) <= 8
        g.serve(snapshot([model_row("other", upstream.port)], revision=8))
        assert {key[0] for key in g.measures.calls} == {""} == set(g.measures.durations)
        assert not g.measures.tokens


async def test_a_new_table_is_served_at_once_and_aliases_resolve() -> None:
    async with serving(answering()) as upstream, gateway_for([]) as g:
        with pytest.raises(openai.NotFoundError):
            await g.sdk().chat.completions.create(model="nick", messages=MESSAGES)
        g.serve(snapshot([model_row("m", upstream.port, aliases=["nick"])], revision=8))
        reply = await g.sdk().chat.completions.create(model="nick", messages=MESSAGES)
        assert reply.model == "m"


async def test_a_defect_of_ours_is_a_500_with_a_request_id(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(peer: Peer) -> None:
        raise AssertionError

    async with serving(broken) as upstream, gateway_for([model_row("m", upstream.port)]) as g, g.http() as http:
        monkeypatch.setattr(g.gateway._forwarder, "forward", None)
        answer = await http.post("/v1/chat/completions", json={"model": "m", "messages": MESSAGES})
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
        assert (await g.records())[0]["status"] == 500
