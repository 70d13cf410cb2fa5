"""The standard verbs of an upstream against real servers: init, health, terminate, and which models it lists."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from registry.canon import Failure, FailureKind, Task
from registry.protocols.compiler.adapters import compile_adapter
from registry.specfile.file import read
from registry.transports.egress import Egress
from registry.transports.http import Client
from registry.upstreams.binding import Upstream, bind
from registry.upstreams.exchange import client_timeouts, health, init, mask, operation_for, probe_request, terminate
from registry.upstreams.offers import MOST_MODELS, offered
from tests.registry.transports.faults import Peer, Script, serving


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client that may call loopback."""
    guard = Egress(("127.0.0.0/8",))
    made = Client(lambda: guard)
    yield made
    await made.close()


def upstream(
    port: int, protocol: str = "ollama", kind: str = "llm", secret: str | None = None, **more: Any
) -> Upstream:
    """A model on a loopback port."""
    row = {"name": "m", "type": kind, "protocol": protocol, "endpoint": f"http://127.0.0.1:{port}"}
    spec = read({**row, "upstream_model": "theirs/1", **more})
    return bind(spec, compile_adapter(spec), secret)[0]


def saying(body: Any, seen: list[bytes], status: int = 200) -> Script:
    """Every request is kept, and answered with this."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def script(peer: Peer) -> None:
        while True:
            seen.append(await peer.request())
            await peer.send(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(text), text))

    return script


def line_and_body(request: bytes) -> tuple[bytes, Any]:
    """A request's first line, and its body if there is one."""
    head, _, body = request.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0], json.loads(body) if body else None


async def test_ollama_loads_a_model_and_unloads_it(client: Client) -> None:
    seen: list[bytes] = []
    async with serving(saying({}, seen)) as server:
        made = upstream(server.port)
        await init(client, made)
        await health(client, made)
        await terminate(client, made)
    assert [line_and_body(request) for request in seen] == [
        (b"POST /api/generate HTTP/1.1", {"model": "theirs/1", "stream": False}),
        (b"GET /api/version HTTP/1.1", None),
        (b"POST /api/generate HTTP/1.1", {"model": "theirs/1", "stream": False, "keep_alive": 0}),
    ]


async def test_kserve_asks_whether_the_model_is_ready(client: Client) -> None:
    seen: list[bytes] = []
    async with serving(saying(b"", seen)) as server:
        made = upstream(server.port, "kserve_v2", "tensor")
        await init(client, made)
        await terminate(client, made)
    assert [line_and_body(request)[0] for request in seen] == [b"GET /v2/models/theirs%2F1/ready HTTP/1.1"]


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
async def test_a_protocol_without_such_verbs_asks_nothing(client: Client, protocol: str) -> None:
    seen: list[bytes] = []
    async with serving(saying({}, seen)) as server:
        await init(client, upstream(server.port, protocol))
        await terminate(client, upstream(server.port, protocol))
    assert seen == []


@pytest.mark.parametrize("verb", [init, health, terminate])
@pytest.mark.parametrize("status", [404, 500])
async def test_a_verb_that_fails_names_itself_and_keeps_the_upstream_s_words(
    client: Client, verb: Any, status: int
) -> None:
    async with serving(saying(b"no such model, sk-canary-123", [], status)) as server:
        with pytest.raises(Failure) as caught:
            await verb(client, upstream(server.port, secret="sk-canary-123"))
    failure = caught.value
    assert (failure.kind, failure.upstream_status) == (FailureKind.UPSTREAM_ERROR, status)
    assert f" answered {status}; expected 200: no such model, ***" in failure.message
    assert "/api/" in failure.message
    assert "canary" not in failure.message + failure.upstream_words


async def test_a_verb_of_an_upstream_that_is_away_says_so(client: Client) -> None:
    async with serving(saying(b"", [])) as server:
        port = server.port
    with pytest.raises(Failure) as caught:
        await health(client, upstream(port))
    assert caught.value.kind is FailureKind.UPSTREAM_UNREACHABLE


@pytest.mark.parametrize(
    ("protocol", "kind", "answer", "names"),
    [
        ("openai", "llm", {"data": [{"id": "a"}, {"id": "b"}]}, ("a", "b")),
        ("openai", "llm", {"data": [{"id": "a"}, {"id": "a"}, {"id": 7}, {}, "x", None]}, ("a",)),
        ("openai", "llm", {"data": {"id": "a"}}, ("a",)),
        ("openai", "llm", {"data": None}, ()),
        ("openai", "llm", [], ()),
        ("openai", "llm", b"<html>", ()),
        ("ollama", "llm", {"models": [{"name": "llama3:latest"}]}, ("llama3:latest",)),
        ("huggingface", "llm", {"model_id": "org/m"}, ("org/m",)),
        ("kserve_v2", "tensor", [{"name": "iris"}, {"name": ""}, {"name": "x\n"}, {"name": "y" * 201}], ("iris",)),
    ],
)
async def test_which_models_an_upstream_lists(
    client: Client, protocol: str, kind: str, answer: Any, names: tuple[str, ...]
) -> None:
    async with serving(saying(answer, [])) as server:
        assert await offered(client, upstream(server.port, protocol, kind)) == names


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_an_upstream_that_refuses_lists_nothing(client: Client, status: int) -> None:
    async with serving(saying({"data": [{"id": "a"}]}, [], status)) as server:
        assert await offered(client, upstream(server.port, "openai")) == ()


async def test_a_list_has_an_end(client: Client) -> None:
    answer = {"data": [{"id": f"m{number}"} for number in range(MOST_MODELS + 50)]}
    async with serving(saying(answer, [])) as server:
        assert len(await offered(client, upstream(server.port, "openai"))) == MOST_MODELS


@pytest.mark.parametrize(
    ("protocol", "kind", "task", "fields"),
    [
        ("openai", "llm", Task.CHAT, {"messages"}),
        ("openai", "embedding", Task.EMBEDDING, {"input"}),
        ("openai", "rerank", Task.RERANK, {"query", "documents"}),
        ("openai", "image", Task.IMAGE, {"prompt"}),
        ("openai", "moderation", Task.MODERATION, {"input"}),
        ("huggingface", "classification", Task.CLASSIFICATION, {"inputs"}),
        ("kserve_v2", "tensor", Task.TENSOR, {"inputs"}),
    ],
)
def test_the_smallest_call_of_each_type_can_be_encoded(protocol: str, kind: str, task: Task, fields: set[str]) -> None:
    made = upstream(1, protocol, kind)
    request = probe_request(made.spec, made.adapter)
    assert (request.task, set(request.fields)) == (task, fields)
    assert operation_for(made.adapter, request).encode(request, "theirs").wire.body


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ({"type": "float", "required": True}, b"0.5"),
        ({"type": "int", "required": True}, b"1"),
        ({"type": "bool", "required": True}, b"false"),
        ({"type": "string", "required": True}, b'"ping"'),
        ({"type": "array", "required": True}, b"[]"),
        ({"type": "object", "required": True}, b"{}"),
        ({"type": "int", "required": True, "range": [3, 9]}, b"3"),
        ({"type": "float", "required": True, "range": [0.25, None]}, b"0.25"),
        ({"type": "string", "required": True, "options": ["b", "a"]}, b'"b"'),
        ({"type": "int", "required": True, "default": 7}, None),
        ({"type": "int"}, None),
    ],
)
def test_a_probe_gives_a_value_to_each_parameter_that_must_be_given(body: dict[str, Any], value: bytes | None) -> None:
    made = upstream(1, "openai", params={"heat": body})
    request = probe_request(made.spec, made.adapter)
    found = request.fields.get("heat")
    assert (None if found is None else bytes(found)) == value
    assert operation_for(made.adapter, request).encode(request, "theirs").wire.body


@pytest.mark.parametrize(
    ("limits", "tokens"), [(None, 8), ([1, 4], 4), ([100, 200], 100), ([1, None], 8), ([None, 3], 3)]
)
def test_a_probe_asks_for_a_short_answer(limits: Any, tokens: int) -> None:
    body = {"type": "int", **({"range": limits} if limits else {})}
    request = probe_request(upstream(1, "openai", params={"max_tokens": body}).spec)
    assert bytes(request.fields["max_tokens"]) == str(tokens).encode()


def test_a_task_that_is_not_answered_is_refused_with_those_that_are() -> None:
    made = upstream(1, "openai", "embedding")
    request = probe_request(upstream(1).spec)
    with pytest.raises(Failure) as caught:
        operation_for(made.adapter, request)
    assert caught.value.code == "unsupported_task"
    assert caught.value.message == ("this model does not answer chat calls; over openai it answers embedding")


def test_no_limit_is_above_the_longest() -> None:
    limits = client_timeouts(read({**ROW, "timeouts": {"connect": 1, "total": 900}}).timeouts, 20)
    assert (limits.connect, limits.first_byte, limits.idle, limits.total) == (1, 20, 20, 20)


ROW = {"name": "m", "type": "llm", "protocol": "openai", "endpoint": "http://h"}


@pytest.mark.parametrize(("value", "shown"), [("Bearer sk-1", "Bearer ***"), ("sk-1", "***"), ("", "***")])
def test_a_masked_header_keeps_its_scheme(value: str, shown: str) -> None:
    assert mask(value) == shown
