"""The upstream of benchmarks/truth.py: it does what a call's message asks for, and its usage counts what it sent.

A message is `KIND SECONDS EVENTS`: `whole` answers, `cut` breaks off its stream, `broken` fails with 500, `refused`
with 400, `mute` tells no usage. SECONDS pass evenly between EVENTS events. Usage is 7 prompt tokens and EVENTS.
"""

import asyncio
import json
from contextlib import suppress

PROMPT_TOKENS = 7
PROBE = "ping"
END_LATER_SECONDS = 0.01
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


async def serve(port: int) -> asyncio.Server:
    """Listen on a loopback port."""
    return await asyncio.start_server(_accept, "127.0.0.1", port, backlog=1024)


async def _accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            asked = json.loads(await reader.readexactly(length))
            wish = asked["messages"][-1]["content"]
            kind, seconds, events = ("whole 0 1" if wish == PROBE else wish).split()
            if asked.get("stream"):
                await _stream(writer, kind, float(seconds), int(events))
            else:
                await _whole(writer, kind, float(seconds), int(events))
            if kind == "cut":
                break
    writer.close()


async def _whole(writer: asyncio.StreamWriter, kind: str, seconds: float, events: int) -> None:
    await asyncio.sleep(seconds)
    if kind in ("broken", "refused"):
        status = 500 if kind == "broken" else 400
        await _reply(writer, status, {"error": {"message": f"{kind}, as asked", "type": "x"}})
        return
    message = {"role": "assistant", "content": "word " * events}
    body = {
        "id": "u", "object": "chat.completion", "created": 1, "model": "up",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }  # fmt: skip
    await _reply(writer, 200, body if kind == "mute" else {**body, "usage": usage(events)})


async def _stream(writer: asyncio.StreamWriter, kind: str, seconds: float, events: int) -> None:
    if kind in ("broken", "refused"):
        await _whole(writer, kind, seconds, events)
        return
    writer.write(STREAM)
    for _ in range(events):
        writer.write(_event({"content": "word "}))
        await writer.drain()
        await asyncio.sleep(seconds / events)
    if kind == "cut":
        return
    writer.write(_event({}, "stop"))
    if kind != "mute":
        writer.write(_framed(json.dumps({**_ENVELOPE, "choices": [], "usage": usage(events)})))
    writer.write(_framed("[DONE]"))
    await writer.drain()
    await asyncio.sleep(END_LATER_SECONDS)
    writer.write(b"0\r\n\r\n")


def usage(events: int) -> dict[str, int]:
    """OpenAI's usage of an answer of so many events."""
    return {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": events, "total_tokens": PROMPT_TOKENS + events}


_ENVELOPE = {"id": "u", "object": "chat.completion.chunk", "created": 1, "model": "up"}


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _framed(json.dumps({**_ENVELOPE, "choices": [choice]}))


def _framed(text: str) -> bytes:
    data = f"data: {text}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _reply(writer: asyncio.StreamWriter, status: int, body: object) -> None:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    await writer.drain()
