"""The console's own application: its health, its live address, and no call that strays to it."""

import asyncio
import json
from typing import Any

import pytest

from controlplane.asgi import ConsoleApplication
from controlplane.checks import PageConnection


async def answered(path: str, kind: str = "http") -> tuple[Any, bytes]:
    """The first message and the body that the console sends to a request without headers."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": f"{kind}.connect"}

    await ConsoleApplication()({"type": kind, "path": path, "headers": [], "method": "GET"}, receive, send)
    return sent[0], b"".join(message.get("body", b"") for message in sent)


async def test_health_says_that_the_process_answers() -> None:
    first, body = await answered("/healthz")
    assert (first["status"], json.loads(body)) == (200, {"status": "ok"})


@pytest.mark.django_db(transaction=True)
async def test_a_page_that_gets_its_connection_is_ready() -> None:
    first, body = await answered("/readyz")
    assert (first["status"], json.loads(body)) == (200, {"status": "ready", "reasons": []})


@pytest.mark.django_db(transaction=True)
async def test_many_who_ask_at_once_are_all_answered() -> None:
    look = PageConnection()
    assert await asyncio.gather(*(look() for _ in range(20))) == [""] * 20


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions", "/v1"])
async def test_a_call_that_strays_here_is_told_where_calls_go(path: str) -> None:
    first, body = await answered(path)
    assert first["status"] == 404
    error = json.loads(body)["error"]
    assert error["code"] == "no_gateway"
    assert "calls to /v1 go to a gateway" in error["message"]


async def test_a_websocket_at_any_other_address_is_closed() -> None:
    first, _ = await answered("/elsewhere", "websocket")
    assert first == {"type": "websocket.close", "code": 1000}


async def test_the_start_and_the_end_are_acknowledged() -> None:
    first, _ = await answered("", "lifespan")
    assert first == {"type": "lifespan.startup.complete"}
