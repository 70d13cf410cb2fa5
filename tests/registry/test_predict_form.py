"""The neutral predict call fits every type of model."""

import json
from typing import Any

import pytest
from msgspec import Raw
from msgspec.json import encode

from registry.canon import Failure, Reply, Request, Task, Usage
from registry.predict_form import to_reply, to_request
from registry.spec import Spec
from registry.specfile.file import read


def spec_of(kind: str, protocol: str = "openai") -> Spec:
    """A model of a type."""
    return read({"name": "m", "type": kind, "protocol": protocol, "endpoint": "http://h"})


def request(kind: str, body: dict[str, Any]) -> Request:
    """The call that a body means."""
    protocol = "kserve_v2" if kind in ("tensor", "detection", "classification") else "openai"
    return to_request(spec_of(kind, protocol), {key: Raw(encode(value)) for key, value in body.items()})


def plain(found: Request) -> dict[str, Any]:
    """The fields of a request, decoded."""
    return {key: json.loads(bytes(value)) for key, value in found.fields.items()}


TENSORS = [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1.0]}]


@pytest.mark.parametrize(
    ("kind", "body", "task", "fields"),
    [
        ("llm", {"inputs": "hi"}, "chat", {"messages": [{"role": "user", "content": "hi"}]}),
        (
            "llm",
            {"inputs": [{"role": "user", "content": "a"}]},
            "chat",
            {"messages": [{"role": "user", "content": "a"}]},
        ),
        ("llm", {"inputs": "hi", "task": "completion", "parameters": {"n": 1}}, "completion", {"n": 1, "prompt": "hi"}),
        ("embedding", {"inputs": ["a", "b"], "parameters": None}, "embedding", {"input": ["a", "b"]}),
        ("rerank", {"inputs": {"query": "q", "documents": ["a"]}}, "rerank", {"query": "q", "documents": ["a"]}),
        ("image", {"inputs": "dot", "model": "ignored"}, "image", {"prompt": "dot"}),
        ("moderation", {"inputs": "dot"}, "moderation", {"input": "dot"}),
        ("tensor", {"inputs": TENSORS, "parameters": {"id": "7"}}, "tensor", {"id": "7", "inputs": TENSORS}),
        ("detection", {"inputs": TENSORS}, "detection", {"inputs": TENSORS}),
    ],
)
def test_bodies_of_every_type(kind: str, body: dict[str, Any], task: str, fields: dict[str, Any]) -> None:
    found = request(kind, body)
    assert (found.task, plain(found), found.stream) == (Task(task), fields, False)


@pytest.mark.parametrize(
    ("kind", "body", "parameter"),
    [
        ("llm", {}, "inputs"),
        ("llm", {"inputs": "a", "temperature": 1}, "temperature"),
        ("llm", {"inputs": "a", "task": "embedding"}, "task"),
        ("llm", {"inputs": "a", "task": 7}, "task"),
        ("llm", {"inputs": "a", "stream": "yes"}, "stream"),
        ("llm", {"inputs": "a", "parameters": []}, "parameters"),
        ("rerank", {"inputs": "a"}, "inputs"),
        ("rerank", {"inputs": {"query": "q", "documents": ["a"], "top_n": 1}}, "inputs"),
    ],
)
def test_bodies_that_are_refused(kind: str, body: dict[str, Any], parameter: str) -> None:
    with pytest.raises(Failure) as caught:
        request(kind, body)
    assert caught.value.parameter == parameter


@pytest.mark.parametrize(
    ("task", "answer", "outputs"),
    [
        (
            "chat",
            {"choices": [{"message": {"role": "assistant", "content": "a"}}]},
            [{"role": "assistant", "content": "a"}],
        ),
        ("completion", {"choices": [{"text": "a"}]}, ["a"]),
        ("embedding", {"data": [{"embedding": [1.0]}]}, [[1.0]]),
        ("rerank", {"results": [{"index": 0}]}, [{"index": 0}]),
        ("image", {"data": [{"url": "u"}]}, [{"url": "u"}]),
        ("classification", {"data": [{"labels": []}]}, [{"labels": []}]),
        ("classification", {"outputs": TENSORS}, TENSORS),
        ("tensor", {"outputs": TENSORS}, TENSORS),
        ("chat", {"choices": "odd"}, []),
        ("chat", {"choices": [3]}, []),
    ],
)
def test_answers_of_every_type(task: str, answer: dict[str, Any], outputs: list[Any]) -> None:
    usage = Usage(1, 2)
    reply = to_reply(Task(task), "m", Reply(encode({**answer, "usage": {"prompt_tokens": 1}}), usage))
    assert json.loads(reply.body) == {"model": "m", "task": task, "outputs": outputs, "usage": {"prompt_tokens": 1}}
    assert reply.usage == usage


def test_a_stream_is_asked_for() -> None:
    assert request("llm", {"inputs": "a", "stream": True}).stream is True
