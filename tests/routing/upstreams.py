"""Upstreams for the gateway's tests: OpenAI's wire, written by hand."""

import json
from typing import Any

from tests.registry.transports.faults import Peer, Script

CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def completion(text: str = "hello") -> bytes:
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "upstream-name",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
        }
    ).encode()


def event(text: str = "", finish: str | None = None, **extra: Any) -> bytes:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "upstream-name",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}],
        **extra,
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
JSON = b"content-type: application/json\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def body_of(request: bytes) -> Any:
    return json.loads(request.partition(b"\r\n\r\n")[2])


def answering(body: bytes = b"", seen: list[bytes] | None = None) -> Script:
    """Every request is answered with the same completion."""

    async def script(peer: Peer) -> None:
        while True:
            request = await peer.request()
            if seen is not None:
                seen.append(request)
            await peer.reply(body or completion(), JSON)

    return script


def failing(
    status: int, body: bytes = b'{"error":{"message":"boom","type":"server_error"}}', head: bytes = b""
) -> Script:
    """Every request is answered with this status."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            line = b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n%b%b\r\n" % (status, len(body), JSON, head)
            await peer.send(line + body)

    return script


def streaming(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> Script:
    """Every request is answered with these stream bytes, a chunk each."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(CHUNKED)
            for piece in pieces:
                await peer.send(chunk(piece))
            await peer.send(end)
            if not end:
                peer.writer.close()
                return

    return script
