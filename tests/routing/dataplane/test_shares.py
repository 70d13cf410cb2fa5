"""M8: calls that hang take a share of the connections to upstreams, by key and by model, and never all."""

import asyncio
from collections import Counter

import httpx
from hypothesis import given
from hypothesis import strategies as st

from registry.canon import Failure
from registry.transports.response import ResponseLimits
from routing.dataplane.shares import ConnectionShares
from routing.table import Caller
from tests.registry.transports.faults import Peer, serving
from tests.routing.serving import Running, caller_row, gateway_for, model_row
from tests.routing.upstreams import answering

BODY: dict[str, object] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
HANGING: dict[str, object] = {**BODY, "model": "hanging"}
KEYS = [f"pb-{number}" for number in range(30)]
ROWS = [caller_row(key, key_id=number + 1, name=f"app-{number}") for number, key in enumerate(KEYS)]


async def silent(peer: Peer) -> None:
    await peer.request()
    await asyncio.Event().wait()


async def refused(g: Running, calls: list[tuple[str, dict[str, object]]]) -> tuple[list[httpx.Response], int]:
    """Start these calls; what is answered, and how many wait once no more is answered."""
    clients = [g.http(key) for key, _ in calls]
    started = [
        asyncio.create_task(client.post("/v1/chat/completions", json=body))
        for client, (_, body) in zip(clients, calls, strict=True)
    ]
    async with asyncio.timeout(20):
        while sum(call.done() for call in started) + g.gateway._forwarder.outstanding < len(started):
            await asyncio.sleep(0.01)
    return [call.result() for call in started if call.done()], g.gateway._forwarder.outstanding


async def test_m8_hanging_calls_of_one_key_leave_half_of_the_connections_to_others() -> None:
    limits = ResponseLimits(connections=20)
    async with (
        serving(silent) as hanging,
        serving(answering()) as upstream,
        gateway_for([model_row("hanging", hanging.port), model_row("m", upstream.port)], ROWS, limits=limits) as g,
    ):
        answers, waiting = await refused(g, [(KEYS[0], HANGING)] * 30)
        assert waiting == 10
        for answer in answers:
            assert (answer.status_code, answer.json()["error"]["code"]) == (429, "connections_share")
            assert "'app-0' has 10 calls that wait for upstreams" in answer.json()["error"]["message"]
            assert answer.headers["retry-after"] == "1"
        async with g.http(KEYS[1]) as http:
            assert (await http.post("/v1/chat/completions", json=BODY)).status_code == 200


async def test_m8_one_models_hanging_calls_of_many_keys_leave_a_third_to_other_models() -> None:
    limits = ResponseLimits(connections=21)
    async with (
        serving(silent) as hanging,
        serving(answering()) as upstream,
        gateway_for([model_row("hanging", hanging.port), model_row("m", upstream.port)], ROWS, limits=limits) as g,
    ):
        answers, waiting = await refused(g, [(key, HANGING) for key in KEYS])
        assert waiting == 14
        assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {
            (503, "connections_share")
        }
        async with g.http(KEYS[0]) as http:
            assert (await http.post("/v1/chat/completions", json=BODY)).status_code == 200


async def test_m8_connections_that_are_kept_idle_give_way_to_a_call_that_needs_one() -> None:
    limits = ResponseLimits(connections=4)
    async with (
        serving(answering()) as first,
        serving(answering()) as second,
        serving(answering()) as third,
        serving(answering()) as fourth,
        serving(answering()) as fifth,
        gateway_for(
            [model_row(f"m{n}", s.port) for n, s in enumerate((first, second, third, fourth, fifth))], limits=limits
        ) as g,
        g.http() as http,
    ):
        for number in (0, 1, 2, 3, 4, 0):
            answer = await http.post("/v1/chat/completions", json={**BODY, "model": f"m{number}"})
            assert answer.status_code == 200
            assert g.client.connections <= 4


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.sampled_from("abc")), max_size=200), st.integers(3, 40))
def test_m8_whoever_has_none_gets_one_while_any_is_free_and_all_are_given_back(
    steps: list[tuple[bool, int, str]], most: int
) -> None:
    shares = ConnectionShares(most)
    holding: Counter[tuple[int, str]] = Counter()
    for takes, key, model in steps:
        caller = Caller(key, "app", frozenset())
        if not takes and holding[key, model]:
            shares.give(caller, model)
            holding[key, model] -= 1
        elif takes:
            try:
                shares.take(caller, model)
            except Failure:
                assert sum(holding.values()) >= most / 2 or holding[key, model]
            else:
                holding[key, model] += 1
        assert shares.in_use == sum(holding.values()) <= most
        if shares.in_use < most:
            shares.take(Caller(99, "new", frozenset()), "new")
            shares.give(Caller(99, "new", frozenset()), "new")
    for (key, model), count in holding.items():
        for _ in range(count):
            shares.give(Caller(key, "app", frozenset()), model)
    assert shares.in_use == 0
    assert not shares._keys
    assert not shares._models
