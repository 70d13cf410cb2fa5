"""The spec that a detected model starts with, by the rules of its protocol's document alone."""

from typing import Any

import msgspec
import pytest

from controlplane.base.web import words
from registry.detection.suggest import suggest
from registry.protocols import codecs
from registry.protocols.compiler.catalog import PROTOCOLS
from registry.protocols.document import Document
from registry.protocols.recognition import Suggestion
from registry.specfile.file import read

ENDPOINT = "http://10.0.0.1:8000"


def suggested(protocol: str, model: str = "m", card: Any = None, page: Any = None) -> tuple[Any, dict[str, str]]:
    """The document without what was given, and the origins."""
    draft = suggest(PROTOCOLS[protocol], ENDPOINT, model, card, page)
    assert read(draft.document)
    left = {key: value for key, value in draft.document.items() if key not in ("name", "protocol", "endpoint")}
    return left, draft.origins


def test_openai_says_nothing_but_the_name() -> None:
    document, origins = suggested("openai")
    assert document == {
        "type": "llm",
        "params": {
            "temperature": {"type": "float", "range": [0, 2]},
            "top_p": {"type": "float", "range": [0, 1]},
            "max_tokens": {"type": "int", "range": [1, None]},
        },
    }
    assert set(origins.values()) == {"assumed"}


@pytest.mark.parametrize(
    ("card", "longest"),
    [
        ({"max_model_len": 4096}, 4096),
        ({"meta": {"n_ctx": 2048, "n_ctx_train": 8192}}, 2048),
        ({"meta": {"n_ctx_train": 8192}}, 8192),
        ({"max_model_len": 0, "meta": {"n_ctx": 2048}}, 2048),
        ({"max_model_len": "4096"}, None),
        ({"max_model_len": True}, None),
        ({"max_model_len": 10**9}, None),
        ([], None),
        ("card", None),
    ],
)
def test_a_context_that_is_told_is_the_longest_answer(card: Any, longest: int | None) -> None:
    document, origins = suggested("openai", card=card)
    assert document["params"]["max_tokens"]["range"] == [1, longest]
    assert origins["max_tokens"] == ("detected" if longest else "assumed")


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("bge-reranker-v2", "rerank"),
        ("text-embedding-3", "embedding"),
        ("intfloat/e5-base", "embedding"),
        ("bge-m3", "embedding"),
        ("all-MiniLM-L6", "embedding"),
        ("gpt-4o", "llm"),
        ("Embedder", "embedding"),
    ],
)
def test_a_name_may_tell_the_type(model: str, kind: str) -> None:
    document, origins = suggested("openai", model)
    assert (document["type"], origins["type"]) == (kind, "assumed")
    assert ("params" in document) == (kind == "llm")


def test_a_type_that_the_protocol_does_not_serve_is_not_assumed() -> None:
    assert suggested("ollama", "bge-reranker")[0]["type"] == "llm"


@pytest.mark.parametrize(
    ("card", "default", "longest"),
    [({}, 1024, None), ({"max_tokens": 512}, 512, 512), ({"max_tokens": 8192}, 1024, 8192)],
)
def test_anthropic_needs_a_limit_in_every_call(card: Any, default: int, longest: int | None) -> None:
    document, origins = suggested("anthropic", card=card)
    assert document["params"]["max_tokens"] == {"type": "int", "default": default, "range": [1, longest]}
    assert origins == {
        "type": "detected",
        "max_tokens": "detected" if longest else "assumed",
        "temperature": "assumed",
    }


@pytest.mark.parametrize(
    ("task", "origin"),
    [
        ("text-generation", "detected"),
        ("text2text-generation", "detected"),
        ("other", "assumed"),
        (None, "assumed"),
        ([], "assumed"),
    ],
)
def test_tgi_tells_its_task_and_limits(task: Any, origin: str) -> None:
    document, origins = suggested("huggingface", card={"model_pipeline_tag": task, "max_total_tokens": 100})
    assert (document["type"], origins["type"]) == ("llm", origin)
    assert document["params"]["max_tokens"] == {"type": "int", "range": [1, 100], "upstream": "max_new_tokens"}
    assert document["params"]["temperature"] == {"type": "float", "range": [0.01, 100], "outside": "clamp"}
    assert document["params"]["top_p"] == {"type": "float", "range": [0.01, 0.99], "outside": "clamp"}


@pytest.mark.parametrize(
    ("model", "page", "kind", "origin"),
    [
        ("m", {"capabilities": ["completion", "tools"]}, "llm", "detected"),
        ("m", {"capabilities": ["embedding"]}, "embedding", "detected"),
        ("nomic-embed-text", {"capabilities": ["completion"]}, "llm", "detected"),
        ("nomic-embed-text", {}, "embedding", "assumed"),
        ("m", {"capabilities": "embedding"}, "llm", "assumed"),
        ("m", None, "llm", "assumed"),
    ],
)
def test_ollama_tells_what_a_model_can_do(model: str, page: Any, kind: str, origin: str) -> None:
    document, origins = suggested("ollama", model, page=page)
    assert (document["type"], origins["type"]) == (kind, origin)


@pytest.mark.parametrize(
    ("text", "default"),
    [
        ("temperature 0.5", 0.5),
        ("top_k 40\ntemperature    0\n", 0),
        ("temperature 3", None),
        ("temperature hot", None),
        ("", None),
        (7, None),
        ("stop <|end|>\ntemperature 1e0", 1),
    ],
)
def test_ollama_tells_a_model_s_own_defaults(text: Any, default: float | None) -> None:
    page = {"parameters": text, "model_info": {"llama.context_length": 8192}}
    document, origins = suggested("ollama", page=page)
    told = {} if default is None else {"default": default}
    assert document["params"]["temperature"] == {"type": "float", **told, "range": [0, 2]}
    assert origins["temperature"] == ("assumed" if default is None else "detected")
    assert document["params"]["max_tokens"] == {"type": "int", "range": [1, 8192], "upstream": "num_predict"}


def test_kserve_tells_its_tensors() -> None:
    page = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 16]}, 7],
        "outputs": [{"name": "y", "datatype": "INT64", "shape": []}],
    }
    document, origins = suggested("kserve_v2", page=page)
    assert document == {"type": "tensor", "description": "inputs x FP32 [-1, 16]; outputs y INT64 []"}
    assert origins == {"type": "detected", "description": "detected"}
    assert suggested("kserve_v2", page={"inputs": []}) == ({"type": "tensor"}, {"type": "assumed"})


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("org/m:7b", "org/m:7b"),
        ("llama3:latest", "llama3"),
        ("a b/é", "a-b"),
        ("../x", "x"),
        ("___", "model"),
        ("a//b", "a/b"),
    ],
)
def test_a_name_becomes_one_that_applications_can_call(model: str, name: str) -> None:
    draft = suggest(PROTOCOLS["openai"], ENDPOINT, model, None, None)
    assert draft.document["name"].startswith(name)
    assert draft.document.get("upstream_model", draft.document["name"]) == model
    read(draft.document)


RULES = {
    "types": [
        {"type": "embedding", "when": "page.kind", "among": ["vectors", "dense"]},
        {"type": "llm", "when": "page.kind"},
    ],
    "params": {
        "heat": {"type": "float", "range": [0, 1], "told": ["card.heat", "page.heat"], "upstream": "options.heat"},
        "length": {"type": "int", "range": [1, 100], "default": 50, "longest": ["card.longest"], "outside": "clamp"},
    },
    "description": "page.words",
}


def new_wire() -> Document:
    """A protocol that nothing but its document knows."""
    rules = msgspec.convert(RULES, Suggestion)
    return msgspec.structs.replace(PROTOCOLS["ollama"], name="wire", title="A new wire", suggestion=rules)


def test_a_new_protocol_suggests_by_its_document_alone() -> None:
    page = {"kind": "chat", "heat": 0.3, "words": "A model."}
    draft = suggest(new_wire(), ENDPOINT, "m", {"heat": 7, "longest": 20}, page)
    assert draft.document == {
        "name": "m",
        "type": "llm",
        "protocol": "wire",
        "endpoint": ENDPOINT,
        "params": {
            "heat": {"type": "float", "default": 0.3, "range": [0, 1], "upstream": "options.heat"},
            "length": {"type": "int", "default": 20, "range": [1, 20], "outside": "clamp"},
        },
        "description": "A model.",
    }
    assert suggest(new_wire(), ENDPOINT, "m", {}, {"kind": "dense"}).document["type"] == "embedding"
    assert suggest(new_wire(), ENDPOINT, "m", {}, {"kind": ["a", "vectors"]}).document["type"] == "embedding"


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_a_document_s_rules_make_sense(name: str) -> None:
    rules = PROTOCOLS[name].suggestion
    assert {rule.type for rule in rules.types} <= set(PROTOCOLS[name].types)
    assert not rules.facts or codecs.exists(rules.facts)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("openai", "OpenAI"),
        ("anthropic", "Anthropic"),
        ("huggingface", "Hugging Face"),
        ("ollama", "Ollama"),
        ("kserve_v2", "KServe V2"),
    ],
)
def test_pages_call_a_protocol_as_its_document_does(name: str, label: str) -> None:
    assert words.word("protocol", name) == label
    assert words.word("protocol", "unheard of") == "unheard of"
