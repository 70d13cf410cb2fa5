"""The program of one gateway: which one it is, which hosts it answers under, and what it says of the console."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from controlplane import gateway
from controlplane.services.ports import listen, listen_at
from routing.dataplane.caller import Collected
from routing.dataplane.endpoints import Headers


class Asked:
    """A request without a body, and its answer in `told`."""

    def __init__(self, headers: tuple[tuple[bytes, bytes], ...], path: str = "/") -> None:
        self.told = Collected()
        self.headers, self.path, self.method = headers, path, "GET"
        self.client: tuple[str, int] | None = None
        self.memo: dict[str, Any] = {}
        self.added: Headers = []
        self.left = self.answered = False
        self.answer, self.start = self.told.answer, self.told.start
        self.write, self.finish = self.told.write, self.told.finish

    async def part(self) -> tuple[bytes, bool]:
        """The whole body, which is empty."""
        return b"", False

    async def others_first(self) -> None:
        """There are no others."""

    def belongs(self, key_id: int) -> bool:
        """There is room for every key."""
        return True

    def listen(self) -> None:
        """Nobody leaves."""

    def forgive(self) -> None:
        """Nobody left."""


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.django_db(transaction=True)
async def test_each_gateway_counts_under_its_own_number(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_DIR = tmp_path
    ready = tmp_path / "ready"
    monkeypatch.setenv("READY_FILE", str(ready))
    serving = asyncio.create_task(gateway.serve(listen(0), "unix:/nowhere", 7))
    await until(ready.exists)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 20)
    assert [path.name for path in (tmp_path / "run").glob("counts-*.json")] == ["counts-7.json"]


@pytest.mark.parametrize(
    ("host", "known"),
    [
        (b"patchbay.example", True),
        (b"PatchBay.Example:8000", True),
        (b"10.1.2.3", True),
        (b"10.1.2.3:8000", True),
        (b"[::1]:8000", True),
        (b"evil.example", False),
        (b"patchbay.example.evil.example", False),
        (b"10.1.2.3.evil.example", False),
        (b"", False),
        (b"\xff", False),
    ],
)
def test_health_answers_under_the_sites_names_and_under_addresses(settings: Any, host: bytes, known: bool) -> None:
    settings.ALLOWED_HOSTS = ["patchbay.example"]
    assert gateway.known_host(Asked(((b"accept", b"*/*"), (b"host", host)))) is known


def test_a_request_without_a_host_is_for_another_site(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["patchbay.example"]
    assert not gateway.known_host(Asked(()))


async def test_a_request_for_another_site_is_told_what_to_do() -> None:
    side = Asked((), path="/metrics")
    await gateway.misdirected(side)
    assert side.told.status == 421
    error = json.loads(b"".join(side.told.parts))["error"]
    assert error["code"] == "misdirected_request"
    assert "/metrics" in error["message"]
    assert "ALLOWED_HOSTS" in error["message"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{"status":"ready","reasons":[]}', ""),
        (b'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{"reasons":["no pages","no sleep"]}', "no pages; no sleep"),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nno JSON", "the console does not answer"),
        (b'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{"status":"ready"}', "the console does not answer"),
        (b"", "the console does not answer"),
    ],
)
async def test_what_the_console_lacks_is_told_in_words(tmp_path: Path, answer: bytes, words: str) -> None:
    async def console(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    path = tmp_path / "run" / "console.sock"
    listener = listen_at(path)
    listener.setblocking(False)
    async with await asyncio.start_unix_server(console, sock=listener):
        told = await gateway.console_words(f"unix:{path}")()
    assert told.startswith(words)
    assert bool(told) == bool(words)


async def test_a_console_that_is_not_there_or_hangs_is_told_within_a_second(tmp_path: Path) -> None:
    assert "pages and the REST API are away" in await gateway.console_words(f"unix:{tmp_path}/none")()
    listener = listen_at(tmp_path / "run" / "console.sock")
    async with asyncio.timeout(5 * gateway.CONSOLE_SECONDS):
        assert "does not answer" in await gateway.console_words(f"unix:{tmp_path}/run/console.sock")()
    listener.close()


def test_the_watch_over_rollouts_shows_in_readyz_as_every_background_task_does() -> None:
    program = gateway.GatewayProgram("unix:/nowhere")
    assert "the watch over rollouts" in [service.name for service in program.plane.services]


def test_a_thread_of_a_gateway_keeps_the_interpreter_from_calls_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = sys.getswitchinterval()
    monkeypatch.setattr(sys, "argv", ["gateway", "--port", "0", "--console", "unix:/nowhere"])
    monkeypatch.setattr(uvloop, "run", lambda serving: serving.close())
    try:
        gateway.main()
        assert sys.getswitchinterval() <= 0.0005
    finally:
        sys.setswitchinterval(before)
