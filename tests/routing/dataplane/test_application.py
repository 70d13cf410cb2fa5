"""The whole web process in this event loop: Django, data plane, health, with real PostgreSQL and Redis."""

import asyncio
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import uvicorn
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from openai.types.chat import ChatCompletionMessageParam

from controlplane import fleet_text
from controlplane.asgi import ConsoleApplication
from controlplane.base import config
from controlplane.base.models import User
from controlplane.gateway import GatewayProgram
from controlplane.services.ports import listen_at
from registry.access import callers
from registry.catalog import verbs as catalog
from registry.models import Model
from routing.calls import records
from routing.dataplane.watcher import RowsUnavailable
from routing.models import CallRecord
from tests.registry.transports.faults import serving
from tests.routing.upstreams import answering

pytestmark = pytest.mark.django_db(transaction=True)
MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]


@asynccontextmanager
async def web() -> AsyncIterator[str]:
    """Serve a gateway and the console behind it; the base address."""
    with tempfile.TemporaryDirectory(prefix="patchbay-console-") as folder:
        listener, behind = socket.create_server(("127.0.0.1", 0)), listen_at(Path(folder) / "console.sock")
        options: dict[str, Any] = {"lifespan": "on", "http": "httptools", "log_level": "critical", "access_log": False}
        console = uvicorn.Server(
            uvicorn.Config(ConsoleApplication(), **options, proxy_headers=True, forwarded_allow_ips="*")
        )
        serving_pages = asyncio.create_task(console._serve([behind]))
        program = GatewayProgram(f"unix:{folder}/console.sock", submit_job=None)
        await program.start(listener)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            await program.stop()
            console.should_exit = console.force_exit = True
            await serving_pages
            listener.close()
            await sync_to_async(connections.close_all)()


@sync_to_async
def person() -> User:
    return User.objects.create_user("ada", role="admin")


@sync_to_async
def onboard(actor: User, name: str, port: int) -> None:
    config.set_egress_allow(actor, [f"127.0.0.1:{port}"])
    document = {"name": name, "type": "llm", "protocol": "openai", "endpoint": f"http://127.0.0.1:{port}"}
    catalog.create(actor, document)
    Model.objects.update(state="ready")


@sync_to_async
def release_of(name: str) -> int | None:
    return Model.objects.get(name=name).release_id


@sync_to_async
def key_of(actor: User, *scopes: str) -> str:
    return callers.create(actor, "app", list(scopes))[1]


async def until(check: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not await sync_to_async(check)():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.05)


async def test_a_key_and_a_model_made_now_are_called_now_and_the_record_arrives_in_postgresql() -> None:
    async with serving(answering()) as upstream, web() as url:
        actor = await person()
        await onboard(actor, "m", upstream.port)
        secret = await key_of(actor, "call", "read")
        sdk = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=secret, max_retries=0, timeout=10)
        reply = await sdk.chat.completions.create(model="m", messages=MESSAGES)
        assert reply.choices[0].message.content == "hello"

        def stored() -> bool:
            records.drain()
            return CallRecord.objects.filter(model="m", status=200, prompt_tokens=5).exists()

        await until(stored)
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
            ready = await http.get("/readyz")
            assert (ready.status_code, ready.json()["status"]) == (200, "ready"), ready.text
            assert (await http.get("/healthz")).json() == {"status": "ok"}
            metrics = (await http.get("/metrics")).text
            assert 'patchbay_calls_total{failure="",model="m",status="200",task="chat"} 1.0' in metrics
            assert f"patchbay_revision {float(ready.json()['revision'])}" in metrics
            assert "patchbay_revision_age_seconds" in metrics
            forwarded = {"x-forwarded-for": "203.0.113.9"}
            assert (await http.get("/metrics", headers=forwarded)).status_code == 401
            allowed = forwarded | {"authorization": f"Bearer {secret}"}
            assert (await http.get("/metrics", headers=allowed)).status_code == 200
            narrow = forwarded | {"authorization": f"Bearer {await key_of(actor, 'call')}"}
            assert (await http.get("/metrics", headers=narrow)).status_code == 403
            assert (await http.post("/healthz")).status_code == 405
            assert "patchbay_telemetry_age_seconds" in metrics
            assert f'patchbay_model_info{{model="m",protocol="openai",release="{await release_of("m")}"' in metrics
            calls = await http.get("/metrics/calls", headers={"accept-encoding": "identity"})
            assert "patchbay_calls_total{" in calls.text
            assert "patchbay_telemetry_age_seconds" not in calls.text
            assert "content-encoding" not in calls.headers
            assert (await http.get("/metrics/calls", headers=forwarded)).status_code == 401


async def test_the_console_tells_of_the_fleet_only_to_a_gateway_of_this_site() -> None:
    answers: list[dict[str, Any]] = []
    scope: dict[str, Any] = {"type": "http", "path": "/metrics", "headers": []}

    async def send(message: Any) -> None:
        answers.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    console = ConsoleApplication()
    for said in (b"", b"Bearer nonsense", b"Bearer \xff", fleet_text.authorization()):
        await console({**scope, "headers": [(b"authorization", said)]}, receive, send)
    assert [one["status"] for one in answers if "status" in one] == [404, 404, 404, 200]
    await sync_to_async(connections.close_all)()


async def test_programs_are_answered_in_json_and_pages_and_the_rest_api_answer_no_other_origin() -> None:
    page = {"origin": "https://app.example"}
    async with web() as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        for path in ("/chat/completions", "//v1/chat/completions/", "/v1", "/v1/v1/embeddings", "/responses"):
            answer = await http.post(url + path, json={})
            assert answer.headers["content-type"] == "application/json", path
            assert "/v1" in answer.json()["error"]["message"] or answer.status_code == 401
        listing = await http.get("/models", headers={"authorization": "Bearer pb-x"})
        assert (listing.status_code, "/v1/models" in listing.json()["error"]["message"]) == (404, True)
        assert (await http.get("/models")).headers["location"].startswith("/sign-in")
        asked = {**page, "access-control-request-method": "POST"}
        assert (await http.options("/v1/chat/completions", headers=asked)).headers["access-control-allow-origin"] == "*"
        for path in ("/", "/models", "/api/models/", "/sign-in", "/readyz", "/metrics"):
            for answer in (await http.options(path, headers=asked), await http.get(path, headers=page)):
                assert not [name for name in answer.headers if name.startswith("access-control")], path


async def test_a_revoked_key_stops_working() -> None:
    async with web() as url:
        actor = await person()
        secret = await key_of(actor, "call")
        sdk = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=secret, max_retries=0, timeout=10)
        assert [model async for model in sdk.models.list()] == []
        row = await sync_to_async(callers.listing(actor).get)()
        await sync_to_async(callers.revoke)(actor, row.pk)
        answers = [0]
        while answers[-1] != 401:
            async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
                answer = await http.get(f"{url}/v1/models", headers={"authorization": f"Bearer {secret}"})
            answers.append(answer.status_code)
            assert len(answers) < 2000
        assert set(answers) <= {0, 200, 401}


async def test_with_both_stores_away_a_start_serves_the_last_good_copy_and_says_degraded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(answering()) as upstream:
        async with web() as url:
            actor = await person()
            await onboard(actor, "m", upstream.port)
            secret = await key_of(actor, "call")
            sdk = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=secret, max_retries=0, timeout=10)
            await sdk.chat.completions.create(model="m", messages=MESSAGES)
        monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
        monkeypatch.setattr("routing.rows.Rows.read", _away)
        async with web() as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
            sdk = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=secret, max_retries=0, timeout=10)
            assert (await sdk.chat.completions.create(model="m", messages=MESSAGES)).model == "m"
            with pytest.raises(openai.InternalServerError) as caught:
                await openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="pb-new", max_retries=0).models.list()
            assert caught.value.status_code == 503
            ready = (await http.get("/readyz")).json()
            assert ready["status"] == "degraded"
            assert "PostgreSQL" in ready["reasons"][0]
            assert any(reason.startswith("Redis does not count calls") for reason in ready["reasons"])
        spool = settings.DATA_DIR / "spool"
        assert [path.suffix for path in spool.iterdir()] == [".calls"]
        (next(spool.iterdir())).unlink()
        os.remove(settings.DATA_DIR / "snapshot.json")


def _away(self: object, known: int | None) -> None:
    raise RowsUnavailable("connection refused")


async def test_low_health_and_metrics_answer_under_names_of_this_site_and_addresses_alone(static_files: None) -> None:
    async with web() as base, httpx.AsyncClient(base_url=base, trust_env=False, timeout=20) as http:
        for path in ("/metrics", "/readyz", "/healthz"):
            for host in ("localhost", "127.0.0.1:8000", "10.1.2.3:8000", "[::1]:8000"):
                assert (await http.get(path, headers={"host": host})).status_code == 200
            for host in ("evil.example", "localhost.evil.example", "10.1.2.3.evil.example", "127.1", ""):
                refused = await http.get(path, headers={"host": host})
                assert (refused.status_code, refused.json()["error"]["code"]) == (421, "misdirected_request")
        assert (await http.get("/sign-in", headers={"host": "evil.example"})).status_code == 400
        assert (await http.get("/v1/models", headers={"host": "evil.example"})).status_code == 401
