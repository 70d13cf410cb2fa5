"""One call of one upstream, with all of it kept to be shown and no secret among it."""

import json
from collections.abc import AsyncIterator

import pytest

from registry.canon import Failure, FailureKind, Request, Task, context_of
from registry.protocols.compiler.adapters import compile_adapter
from registry.spec import Spec
from registry.specfile.file import read
from registry.transports.egress import Egress
from registry.transports.http import Client
from registry.upstreams.binding import Upstream, bind
from registry.upstreams.exchange import exchange, probe, probe_request
from tests.registry.transports.faults import Peer, Script, serving
from tests.routing.upstreams import DONE, answering, body_of, completion, event, failing, streaming


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    guard = Egress(("127.0.0.0/8",))
    made = Client(lambda: guard)
    yield made
    await made.close()


def spec(port: int, **more: object) -> Spec:
    document = {"name": "m", "type": "llm", "protocol": "openai", "endpoint": f"http://127.0.0.1:{port}/v1/"}
    return read({**document, **more})


def upstream(port: int, secret: str | None = None, **more: object) -> Upstream:
    made = spec(port, **more)
    return bind(made, compile_adapter(made), secret)[0]


def chat(made: Upstream, stream: bool = False) -> Request:
    return Request(Task.CHAT, probe_request(made.spec, made.adapter).fields, stream)


async def test_a_probe_shows_request_and_answer_and_masks_the_secret(client: Client) -> None:
    seen: list[bytes] = []
    async with serving(answering(seen=seen)) as server:
        made = upstream(server.port, "canary-secret", params={"max_tokens": {"type": "int", "range": [4, 99]}})
        shown = await probe(client, made)
    assert shown.failure is None
    assert shown.reply is not None
    assert json.loads(shown.reply.body)["model"] == "m"
    assert (shown.status, shown.response_body) == (200, completion())
    assert shown.request_line == "POST /v1/chat/completions HTTP/1.1"
    assert b"authorization: bearer canary-secret" in seen[0].lower()
    assert "canary" not in repr(shown)
    assert "Bearer ***" in dict(shown.request_headers).values()
    assert body_of(seen[0])["max_tokens"] in range(4, 9)
    assert shown.duration_ms > 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, FailureKind.UPSTREAM_AUTHENTICATION),
        (500, FailureKind.UPSTREAM_ERROR),
        (400, FailureKind.UPSTREAM_REFUSED),
    ],
)
async def test_the_upstreams_own_words_are_kept(client: Client, status: int, kind: FailureKind) -> None:
    async with serving(failing(status)) as server:
        shown = await probe(client, upstream(server.port))
    assert shown.reply is None
    assert isinstance(shown.failure, Failure)
    assert (shown.failure.kind, shown.status) == (kind, status)
    assert "boom" in shown.failure.upstream_words


def listing(names: list[str], status: int = 200) -> Script:
    """An upstream that has only these models, and says so if it is asked."""

    async def script(peer: Peer) -> None:
        while True:
            request = await peer.request()
            if request.startswith(b"GET /v1/models "):
                body = json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode()
                head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                await peer.send(head % (status, len(body)) + body)
            else:
                body = b'{"error":{"message":"The model `m` does not exist.","code":"model_not_found"}}'
                await peer.send(b"HTTP/1.1 404 X\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    return script


async def test_a_probe_with_an_unknown_name_says_which_names_there_are(client: Client) -> None:
    async with serving(listing(["llama-3", "qwen"])) as server:
        shown = await probe(client, upstream(server.port))
    assert shown.failure is not None
    assert shown.failure.message == (
        "Model 'm': the upstream says: The model `m` does not exist. "
        "(asked for 'm'; it offers: llama-3, qwen; set upstream_model to one of them)"
    )
    names = [f"model-{number}" for number in range(30)]
    async with serving(listing(names)) as server:
        shown = await probe(client, upstream(server.port))
    assert shown.failure is not None
    assert "model-9 and 20 more; set upstream_model" in shown.failure.message


@pytest.mark.parametrize(("names", "status"), [([], 200), (["m"], 200), (["other"], 403)])
async def test_a_probe_offers_no_names_that_it_cannot_be_sure_of(client: Client, names: list[str], status: int) -> None:
    async with serving(listing(names, status)) as server:
        shown = await probe(client, upstream(server.port))
    assert shown.failure is not None
    assert shown.failure.message == "Model 'm': the upstream says: The model `m` does not exist."


async def test_every_failure_of_an_upstream_names_the_model(client: Client) -> None:
    async with serving(failing(400)) as server:
        shown = await probe(client, upstream(server.port))
    assert shown.failure is not None
    assert shown.failure.message == "Model 'm': the upstream says: boom"
    gone = await probe(client, upstream(9))
    assert gone.failure is not None
    assert gone.failure.message.startswith("Model 'm': upstream http://127.0.0.1:9 cannot be reached")


async def test_an_address_that_is_not_allowed_is_named_and_never_called() -> None:
    guard = Egress(("public",))
    client = Client(lambda: guard)
    async with serving(answering()) as server:
        shown = await probe(client, upstream(server.port))
        assert server.accepted == 0
    assert shown.failure is not None
    assert shown.failure.code == "egress_refused"
    assert "Settings > Egress" in shown.failure.message
    assert shown.request_body


async def test_a_streamed_call_is_mapped_and_a_cut_one_fails(client: Client) -> None:
    async with serving(streaming(event("hi", "stop"), DONE)) as server:
        made = upstream(server.port)
        request = chat(made, stream=True)
        shown = await exchange(client, made, request, context_of(request, "m", "r", 1))
        assert shown.reply is not None
        assert shown.reply.body.endswith(DONE)
    async with serving(streaming(event("hi"))) as server:
        made = upstream(server.port)
        shown = await exchange(client, made, request, context_of(request, "m", "r", 1))
        assert shown.failure is not None
