"""TGI's wire and KServe V2's, byte for byte where it matters: shapes of answers, of streams and of refusals."""

import json
from typing import Any

import httpx
import pytest

from tests.registry.emulators.conftest import Practice


async def post(url: str, body: Any) -> httpx.Response:
    async with httpx.AsyncClient() as raw:
        return await raw.post(url, json=body)


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient() as raw:
        return await raw.get(url)


async def test_tgi_streams_what_it_generates(practice: Practice) -> None:
    url, model = practice.address("huggingface")
    body = {"inputs": "once", "parameters": {"max_new_tokens": 4, "details": True, "seed": 7}}
    whole = (await post(f"{url}/generate", body)).json()
    stream = await post(f"{url}/generate_stream", body)
    assert stream.headers["content-type"] == "text/event-stream"
    events = [json.loads(line.removeprefix("data:")) for line in stream.text.split("\n\n") if line]
    assert "".join(event["token"]["text"] for event in events) == whole["generated_text"]
    assert [event["generated_text"] for event in events] == [None, None, None, whole["generated_text"]]
    assert whole["details"]["finish_reason"] == events[-1]["details"]["finish_reason"] == "length"
    assert events[-1]["details"] == {"finish_reason": "length", "generated_tokens": 4, "seed": 7, "input_length": 1}
    assert (await get(f"{url}/info")).json()["model_id"] == model
    assert (await get(f"{url}/health")).status_code == 200
    assert isinstance((await post(f"{url}/", {"inputs": "once"})).json(), list)


async def test_tgi_speaks_openais_chat_as_well(practice: Practice) -> None:
    url, model = practice.address("huggingface")
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    assert (await post(f"{url}/v1/chat/completions", body)).json()["object"] == "chat.completion"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"temperature": 0}, "`temperature` must be strictly positive"),
        ({"top_p": 1}, "`top_p` must be > 0.0 and < 1.0"),
        ({"max_new_tokens": 0}, "`max_new_tokens` must be strictly positive"),
        ({"stop": list("abcde")}, "`stop` supports up to 4 stop sequences. Given: 5"),
        ({"max_new_tokens": 40_000}, "`inputs` tokens + `max_new_tokens` must be <= 32768"),
    ],
)
async def test_tgi_refuses_in_its_own_words(practice: Practice, parameters: dict[str, Any], words: str) -> None:
    url, _ = practice.address("huggingface")
    reply = await post(f"{url}/generate", {"inputs": "x", "parameters": parameters})
    assert (reply.status_code, reply.json()["error_type"]) == (422, "validation")
    assert reply.json()["error"].startswith(f"Input validation error: {words}")


async def test_tgi_answers_an_unreadable_body_in_plain_text(practice: Practice) -> None:
    url, _ = practice.address("huggingface")
    reply = await post(f"{url}/generate", {"input": "x"})
    assert (reply.status_code, reply.headers["content-type"]) == (422, "text/plain; charset=utf-8")
    assert "missing field `inputs`" in reply.text


def tensor(width: int, rows: int = 1, **changed: Any) -> dict[str, Any]:
    data = [[0.5] * width for _ in range(rows)]
    return {"inputs": [{"name": "FEATURES", "datatype": "FP32", "shape": [rows, width], "data": data, **changed}]}


async def width_of(url: str, model: str) -> int:
    metadata = (await get(f"{url}/v2/models/{model}")).json()
    assert metadata["inputs"][0]["datatype"] == "FP32"
    return int(metadata["inputs"][0]["shape"][1])


async def test_v2_infers_typed_tensors_as_its_metadata_says(practice: Practice) -> None:
    url, model = practice.address("kserve_v2", "tensor")
    width = await width_of(url, model)
    reply = (await post(f"{url}/v2/models/{model}/infer", {"id": "42", **tensor(width, 2)})).json()
    scores, labels = reply["outputs"]
    assert (reply["id"], reply["model_name"]) == ("42", model)
    assert (scores["datatype"], scores["shape"], labels["shape"]) == ("FP32", [2, 3], [2, 1])
    assert sum(scores["data"]) == pytest.approx(2, abs=1e-4)
    one = {**tensor(width), "outputs": [{"name": "LABEL"}]}
    only = (await post(f"{url}/v2/models/{model}/versions/1/infer", one)).json()
    assert [output["name"] for output in only["outputs"]] == ["LABEL"]
    for path in ("/v2", "/v2/health/ready", "/v2/health/live", f"/v2/models/{model}/ready"):
        assert (await get(url + path)).status_code == 200


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"shape": [1, 3]}, "unexpected shape for input 'FEATURES' for model"),
        ({"shape": [2, 16]}, "Shape does not match true shape of 'data' field"),
        ({"datatype": "INT64"}, "data-type is 'INT64', but model"),
        ({"name": "X"}, "unexpected inference input 'X'"),
        ({"data": ["a"]}, "Unable to parse 'data'"),
    ],
)
async def test_v2_refuses_wrong_tensors(practice: Practice, changed: dict[str, Any], words: str) -> None:
    url, model = practice.address("kserve_v2", "tensor")
    width = await width_of(url, model)
    if changed.get("shape") == [2, 16]:
        changed = {"shape": [2, width]}
    reply = await post(f"{url}/v2/models/{model}/infer", tensor(width, **changed))
    assert reply.status_code == 400
    assert set(reply.json()) == {"error"}
    assert words in reply.json()["error"]


async def test_v2_does_not_know_other_models(practice: Practice) -> None:
    url, _ = practice.address("kserve_v2", "tensor")
    reply = await get(f"{url}/v2/models/nobody")
    assert (reply.status_code, reply.json()) == (404, {"error": "Request for unknown model: 'nobody' is not found"})
