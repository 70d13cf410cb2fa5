"""How callers spell addresses, and browsers that call from another origin."""

import gzip
from typing import Any

import httpx
import pytest

from routing.dataplane.cors import origins
from routing.dataplane.endpoints import CALLS, is_ours
from tests.registry.transports.faults import serving
from tests.routing.serving import KEY, gateway_for, model_row
from tests.routing.upstreams import DONE, answering, event, failing, streaming

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PAGE = "http://localhost:5173"
BEARER = [(b"authorization", b"Bearer pb-x")]


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/v1/chat/completions/", "/v1//chat/completions", "//v1/chat//completions//"],
)
async def test_slashes_too_many_are_served(path: str) -> None:
    async with serving(answering()) as upstream, gateway_for([model_row("org/m", upstream.port)]) as g:
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            key = {"authorization": f"Bearer {KEY}"}
            answer = await http.post(f"{g.url}{path}", json={**CHAT, "model": "org/m"}, headers=key)
            assert (answer.status_code, answer.json()["model"]) == (200, "org/m")
            for name in ("/v1/models/org/m/", "/v1/models//org/m"):
                assert (await http.get(f"{g.url}{name}", headers=key)).json()["id"] == "org/m"
            assert (await http.get(f"{g.url}/v1/models//", headers=key)).json()["object"] == "list"
            predicted = await http.post(f"{g.url}/v1/models/org/m//predict/", json={"inputs": "x"}, headers=key)
            assert predicted.status_code == 200
        records = await g.records(2)
        assert [record["task"] for record in records] == ["chat", "chat"]


@pytest.mark.parametrize("address", [*CALLS, "/v1/models", "/v1/models/org/m/predict"])
async def test_a_base_url_without_v1_or_with_two_is_told_the_right_one(address: str) -> None:
    short = address.removeprefix("/v1")
    async with gateway_for([]) as g, g.http() as http:
        for path in (short, f"{short}/", f"/v1/v1{short}", f"/{short}"):
            answer = await http.post(g.url + path, json={})
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (404, "unknown_url"), path
            assert address in error["message"]
            assert "ends with /v1" in error["message"]


@pytest.mark.parametrize(
    ("path", "plain", "with_key"),
    [
        *((path.removeprefix("/v1"), True, True) for path in CALLS),
        *(("/v1", True, True), ("/v1/", True, True), ("//v1/x", True, True), ("/V1/Chat/Completions", True, True)),
        *(
            ("/audio/speech/", True, True),
            ("/responses", True, True),
            ("/models", False, True),
            ("/models/m/predict", False, True),
        ),
        *(("/", False, False), ("/models-x", False, False), ("/api/models", False, False), ("/jobs", False, False)),
        *(("/v1x", False, False), ("/completionsx", False, False), ("/static/v1/x", False, False)),
    ],
)
def test_pages_of_the_console_stay_the_consoles(path: str, plain: bool, with_key: bool) -> None:
    assert is_ours(path, []) == plain
    assert is_ours(path, [(b"cookie", b"x")]) == plain
    assert is_ours(path, BEARER) == with_key


async def test_an_unknown_address_names_those_there_are() -> None:
    async with gateway_for([]) as g, g.http() as http:
        answer = await http.post("/v1/audio/speech", json={})
        assert answer.status_code == 404
        assert all(path in answer.json()["error"]["message"] for path in (*CALLS, "/v1/models/NAME/predict"))


async def test_every_type_is_called_at_the_address_that_the_sdk_has_for_it_and_recorded_as_its_task() -> None:
    moderation = b'{"id":"x","model":"up","results":[{"flagged":false,"categories":{},"category_scores":{}}]}'
    picture = b'{"created":1,"data":[{"b64_json":"AAAA"}],"usage":{"input_tokens":3,"output_tokens":9}}'
    ranking = b'{"model":"up","results":[{"index":0,"relevance_score":0.5}],"usage":{"total_tokens":4}}'
    async with (
        serving(answering(moderation)) as one,
        serving(answering(picture)) as two,
        serving(answering(ranking)) as three,
        serving(answering(b'[{"index":0,"score":0.5}]')) as four,
        gateway_for(
            [
                model_row("guard", one.port, type="moderation"),
                model_row("painter", two.port, type="image"),
                model_row("ranker", three.port, type="rerank"),
                model_row("tei", four.port, type="rerank", protocol="huggingface"),
                model_row("m", one.port),
            ]
        ) as g,
        g.http() as http,
    ):
        assert (await g.sdk().moderations.create(model="guard", input="x")).results[0].flagged is False
        made = await g.sdk().images.generate(model="painter", prompt="a dot")
        assert made.data is not None
        assert made.data[0].b64_json == "AAAA"
        for name in ("ranker", "tei"):
            answer = await http.post("/v1/rerank", json={"model": name, "query": "x", "documents": ["y"]})
            assert answer.json()["results"][0]["relevance_score"] == 0.5, answer.text
            assert answer.json()["model"] == name
        wrong = await http.post("/v1/images/generations", json={"model": "m", "prompt": "x"})
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "unsupported_task")
        records = await g.records(5)
        assert [record["task"] for record in records[:4]] == ["moderation", "image", "rerank", "rerank"]
        assert [records[1][name] for name in ("prompt_tokens", "completion_tokens")] == [3, 9]


async def test_a_browser_may_ask_and_read_with_any_origin_but_never_with_credentials() -> None:
    pieces = [event("hello", "stop"), DONE]
    async with (
        serving(streaming(*pieces)) as upstream,
        serving(failing(429, head=b"retry-after: 7\r\n")) as busy,
        gateway_for([model_row("m", upstream.port), model_row("busy", busy.port)]) as g,
        g.http() as http,
    ):
        asked = {
            "origin": PAGE,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,x-stainless-os",
        }
        for path in ("/v1/chat/completions", "/v1/models", "/v1/nothing"):
            allowed = await http.options(path, headers=asked)
            assert allowed.headers["access-control-allow-origin"] == "*"
        allowed = await http.options("/v1/chat/completions", headers=asked)
        assert (allowed.status_code, allowed.content) == (204, b"")
        assert allowed.headers["access-control-allow-headers"] == asked["access-control-request-headers"]
        assert "POST" in allowed.headers["access-control-allow-methods"]
        streamed = await http.post("/v1/chat/completions", json={**CHAT, "stream": True}, headers={"origin": PAGE})
        refused = await http.post("/v1/chat/completions", json={**CHAT, "model": "busy"}, headers={"origin": PAGE})
        unknown = await http.post("/v1/chat/completions", json=CHAT, headers={"origin": PAGE, "authorization": "x"})
        for answer in (streamed, refused, unknown):
            assert answer.headers["access-control-allow-origin"] == "*"
            exposed = answer.headers["access-control-expose-headers"]
            assert {"x-request-id", "x-patchbay-adapted", "retry-after"} <= set(exposed.split(", "))
        for answer in (allowed, streamed, refused, unknown):
            assert "access-control-allow-credentials" not in answer.headers
            assert "access-control-allow-private-network" not in answer.headers
        plain = await http.options("/v1/chat/completions")
        assert not [name for name in plain.headers if name.startswith("access-control")]
        odd = {**asked, "access-control-request-headers": "x: y\tz;"}
        assert "access-control-allow-headers" not in (await http.options("/v1/models", headers=odd)).headers


async def test_only_named_origins_if_any_are_named_and_none_if_the_setting_is_empty() -> None:
    asked = {"access-control-request-method": "POST"}
    async with gateway_for([], browsers=f"{PAGE} https://app.example") as g, g.http() as http:
        for origin, allowed in ((PAGE, True), ("https://app.example", True), ("https://app.example.evil", False)):
            answer = await http.options("/v1/chat/completions", headers={**asked, "origin": origin})
            assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
            assert answer.headers["vary"] == "origin"
        answer = await http.options("/v1/chat/completions", headers={**asked, "origin": "null"})
        assert "access-control-allow-origin" not in answer.headers
    async with gateway_for([], browsers="") as g, g.http() as http:
        answer = await http.options("/v1/chat/completions", headers={**asked, "origin": PAGE})
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("text", ["http://a/", "a.example", "http://a, http://b", "null", "http://A", "ftp://a"])
def test_a_setting_that_names_no_origin_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        origins(text)


async def test_a_compressed_body_is_refused_in_words() -> None:
    async with gateway_for([model_row("m")]) as g, g.http() as http:
        packed = gzip.compress(b'{"model":"m","messages":[]}')
        for coding in ("gzip", "br", "deflate", "gzip, gzip"):
            answer = await http.post("/v1/chat/completions", content=packed, headers={"content-encoding": coding})
            assert answer.status_code == 415
            assert "compressed" in answer.json()["error"]["message"]
