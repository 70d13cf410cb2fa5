"""What the gateway has learned of a model goes when the model leaves the table; of the others it stays."""

from typing import Any

import pytest

from routing.dataplane.retries import RETRY_RESERVE
from tests.registry.transports.faults import serving
from tests.routing.dataplane.test_extras import forbidding, heard
from tests.routing.serving import Running, gateway_for, model_row, snapshot
from tests.routing.upstreams import answering, failing

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


async def attempts(g: Running, calls: int) -> list[int]:
    """How many replicas each of so many calls of `m` asked."""
    before = len(g.delivered)
    async with g.http() as http:
        for _ in range(calls):
            await http.post("/v1/chat/completions", json=CHAT)
    return [record["attempts"] for record in (await g.records(before + calls))[before:]]


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_retry_budget_that_is_spent_is_whole_again_only_for_a_model_that_left(leaves: bool) -> None:
    spent = int(RETRY_RESERVE * 1.25) + 2
    async with serving(failing(500)) as one, serving(failing(500)) as two, serving(answering()) as other:
        rows = [model_row("m", one.port, two.port), model_row("other", other.port)]
        async with gateway_for(rows) as g:
            assert await attempts(g, spent) == [*[2] * (spent - 2), 1, 1]
            g.serve(snapshot(rows[1:] if leaves else rows, revision=8))
            g.serve(snapshot(rows, revision=9))
            assert await attempts(g, 1) == [2 if leaves else 1]


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_circuit_closes_when_its_replica_leaves(leaves: bool) -> None:
    async with serving(failing(500)) as upstream, serving(answering()) as other:
        rows = [model_row("m", upstream.port), model_row("other", other.port)]
        async with gateway_for(rows) as g:
            await attempts(g, 5)
            assert len(g.breakers.open()) == 1
            g.serve(snapshot(rows[1:] if leaves else rows, revision=8))
            assert len(g.breakers.open()) == (0 if leaves else 1)


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_replica_that_comes_back_is_asked_for_usage_again(leaves: bool) -> None:
    seen: list[Any] = []
    async with serving(forbidding(422, {"detail": "stream_options"}, seen)) as upstream, serving(answering()) as other:
        rows = [model_row("m", upstream.port), model_row("other", other.port)]
        async with gateway_for(rows) as g:
            await heard(g.sdk())
            g.serve(snapshot(rows[1:] if leaves else rows, revision=8))
            g.serve(snapshot(rows, revision=9))
            seen.clear()
            await heard(g.sdk())
            assert ["stream_options" in body for body in seen] == ([True, False] if leaves else [False])
