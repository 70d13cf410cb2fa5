"""Pages by the real console behind a real gateway: what browsers and strangers on that port depend on."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest
import websockets

from controlplane.base.listeners import SIGNED_OUT
from tests.routing.dataplane.test_process_faults import begin, upstream
from tests.routing.plants import Plant, until

pytestmark = pytest.mark.slow
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    made = Plant(tmp_path_factory.mktemp("plant"))
    try:
        made.start()
        made.collect_static()
        assert made.web is not None
        made.web.kill("console")
        made.web.start()
        until(lambda: page(made).status_code == 200, 60, made.log)
        yield made
    finally:
        made.stop()


def page(plant: Plant, path: str = "/sign-in", **headers: str) -> httpx.Response:
    return httpx.get(f"{plant.url}{path}", headers=headers, trust_env=False, timeout=20)


def memory(plant: Plant) -> int:
    """Bytes that gateway and console hold."""
    assert plant.web is not None
    return sum(psutil.Process(process.pid).memory_info().rss for process in plant.web.running.values())


def test_a_page_a_file_its_head_and_its_304(plant: Plant) -> None:
    with httpx.Client(base_url=plant.url, trust_env=False, timeout=20) as browser:
        found = re.search(r'href="(/static/[^"]+\.css)"', browser.get("/sign-in").text)
        assert found is not None
        whole = browser.get(found[1], headers={"accept-encoding": "identity"})
        head = browser.head(found[1], headers={"accept-encoding": "identity"})
        assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")
        assert head.headers["content-length"] == str(len(whole.content))
        mark = {name: whole.headers[name] for name in ("etag", "last-modified") if name in whole.headers}
        asked = {"if-none-match": mark.get("etag", ""), "if-modified-since": mark.get("last-modified", "")}
        unchanged = browser.get(found[1], headers={name: value for name, value in asked.items() if value})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert browser.get("/v1/models").status_code == 401
        assert browser.get("/sign-in").status_code == 200


def test_a_browser_keeps_one_connection_for_pages_and_calls(plant: Plant) -> None:
    with socket.create_connection(("127.0.0.1", plant.port), timeout=20) as browser:
        for path, status in (("/sign-in", b"200"), ("/v1/models", b"401"), ("/sign-in", b"200"), ("/healthz", b"200")):
            browser.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += browser.recv(65536)
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.split()[1] == status
            length = re.search(rb"content-length: (\d+)", head.lower())
            assert length is not None
            while len(body) < int(length[1]):
                body += browser.recv(65536)


async def test_a_live_page_is_spoken_with_through_the_gateway(plant: Plant) -> None:
    address = plant.url.replace("http", "ws") + "/live"
    async with websockets.connect(address, origin=websockets.Origin(plant.url), proxy=None) as live:
        with pytest.raises(websockets.ConnectionClosedError):
            await asyncio.wait_for(live.recv(), 10)
    assert live.close_code == SIGNED_OUT


def upload(plant: Plant, path: str, size: int, chunked: bool) -> tuple[int, int]:
    """Send so many bytes as a body; the answer's status, 0 if a reset overtook it, and the bytes that were sent."""
    framing = "transfer-encoding: chunked" if chunked else f"content-length: {size}"
    with socket.create_connection(("127.0.0.1", plant.port), timeout=30) as stranger:
        stranger.sendall(f"POST {path} HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n\r\n".encode())
        sent, piece = 0, bytes(MEGABYTE)
        with suppress(OSError):
            while sent < size:
                stranger.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                sent += len(piece)
            if chunked:
                stranger.sendall(b"0\r\n\r\n")
        status = 0
        with suppress(ConnectionError):
            status = int(stranger.recv(4096).split()[1])
        return status, sent


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_uploads_of_strangers_are_read_up_to_a_cap_and_no_further(plant: Plant, chunked: bool) -> None:
    assert upload(plant, "/sign-in", MEGABYTE, chunked)[0] in (400, 403)
    assert upload(plant, "/sign-in", 2 * MEGABYTE, chunked)[0] == 413
    assert page(plant).status_code == 200


@pytest.mark.parametrize("path", ["/sign-in", "/api/models", "/static/x", "/v1/chat/completions", "/nowhere"])
def test_a_stranger_cannot_fill_memory_with_a_gigabyte(plant: Plant, path: str) -> None:
    before = memory(plant)
    _, sent = upload(plant, path, 1024 * MEGABYTE, chunked=True)
    assert sent < 128 * MEGABYTE
    assert memory(plant) - before < 64 * MEGABYTE


def test_readers_of_pages_that_read_nothing_do_not_hold_others_up(plant: Plant) -> None:
    before, slow = memory(plant), [socket.create_connection(("127.0.0.1", plant.port)) for _ in range(100)]
    for one in slow:
        one.sendall(b"GET /sign-in HTTP/1.1\r\nhost: localhost\r\n\r\n" * 20)
    assert page(plant).status_code == 200
    assert plant.models() == 200
    assert memory(plant) - before < 128 * MEGABYTE
    for one in slow:
        one.close()


def test_a_killed_console_costs_no_call_and_its_page_comes_back(plant: Plant) -> None:
    assert plant.web is not None
    plant.web.kill("console")
    away = page(plant, accept="text/html")
    assert (away.status_code, away.headers["retry-after"]) == (503, "3")
    assert "The console is starting" in away.text
    assert page(plant).json()["error"]["code"] == "console_away"
    assert plant.models() == 200
    plant.web.start()
    until(lambda: page(plant).status_code == 200, 60, plant.log)


async def test_a_gateway_that_is_asked_to_end_records_the_calls_in_flight(plant: Plant) -> None:
    assert plant.web is not None
    before = await asyncio.to_thread(plant.drained)
    async with upstream(plant):
        reader, writer = await begin(plant, "stalling", stream=True)
        await reader.readuntil(b"hel")
        gateway = plant.web.running.pop("gateway")
        os.kill(gateway.pid, signal.SIGTERM)
        with suppress(ConnectionError):
            assert b"[DONE]" not in await reader.read()
        assert await asyncio.to_thread(gateway.wait, 40) == 0
        writer.close()
    plant.web.start()
    until(lambda: plant.models() == 200, 60, plant.log)
    assert await asyncio.to_thread(plant.drained) == before + 1
    assert not list(Path(plant.data / "spool").glob("*.calls"))
