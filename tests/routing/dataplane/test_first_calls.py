"""The first call of a model: its adapter is made then, once, and holds up nobody else."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from registry.protocols.adapter import Adapter, Code, CompileError
from routing.table import Table
from tests.registry.transports.faults import serving
from tests.routing.serving import Running, gateway_for, model_row
from tests.routing.upstreams import answering

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]


def changed(running: Running, make: Callable[[Adapter], Code]) -> Table:
    """The table in service with every adapter's code still unmade and made by `make` when it is needed."""
    table = running.gateway.table
    assert table is not None
    models = {}
    for name, served in table.models.items():
        assert served.adapter is not None
        adapter = replace(served.adapter, make=partial(make, served.adapter))
        models[name] = replace(served, adapter=adapter)
    return replace(table, models=models)


async def test_parallel_first_calls_make_the_code_once() -> None:
    made: list[Adapter] = []

    def make(real: Adapter) -> Code:
        made.append(real)
        return real.code

    async with serving(answering()) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        g.gateway.serve(changed(g, make))
        sdk = g.sdk()
        answers = await asyncio.gather(*(sdk.chat.completions.create(model="m", messages=MESSAGES) for _ in range(50)))
        assert [answer.model for answer in answers] == ["m"] * 50
        assert len(made) == 1


async def test_first_calls_of_many_models_let_other_work_go_on_between_two_of_them() -> None:
    def make(real: Adapter) -> Code:
        time.sleep(0.02)
        return real.code

    names = [f"m-{number}" for number in range(40)]
    async with serving(answering()) as upstream, gateway_for([model_row(name, upstream.port) for name in names]) as g:
        g.gateway.serve(changed(g, make))
        sdk = g.sdk()
        await asyncio.gather(*(refused(sdk) for _ in names))
        waits: list[float] = []
        ticking = asyncio.create_task(tick(waits))
        began = time.monotonic()
        answers = await asyncio.gather(*(sdk.chat.completions.create(model=name, messages=MESSAGES) for name in names))
        ticking.cancel()
        assert [answer.model for answer in answers] == names
        assert time.monotonic() - began > 40 * 0.02
        assert max(waits) < 0.4, "half of what all first calls take together"


async def tick(waits: list[float]) -> None:
    """Note how long each turn of the loop takes."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(0)
        waits.append(time.monotonic() - began)


async def refused(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        await sdk.chat.completions.create(model="unknown", messages=MESSAGES)


async def test_code_that_cannot_be_made_is_told_to_every_caller_and_in_the_state_and_tried_once() -> None:
    tried: list[Adapter] = []

    def make(real: Adapter) -> Code:
        tried.append(real)
        raise CompileError("protocol openai: its code does not load: invalid syntax")

    async with serving(answering()) as upstream, gateway_for([model_row("broken", upstream.port)]) as g:
        g.gateway.serve(changed(g, make))
        for _ in range(3):
            with pytest.raises(openai.InternalServerError) as caught:
                await g.sdk().chat.completions.create(model="broken", messages=MESSAGES)
            assert caught.value.status_code == 503
            assert caught.value.code == "model_unavailable"
            assert "model 'broken' cannot be called: protocol openai: its code does not load" in caught.value.message
        assert len(tried) == 1
        assert g.gateway.table is not None
        assert g.gateway.table.models["broken"].shown_state == "unavailable"
