"""The fleet as a whole: determinism, faults on request, counters, the spec file, any bytes at all."""

import asyncio
import json
import subprocess
import sys
from itertools import pairwise
from typing import Any

import httpx
import psutil
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry.emulators.answers import scores, speak, vector
from registry.emulators.faults import FAULTS
from registry.emulators.fleet import WIRES, EmulatedFleet
from registry.emulators.latency import Latency
from registry.emulators.roster import emulated
from registry.emulators.specs import specs
from registry.emulators.wire import WireCall
from registry.protocols.adapter import Wire
from registry.spec import Timeouts
from registry.transports.egress import Egress
from registry.transports.http import Client
from registry.transports.target import Target
from tests.ports import reserved_port
from tests.registry.emulators.conftest import Practice

PROMPTS = st.text(max_size=200)
MESSAGES = [{"role": "user", "content": "ping"}]
TENSOR = {"name": "FEATURES", "datatype": "FP32", "shape": [1, "WIDTH"], "data": "DATA"}
INFERENCES: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("openai", "llm"): ("/v1/chat/completions", {"model": "MODEL", "messages": MESSAGES}),
    ("openai", "embedding"): ("/v1/embeddings", {"model": "MODEL", "input": "ping"}),
    ("anthropic", "llm"): ("/v1/messages", {"model": "MODEL", "messages": MESSAGES, "max_tokens": 9}),
    ("huggingface", "llm"): ("/generate", {"inputs": "ping"}),
    ("ollama", "llm"): ("/api/chat", {"model": "MODEL", "messages": MESSAGES, "stream": False}),
    ("ollama", "embedding"): ("/api/embed", {"model": "MODEL", "input": "ping"}),
    ("kserve_v2", "tensor"): ("/v2/models/MODEL/infer", {"inputs": [TENSOR]}),
}
PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "huggingface": "/generate",
    "ollama": "/api/chat",
    "kserve_v2": "/v2/models/practice-tensor-005/infer",
}


@given(PROMPTS, st.none() | st.integers(0, 40), st.lists(st.text(min_size=1, max_size=4), max_size=3))
def test_the_same_question_gets_the_same_answer_within_its_limits(
    prompt: str, limit: int | None, stops: list[str]
) -> None:
    speech = speak("m", prompt, limit, stops)
    assert speech == speak("m", prompt, limit, stops)
    whole = speak("m", prompt)
    assert whole.text.startswith(speech.text)
    assert limit is None or len(speech.tokens) <= limit
    assert not any(stop in speech.text for stop in stops)


@given(PROMPTS)
def test_vectors_have_length_one_and_depend_on_the_text_alone(text: str) -> None:
    found = vector("m", text, 64)
    assert found == vector("m", text, 64)
    assert sum(value * value for value in found) == pytest.approx(1, abs=1e-3)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=16))
def test_scores_are_probabilities(row: list[float]) -> None:
    found = scores("m", row, 3)
    assert sum(found) == pytest.approx(1, abs=1e-4)
    assert all(0 <= value <= 1 for value in found)


@settings(max_examples=200)
@example("kserve_v2", b'{"inputs": [{"name": "FEATURES", "datatype": "FP32", "shape": [1, 16], "data": ' + b"[" * 900)
@example("openai", b"[" * 100_000)
@example("openai", b'{"model": "\xff"}')
@given(
    st.sampled_from(sorted(PATHS)),
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=9),
        lambda inner: st.dictionaries(
            st.sampled_from(
                [
                    "model",
                    "messages",
                    "inputs",
                    "prompt",
                    "stream",
                    "tools",
                    "stop",
                    "options",
                    "max_tokens",
                    "parameters",
                    "content",
                    "role",
                    "system",
                    "name",
                    "shape",
                    "data",
                ]
            ),
            inner | st.lists(inner, max_size=3),
            max_size=4,
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
)
def test_no_body_breaks_a_wire(protocol: str, body: bytes) -> None:
    number = next(n for n in range(1, 33) if emulated(n).protocol == protocol)
    headers = {"anthropic-version": "2023-06-01"}
    answer, _ = EmulatedFleet(32, Latency(0, 0)).respond(
        WireCall("POST", f"/m/{number}{PATHS[protocol]}", headers, body)
    )
    assert answer.status in (200, 400, 404, 422)


def test_latency_repeats_and_spreads() -> None:
    first, second = Latency(), Latency()
    draws = [first.first(7) for _ in range(200)]
    assert draws == [second.first(7) for _ in range(200)]
    median = sorted(draws)[100] * 1000
    assert 15 <= median <= 110
    assert len(set(draws)) == 200
    assert Latency(0, 0).first(7) == 0


def test_the_spec_file_holds_every_model_once_and_every_wire() -> None:
    rows = yaml.safe_load(specs("http://127.0.0.1:8001/", 500))["models"]
    assert len({row["name"] for row in rows}) == 500
    assert {row["protocol"].lower() for row in rows} == set(WIRES)
    assert {row["type"] for row in rows} == {"LLM", "embedding", "tensor"}
    assert all("practice" in row["tags"] and "emulated" in row["description"] for row in rows)
    assert rows[41]["endpoint"] == "http://127.0.0.1:8001/m/42"
    assert rows[:100] == yaml.safe_load(specs("http://127.0.0.1:8001", 100))["models"]


def test_the_command_prints_the_spec_file_without_a_database() -> None:
    command = [sys.executable, "manage.py", "practice", "--specs", "--size", "3", "--port", "9"]
    environment = {"PATH": "/usr/bin:/bin", "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=60)
    assert [row["name"] for row in yaml.safe_load(done.stdout)["models"]] == [emulated(n).name for n in (1, 2, 3)]


async def raw_call(practice: Practice, path: str, body: bytes, wait: float = 5.0) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(practice.url.rsplit(":", 1)[1]))
    writer.write(
        b"POST %b HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % (path.encode(), len(body))
        + body
    )
    try:
        return await asyncio.wait_for(reader.read(), wait)
    finally:
        writer.close()


def chat(model: str, text: str = "hi", stream: bool = False) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}).encode()


async def test_every_fault_can_be_asked_for_by_path_header_and_prompt(practice: Practice) -> None:
    _, model = practice.address("openai")
    by_prompt = await raw_call(practice, "/m/1/v1/chat/completions", chat(model, "[practice fault=503] hi"))
    assert by_prompt.startswith(b"HTTP/1.1 503 ")
    async with httpx.AsyncClient() as client:
        by_header = await client.get(f"{practice.url}/m/1/v1/models", headers={"x-practice-fault": "429"})
    assert (by_header.status_code, by_header.headers["retry-after"]) == (429, "1")
    assert (await raw_call(practice, "/m/1~redirect/v1/chat/completions", chat(model))).startswith(b"HTTP/1.1 302 ")
    assert set(FAULTS) >= {"hang", "truncate", "garbage", "html200", "wronglength", "gzipbomb", "redirect", "slow"}


async def test_faults_lie_the_way_they_say(practice: Practice) -> None:
    _, model = practice.address("openai")
    path = "/m/1~{}/v1/chat/completions"
    cut = await raw_call(practice, path.format("truncate"), chat(model, stream=True))
    assert b"data: " in cut
    assert not cut.endswith(b"0\r\n\r\n")
    assert b"[DONE]" not in cut
    broken = await raw_call(practice, path.format("midstream"), chat(model, stream=True))
    assert b'"error"' in broken
    assert broken.endswith(b"0\r\n\r\n")
    short = await raw_call(practice, path.format("wronglength"), chat(model))
    head, _, body = short.partition(b"\r\n\r\n")
    assert f"content-length: {len(body) + 100}".encode() in head
    bomb = await raw_call(practice, path.format("gzipbomb"), chat(model))
    assert b"content-encoding: gzip" in bomb
    assert len(bomb) < 200_000
    assert await raw_call(practice, path.format("reset"), chat(model)) == b""


async def test_a_hung_call_is_counted_when_its_caller_leaves(practice: Practice) -> None:
    _, model = practice.address("openai")
    with pytest.raises(TimeoutError):
        await raw_call(practice, "/m/1~hang/v1/chat/completions", chat(model), wait=0.05)
    while not practice.fleet.counters["abandoned"]:
        await asyncio.sleep(0.005)
    async with httpx.AsyncClient() as client:
        counted = (await client.get(f"{practice.url}/counters")).json()
    assert (counted["calls:openai"], counted["fault:hang"]) == (1, 1)


async def test_a_long_answer_streams_in_order_on_one_connection(practice: Practice) -> None:
    url, _ = practice.address("huggingface")
    async with httpx.AsyncClient() as client:
        for _ in range(2):
            reply = await client.post(f"{url}/generate_stream", json={"inputs": "[practice words=3000]"})
            indexes = [json.loads(line[5:])["index"] for line in reply.text.split("\n\n") if line]
            assert len(indexes) == 3001
            assert all(after == before + 1 for before, after in pairwise(indexes))
    assert practice.fleet.counters["connections"] == 1


async def test_paths_outside_the_fleet_are_answered_in_words(practice: Practice) -> None:
    async with httpx.AsyncClient() as client:
        for path in ("/m/33/v1/models", "/m/0/", "/m/x/", "/nothing", "/all/soap/v1"):
            reply = await client.get(practice.url + path)
            assert reply.status_code == 404
            assert "practice fleet (emulated)" in reply.text
        assert (await client.get(f"{practice.url}/healthz")).json()["models"] == 32
    assert (await raw_call(practice, "/ not http", b"")).startswith(b"HTTP/1.1 400 ")


def test_the_process_is_small_and_cheap() -> None:
    """500 calls at 64 at once cost the fleet less than 2 s of CPU; it stays below 60 MB and ends when asked."""
    port = reserved_port()
    command = [sys.executable, "-m", "registry.emulators", "--port", str(port), "--size", "500"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "practice fleet (emulated): 500 models" in process.stdout.readline()
        statuses = asyncio.run(call_all(port, 500))
        watched = psutil.Process(process.pid)
        used, memory = sum(watched.cpu_times()[:2]), watched.memory_info().rss
        process.terminate()
        assert process.wait(20) == 0
    assert statuses == [200] * 500
    assert used < 2
    assert memory < 60_000_000


async def call_all(port: int, count: int) -> list[int]:
    """The status of each model's own inference call."""
    guard = Egress(("127.0.0.1",), frozenset())
    client, gate = Client(lambda: guard), asyncio.Semaphore(64)

    async def one(number: int) -> int:
        model = emulated(number)
        path, body = INFERENCES[model.protocol, model.type]
        text = json.dumps(body).replace("MODEL", model.name).replace('"WIDTH"', str(model.size))
        text = text.replace('"DATA"', str([0.5] * model.size))
        wire = Wire("POST", path.replace("MODEL", model.name), text.encode(), ((b"anthropic-version", b"2023-06-01"),))
        async with gate:
            return (await client.fetch(Target("http", "127.0.0.1", port, f"/m/{number}"), wire, Timeouts())).status

    try:
        return await asyncio.gather(*(one(number) for number in range(1, count + 1)))
    finally:
        await client.close()
