"""Two releases of one model: shares of calls, what the new one cannot answer, and what is counted of both."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessageParam

from routing.dataplane.colours import BUCKETS, ToldCounts, bucket, read_told, upper_bound
from routing.dataplane.recorder import Record
from routing.dataplane.snapshot import Snapshot, StoredModel, StoredPin, StoredSplit
from routing.table import Split
from tests.registry.transports.faults import Peer, serving
from tests.routing.serving import Running, builder_table, caller_row, gateway_for, model_row, snapshot
from tests.routing.upstreams import CHUNKED, DONE, answering, chunk, completion, event, failing, streaming

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
BODY = {"model": "m", "messages": MESSAGES}
BLUE, GREEN, DEPLOYMENT = 1, 2, 31


def rolled(
    blue: StoredModel, green: StoredModel, weight: int = 100, *, sticky: bool = False, pins: Sequence[str] = ()
) -> Snapshot:
    """`green` beside `blue`, as a model that is being rolled out."""
    return msgspec.structs.replace(
        snapshot([blue], [caller_row(), caller_row("pb-narrow", key_id=2, models=("x-*",))]),
        beside=(msgspec.structs.replace(green, release_id=GREEN, beside=True),),
        splits=(StoredSplit(DEPLOYMENT, blue.name, GREEN, weight, sticky),),
        pins=tuple(StoredPin(name, blue.name, GREEN) for name in pins),
    )


def counted(g: Running) -> tuple[dict[str, int], dict[str, int]]:
    """Blue's and green's counts, without those that are zero and the times."""
    split = g.gateway.colours.told(1.0).splits[DEPLOYMENT]
    names = ("calls", "failed", "refused", "saved", "lossy")
    blue, green = ({n: getattr(one, n) for n in names if getattr(one, n)} for one in (split.blue, split.green))
    return blue, green


async def shared(g: Running, http: httpx.AsyncClient, rows: Snapshot) -> Any:
    """The answer to one call with these rows."""
    if g.gateway.table is None or g.gateway.table.models["m"].split != g.builder.build(rows).models["m"].split:
        g.serve(rows)
    return (await http.post("/v1/chat/completions", json=BODY)).json()


async def test_calls_are_shared_by_weight_and_each_record_names_the_release_that_served() -> None:
    async with serving(answering(completion("old"))) as old, serving(answering(completion("new"))) as new:
        blue, green = model_row("m", old.port), model_row("m", new.port)
        async with gateway_for([blue]) as g, g.http() as http:
            answers = [
                await shared(g, http, rolled(blue, green, weight)) for weight in (0,) * 60 + (50,) * 60 + (100,) * 60
            ]
            said = [answer["choices"][0]["message"]["content"] for answer in answers]
            assert said[:60] == ["old"] * 60
            assert said[120:] == ["new"] * 60
            assert 12 <= said[60:120].count("new") <= 48
            records = await g.records(180)
            assert [BLUE if word == "old" else GREEN for word in said] == [row["release_id"] for row in records]
            blue_counts, green_counts = counted(g)
            assert blue_counts["calls"] + green_counts["calls"] == 180
            assert green_counts == {"calls": said.count("new")}


@given(st.integers(0, 10**9), st.integers(0, 100), st.integers(0, 100))
def test_a_sticky_caller_stays_on_its_colour_and_on_green_while_the_weight_grows(
    key: int, one: int, other: int
) -> None:
    table = builder_table(rolled(model_row("m"), model_row("m")))
    split = replace(table.models["m"].split or pytest.fail("no split"), sticky=True)
    low, high = (replace(split, weight=weight) for weight in sorted((one, other)))
    assert low.takes(key) == low.takes(key)
    assert high.takes(key) or not low.takes(key)


def test_sticky_callers_are_shared_by_weight() -> None:
    split = builder_table(rolled(model_row("m"), model_row("m"), 25, sticky=True)).models["m"].split
    assert isinstance(split, Split)
    assert 0.2 < sum(map(split.takes, range(4000))) / 4000 < 0.3


@pytest.mark.parametrize(
    ("status", "kind", "counts"),
    [(500, "upstream_error", "failed"), (400, "upstream_refused", "refused"), (429, "upstream_rate_limited", "failed")],
)
async def test_what_the_new_release_cannot_answer_the_old_one_does(status: int, kind: str, counts: str) -> None:
    async with serving(answering(completion("old"))) as old, serving(failing(status)) as new:
        blue, green = model_row("m", old.port), model_row("m", new.port)
        async with gateway_for([blue]) as g, g.http() as http:
            g.serve(rolled(blue, green))
            answer = await http.post("/v1/chat/completions", json=BODY)
            assert answer.json()["choices"][0]["message"]["content"] == "old"
            (record,) = await g.records()
            assert (record["status"], record["release_id"], record["attempts"]) == (200, BLUE, 2)
            assert (record["failure"], record["fell_back"]) == ("", kind)
            assert "Model 'm'" in record["message"]
            assert counted(g) == ({}, {"calls": 1, counts: 1, "saved": 1})


async def test_a_call_that_the_new_contract_refuses_is_answered_by_the_old_one() -> None:
    seen: list[bytes] = []
    async with serving(answering(completion("old"))) as old, serving(answering(seen=seen)) as new:
        blue = model_row("m", old.port, params={"steps": {"type": "int", "range": [1, 100]}})
        green = model_row("m", new.port, params={"steps": {"type": "int", "range": [1, 10]}})
        async with gateway_for([blue]) as g, g.http() as http:
            g.serve(rolled(blue, green))
            predicted = {"inputs": "hi", "parameters": {"steps": 50}}
            answers = [
                await http.post("/v1/chat/completions", json={**BODY, "steps": 50}),
                await http.post("/v1/models/m/predict", json=predicted),
                await http.post("/v1/chat/completions", json={**BODY, "steps": 500}),
            ]
            assert [answer.status_code for answer in answers] == [200, 200, 400]
            assert "100" in answers[2].json()["error"]["message"]
            assert not seen
            assert [row["fell_back"] for row in await g.records(3)] == ["invalid_request"] * 3
            assert counted(g) == ({}, {"calls": 3, "refused": 3, "saved": 2})


async def test_a_stream_of_the_new_release_is_saved_before_its_first_byte_and_never_after() -> None:
    async def breaking(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + chunk(event("ne")))
        peer.writer.close()

    stream = {**BODY, "stream": True}
    async with (
        serving(streaming(event("old", "stop"), DONE)) as old,
        serving(failing(503)) as away,
        serving(breaking) as new,
    ):
        blue = model_row("m", old.port)
        async with gateway_for([blue]) as g, g.http() as http:
            g.serve(rolled(blue, model_row("m", away.port)))
            answer = await http.post("/v1/chat/completions", json=stream)
            assert '"old"' in answer.text
            assert answer.text.endswith("data: [DONE]\n\n")
            g.serve(rolled(blue, model_row("m", new.port)))
            answer = await http.post("/v1/chat/completions", json=stream)
            assert '"ne"' in answer.text
            assert '"old"' not in answer.text
            assert "error" in answer.text
            assert "[DONE]" not in answer.text
            assert counted(g) == ({}, {"calls": 2, "failed": 2, "saved": 1})


async def test_a_call_that_neither_answers_is_told_what_the_old_release_said() -> None:
    words = b'{"error":{"message":"old words","type":"server_error"}}'
    async with serving(failing(500, words)) as old, serving(failing(500)) as new:
        blue, green = model_row("m", old.port), model_row("m", new.port)
        async with gateway_for([blue]) as g, g.http() as http:
            g.serve(rolled(blue, green))
            answer = await http.post("/v1/chat/completions", json=BODY)
            assert answer.status_code == 502
            assert "old words" in answer.json()["error"]["message"]
            assert counted(g) == ({}, {"calls": 1, "failed": 1})


async def test_a_failing_new_release_opens_no_circuit_of_the_old_one_at_the_same_address() -> None:
    async with serving(failing(500)) as new:
        blue, green = model_row("m", new.port), model_row("m", new.port)
        async with gateway_for([blue]) as g, g.http() as http:
            g.serve(rolled(blue, green))
            table = g.gateway.table
            assert table is not None
            split = table.models["m"].split
            assert split is not None
            for _ in range(6):
                await http.post("/v1/chat/completions", json=BODY)
            assert split.green.replicas[0].key in g.breakers.open()
            assert split.green.replicas[0].key != table.models["m"].replicas[0].key


async def test_what_is_lost_of_a_call_is_counted_by_colour() -> None:
    async with serving(answering()) as old, serving(answering()) as new:
        blue = model_row("m", old.port, params={"steps": {"type": "int"}})
        green = model_row("m", new.port, params={"steps": {"type": "int", "range": [1, 10], "outside": "clamp"}})
        async with gateway_for([blue]) as g, g.http() as http:
            for weight in (0, 100):
                g.serve(rolled(blue, green, weight))
                await http.post("/v1/chat/completions", json={**BODY, "steps": 50})
            assert counted(g) == ({"calls": 1}, {"calls": 1, "lossy": 1})
            g.serve(snapshot([blue], revision=8))
            assert g.gateway.colours.told(1.0).splits == {}


async def test_an_alias_calls_its_release_and_needs_leave_for_the_model() -> None:
    async with serving(answering(completion("old"))) as old, serving(answering(completion("new"))) as new:
        blue, green = model_row("m", old.port), model_row("m", new.port)
        async with gateway_for([blue]) as g, g.http() as http:
            g.serve(rolled(blue, green, 0, pins=["m-2026", "m"]))
            said = []
            for name in ("m", "m-2026"):
                answer = await http.post("/v1/chat/completions", json={**BODY, "model": name})
                said.append(answer.json()["choices"][0]["message"]["content"])
            assert said == ["old", "new"]
            assert [(row["model"], row["release_id"]) for row in await g.records(2)] == [("m", BLUE), ("m", GREEN)]
        async with gateway_for([blue]) as g, g.http("pb-narrow") as http:
            g.serve(rolled(blue, green, 0, pins=["x-latest"]))
            answer = await http.post("/v1/chat/completions", json={**BODY, "model": "x-latest"})
            assert answer.status_code == 403


def test_times_fall_into_buckets_that_hold_them() -> None:
    for milliseconds in (0.0, 0.4, 1.0, 37.2, 1000.0, 10.0**9):
        number = bucket(milliseconds)
        assert 0 <= number < BUCKETS
        assert milliseconds <= upper_bound(number) or number == BUCKETS - 1


def test_counts_of_another_version_are_left_out() -> None:
    good = msgspec.json.encode(ToldCounts(1.0, {}))
    short = msgspec.json.encode({"at": 1.0, "splits": {"3": {"blue": {"waits": [1, 2]}, "green": {}}}})
    assert [process for process, _ in read_told({b"a": good, b"b": b"{", b"c": short})] == [b"a"]


def test_a_record_of_before_this_version_is_still_read() -> None:
    old = [item.name for item in msgspec.structs.fields(Record) if item.required]
    texts = dict.fromkeys(("id", "model", "task", "endpoint", "failure", "message", "usage_basis"), "")
    fields = {**dict.fromkeys(old, 1), **texts, "at": "2026-11-30T00:00:00Z", "adapted": [], "stream": False}
    found = msgspec.json.decode(msgspec.json.encode(fields), type=Record)
    assert (found.release_id, found.fell_back) == (None, "")
