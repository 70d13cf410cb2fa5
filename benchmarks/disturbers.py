"""Callers that mean no good, one kind a process: `python -m benchmarks.disturbers KIND PORT KEY` until it is ended.

benchmarks/disturbance.py starts them and measures what other callers notice.
"""

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress

import httpx

PIECE = bytes(256 * 1024)
REBUILT = 5000
SPIN = "while True: pass"
Disturber = Callable[[int, str], Coroutine[None, None, None]]
NICENESS = 19
"""Callers have processors of their own; on one machine with the server they must not take the server's."""


async def again(once: Disturber, port: int, key: str) -> None:
    """Do something over and over, whatever the server does."""
    while True:
        with suppress(OSError, httpx.HTTPError, asyncio.IncompleteReadError):
            await once(port, key)
        await asyncio.sleep(0)


async def at_once(count: int, once: Disturber, port: int, key: str) -> None:
    """So many callers that do it over and over."""
    await asyncio.gather(*[again(once, port, key) for _ in range(count)])


async def load_page(port: int, key: str) -> None:
    """One page."""
    await exchange(port, b"GET /sign-in HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")


async def exchange(port: int, request: bytes) -> bytes:
    """One request on a connection of its own; the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await reader.read()
    finally:
        writer.close()


async def pages(port: int, key: str) -> None:
    """60 parallel page loads and 32 sign-ins, each over and over."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as browser:
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', (await browser.get("/sign-in")).text)
        assert found is not None
        form = {"username": "nobody", "password": "wrong", "csrfmiddlewaretoken": found[1]}

        async def sign_in(port: int, key: str) -> None:
            await browser.post("/sign-in", data=form)

        await asyncio.gather(at_once(60, load_page, port, key), at_once(32, sign_in, port, key))


async def endless_head(port: int, key: str) -> None:
    """One header that never ends, begun anew when it is refused."""
    await again(lambda port, key: flood(port, b"GET / HTTP/1.1\r\nX-A: ", PIECE.replace(b"\0", b"a")), port, key)


async def flood(port: int, head: bytes, piece: bytes) -> None:
    """Send a piece over and over until the connection breaks."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head)
        for _ in range(4096):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.transport.abort()


async def slow_loris(port: int, key: str) -> None:
    """100 heads that come a byte at a time."""

    async def drip(port: int, key: str) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for byte in b"GET / HTTP/1.1\r\nhost: " + b"x" * 1000:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.1)
        finally:
            writer.transport.abort()

    await at_once(100, drip, port, key)


async def bodies(port: int, key: str) -> None:
    """Four anonymous bodies of 1 GB in chunks, two for pages and two for calls."""

    async def upload(port: int, path: str) -> None:
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        await flood(port, head, b"%x\r\n%b\r\n" % (len(PIECE), PIECE))

    paths = ("/sign-in", "/api/models", "/v1/chat/completions", "/v1/chat/completions")
    await asyncio.gather(*[at_once(1, upload, port, path) for path in paths])


async def tiny_chunks(port: int, key: str) -> None:
    """Four bodies in chunks of one byte, with a good key."""
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n"
    told = f"{head}authorization: Bearer {key}\r\n\r\n".encode()
    await at_once(4, lambda port, key: flood(port, told, b"1\r\n \r\n" * 40_000), port, key)


async def small_chunks(port: int, key: str) -> None:
    """Four bodies in chunks of 70 bytes, as small as may be, with a good key."""
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n"
    told = f"{head}authorization: Bearer {key}\r\n\r\n".encode()
    await at_once(4, lambda port, key: flood(port, told, (b"46\r\n%b\r\n" % (b" " * 70)) * 4000), port, key)


async def pipelined(port: int, key: str) -> None:
    """Four strangers that send thousands of calls at once, one behind the other."""

    async def ask(port: int, key: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        reading = asyncio.ensure_future(drop(reader))
        try:
            while True:
                writer.write(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n" * 5000)
                await writer.drain()
        finally:
            reading.cancel()
            writer.transport.abort()

    await at_once(4, ask, port, key)


async def drop(reader: asyncio.StreamReader) -> None:
    """Read over what comes."""
    with suppress(OSError):
        while await reader.read(1024 * 1024):
            pass


async def busy(port: int, key: str) -> None:
    """The control: nothing is asked of the server, but every processor is wanted."""
    spinning = [await asyncio.create_subprocess_exec(sys.executable, "-c", SPIN) for _ in range(os.cpu_count() or 1)]
    await asyncio.gather(*[child.wait() for child in spinning])


async def deaf(port: int, key: str) -> None:
    """100 callers that read nothing: half of a large file, half of some streams."""
    body = json.dumps({"model": "bench-1", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
    lines = f"authorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    call = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n" + lines + body
    page = (await exchange(port, b"GET /sign-in HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).decode()
    files = re.findall(r'"(/static/[^"]+)"', page)
    download = b"".join(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode() for path in files)
    writers = []
    for number in range(100):
        caller = socket.socket()
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        caller.connect(("127.0.0.1", port))
        _, writer = await asyncio.open_connection(sock=caller, limit=1024)
        writer.write((call if number % 2 else download) * 3)
        writers.append(writer)
    await asyncio.sleep(3600)


async def small_parts(port: int, key: str) -> None:
    """Four bodies of 29 MB that are made of small messages, with a good key."""
    message = b'{"role":"user","content":"x"},'
    start = b'{"model":"bench-1","messages":['
    body = start + message * ((29_000_000 - len(start)) // len(message)) + message[:-1] + b"]}"
    lines = (
        f"host: localhost\r\nauthorization: Bearer {key}\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    request = b"POST /v1/chat/completions HTTP/1.1\r\n" + lines.encode() + body

    async def send(port: int, key: str) -> None:
        await exchange(port, request)

    await at_once(4, send, port, key)


async def rebuild(port: int, key: str) -> None:
    """5,000 more models, each with parameters of its own, all of them changed twice a second."""
    churn = ("-m", "benchmarks.tables_process", "churn", str(REBUILT), "9")
    child = await asyncio.create_subprocess_exec(sys.executable, *churn)
    await child.wait()


KINDS: dict[str, Disturber] = {
    "busy": busy,
    "pages": pages,
    "endless-head": endless_head,
    "slow-loris": slow_loris,
    "bodies": bodies,
    "tiny-chunks": tiny_chunks,
    "small-chunks": small_chunks,
    "pipelined": pipelined,
    "deaf": deaf,
    "small-parts": small_parts,
    "rebuild": rebuild,
}


if __name__ == "__main__":
    os.nice(NICENESS)
    asyncio.run(KINDS[sys.argv[1]](int(sys.argv[2]), sys.argv[3]))
