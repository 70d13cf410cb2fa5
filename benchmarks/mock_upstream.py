"""An OpenAI upstream that costs as little as possible: fixed answers from a raw asyncio protocol.

`python benchmarks/mock_upstream.py PORT`. A body with "stream":true is answered with 200 chunks at once, or
with 25 chunks 20 ms apart if the body holds the word paced.
"""

import asyncio
import json
import sys
from typing import cast

import httptools
import uvloop

CHUNKS = 200
PACED_CHUNKS = 25
PACE_SECONDS = 0.02

_REPLY = json.dumps(
    {
        "id": "chatcmpl-123",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "mock",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "All good. " * 20}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 12, "completion_tokens": 40, "total_tokens": 52},
    },
    separators=(",", ":"),
).encode()
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_REPLY), _REPLY)
STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-accel-buffering: no\r\ntransfer-encoding: chunked\r\n\r\n"
)


def framed(text: str) -> bytes:
    """One SSE event in one HTTP chunk."""
    data = f"data: {text}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(number: int) -> str:
    """One chunk of a chat stream."""
    delta = {"index": 0, "delta": {"content": f"word{number} "}, "finish_reason": None}
    chunk = {"id": "chatcmpl-123", "object": "chat.completion.chunk", "created": 1, "model": "mock", "choices": [delta]}
    return json.dumps(chunk, separators=(",", ":"))


EVENTS = [framed(event(number)) for number in range(CHUNKS)]
END = framed("[DONE]") + b"0\r\n\r\n"
BURST = STREAM + b"".join(EVENTS) + END


class Mock(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpRequestParser(self)
        self.body = b""

    def data_received(self, data: bytes) -> None:
        """Parse."""
        self.parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        """Collect."""
        self.body += data

    def on_message_complete(self) -> None:
        """Answer."""
        body, self.body = self.body, b""
        if b'"stream":true' not in body:
            self.transport.write(REPLY)
        elif b"paced" in body:
            self.transport.write(STREAM)
            self.pace(0)
        else:
            self.transport.write(BURST)

    def pace(self, number: int) -> None:
        """Send one chunk, the next one later."""
        if self.transport.is_closing():
            return
        if number == PACED_CHUNKS:
            self.transport.write(END)
            return
        self.transport.write(EVENTS[number])
        asyncio.get_running_loop().call_later(PACE_SECONDS, self.pace, number + 1)


async def main(port: int) -> None:
    """Serve for ever."""
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
