"""Pasted addresses of calls become base addresses, the same at every door, and calls go where they should."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.addresses import base_of
from registry.protocols.compiler.adapters import compile_adapter
from registry.protocols.compiler.catalog import PROTOCOLS
from registry.specfile.errors import SpecInvalid
from registry.specfile.file import digest, document, parse, read
from registry.upstreams.binding import target

PASTED = {
    ("openai", "/v1/chat/completions"): "",
    ("openai", "/v1/chat/completions/"): "",
    ("openai", "/v1//chat/completions//"): "",
    ("openai", "/gpu-1/v1/embeddings"): "/gpu-1",
    ("openai", "/v1/models"): "",
    ("openai", "/v1/images/generations"): "",
    ("openai", "/chat/completions"): "",
    ("openai", "/v1"): "/v1",
    ("openai", "/v1/"): "/v1",
    ("openai", "/api/paas/v4/chat/completions"): "/api/paas/v4",
    ("openai", "/v1beta/openai/chat/completions"): "/v1beta/openai",
    ("openai", "/v1/messages"): "",
    ("openai", "/rerank"): "/rerank",
    ("openai", "/models"): "/models",
    ("anthropic", "/v1/messages"): "",
    ("anthropic", "/proxy/v1/messages"): "/proxy",
    ("ollama", "/api/chat"): "",
    ("ollama", "/api/generate"): "",
    ("ollama", "/api/tags"): "",
    ("ollama", "/api"): "/api",
    ("ollama", "/v1/chat/completions"): "",
    ("huggingface", "/generate"): "",
    ("huggingface", "/tei/embed"): "/tei",
    ("kserve_v2", "/v2/models/iris/infer"): "",
    ("kserve_v2", "/v2/models/iris/versions/3/infer"): "",
    ("kserve_v2", "/v2"): "",
}
CALLED = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "ollama": "/api/chat",
    "huggingface": "/generate",
    "kserve_v2": "/v2/models/m/infer",
}


def spec(protocol: str, endpoint: Any) -> dict[str, Any]:
    kind = "tensor" if protocol == "kserve_v2" else "llm"
    return {"name": "m", "type": kind, "protocol": protocol, "endpoint": endpoint}


@pytest.mark.parametrize(("protocol", "path"), PASTED)
def test_the_path_of_a_call_is_taken_off(protocol: str, path: str) -> None:
    url = "http://h:8000"
    kept = read(spec(protocol, url + path))
    assert kept.endpoints == (url + PASTED[protocol, path],)
    text = f"models: [{{name: m, type: {kept.type}, protocol: {protocol}, endpoint: '{url}{path}'}}]"
    (row,) = parse(text).rows
    assert row.spec == kept
    assert read(document(kept)) == kept
    assert row.digest == digest(document(kept))


@pytest.mark.parametrize("protocol", CALLED)
def test_a_pasted_call_is_called_where_it_was(protocol: str) -> None:
    kept = read(spec(protocol, f"https://h/deep{CALLED[protocol]}"))
    adapter = compile_adapter(kept)
    operation = PROTOCOLS[protocol].operations[kept.tasks[0]]
    there = target(kept.endpoints[0], adapter).base_path
    assert there + operation.path.replace("{model}", "m").removeprefix(adapter.base_path) == f"/deep{CALLED[protocol]}"


def test_two_replicas_of_one_address_are_an_error() -> None:
    with pytest.raises(SpecInvalid, match="each replica's address once"):
        read(spec("openai", ["http://h", "http://h/v1/chat/completions"]))
    assert len(read(spec("openai", ["http://h", "http://h:81/v1/chat/completions"])).endpoints) == 2


PARTS = st.sampled_from(["v1", "v4", "api", "chat", "completions", "embeddings", "models", "messages", "x", "info", ""])


@given(st.lists(PARTS, max_size=7), st.sampled_from(["", *PROTOCOLS]))
def test_taking_paths_off_ends_and_keeps_the_host(parts: list[str], protocol: str) -> None:
    url = "http://h:1/" + "/".join(parts)
    base = base_of(url, protocol)
    assert base_of(base, protocol) == base
    assert base.startswith("http://h:1")
    assert not base.endswith("/")
