"""Each protocol and operation translates recorded exchanges exactly, however a stream is cut."""

import json
from typing import Any

import pytest

from registry.canon import Failure, Usage
from registry.protocols.compiler.catalog import PROTOCOLS
from tests.registry.protocols.goldens import Golden, load

GOLDENS = load()
ANSWERED = [golden for golden in GOLDENS if "upstream" in golden.case]
WHOLE = [golden for golden in ANSWERED if not golden.case["stream"]]
STREAMED = [golden for golden in ANSWERED if golden.case["stream"]]


def told(failure: Failure) -> dict[str, Any]:
    """A failure as goldens write it."""
    kept = {"kind": failure.kind.value, "message": failure.message}
    for key in ("parameter", "code", "upstream_status", "retry_after", "upstream_words", "retryable"):
        value = getattr(failure, key)
        if value not in (None, "", False):
            kept[key] = value
    return kept


def counts(usage: Usage | None) -> list[int | None] | None:
    """Usage as goldens write it."""
    return None if usage is None else [usage.prompt_tokens, usage.completion_tokens]


def streamed(golden: Golden, pieces: list[bytes]) -> dict[str, Any]:
    """What a caller gets of a stream that arrives in `pieces`."""
    decoder = golden.operation.decoder
    assert decoder is not None
    stream = decoder(golden.context)
    found: dict[str, Any] = {"output": b"", "usage": None, "failure": None, "finished": False}
    for fragment in [*(stream.feed(piece) for piece in pieces), stream.close()]:
        found["output"] += fragment.output
        found["usage"] = fragment.usage or found["usage"]
        found["failure"] = fragment.failure or found["failure"]
        found["finished"] = found["finished"] or fragment.finished
    return {
        "sse": found["output"].decode().split("\n\n"),
        "usage": counts(found["usage"]),
        "failure": told(found["failure"]) if found["failure"] else None,
        "finished": found["finished"],
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_operation_has_goldens(protocol: str) -> None:
    for task, operation in PROTOCOLS[protocol].operations.items():
        own = [golden for golden in GOLDENS if golden.protocol == protocol and golden.task is task]
        assert any("reply" in golden.case for golden in own), f"{protocol}/{task}: no golden with a whole answer"
        if operation.stream is not None:
            ends = [golden.case["finished"] for golden in own if golden.case["stream"]]
            assert True in ends, f"{protocol}/{task}: no golden with a streamed answer"
    mine = [golden.case for golden in GOLDENS if golden.protocol == protocol]
    assert any("failure" in case and "upstream" in case for case in mine), f"{protocol}: no golden with an error"


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)
def test_request_reaches_the_wire(golden: Golden) -> None:
    if "wire" not in golden.case:
        with pytest.raises(Failure) as refused:
            golden.operation.encode(golden.request, golden.case["upstream_model"])
        assert told(refused.value) == golden.case["failure"]
        return
    encoded = golden.operation.encode(golden.request, golden.case["upstream_model"])
    wire = {"method": encoded.wire.method, "path": encoded.wire.path, "body": json.loads(encoded.wire.body)}
    assert wire == golden.case["wire"]
    assert [[item.parameter, item.action, item.given, item.sent] for item in encoded.adapted] == golden.case["adapted"]


@pytest.mark.parametrize("golden", WHOLE, ids=lambda golden: golden.name)
def test_answer_reaches_the_caller(golden: Golden) -> None:
    upstream = golden.case["upstream"]
    if "reply" not in golden.case:
        with pytest.raises(Failure) as caught:
            golden.operation.decode(upstream["status"], upstream["headers"], golden.answer, golden.context)
        assert told(caught.value) == golden.case["failure"]
        return
    reply = golden.operation.decode(upstream["status"], upstream["headers"], golden.answer, golden.context)
    assert json.loads(reply.body) == golden.case["reply"]
    assert counts(reply.usage) == golden.case.get("usage")


@pytest.mark.parametrize("golden", STREAMED, ids=lambda golden: golden.name)
def test_stream_is_the_same_however_it_is_cut(golden: Golden) -> None:
    body = golden.answer
    expected = {key: golden.case.get(key) for key in ("sse", "usage", "failure", "finished")}
    assert streamed(golden, [body]) == expected
    assert streamed(golden, [body[at : at + 1] for at in range(len(body))]) == expected
    for cut in range(1, len(body)):
        assert streamed(golden, [body[:cut], body[cut:]]) == expected, f"cut at byte {cut}"


@pytest.mark.parametrize("golden", [item for item in STREAMED if item.case["finished"]], ids=lambda golden: golden.name)
def test_stream_without_its_end_is_never_a_success(golden: Golden) -> None:
    body = golden.answer
    for cut in range(len(body)):
        found = streamed(golden, [body[:cut]])
        assert found["finished"] == (found["failure"] is None), f"cut at byte {cut}"
        missing = body[cut:].strip(b"\n\r }")
        said_why = golden.protocol == "openai" and b'"finish_reason":"' in body[:cut] and b"[{" not in missing
        assert not found["finished"] or missing == b"" or said_why, f"cut at byte {cut}"
