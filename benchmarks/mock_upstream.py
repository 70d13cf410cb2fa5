"""An OpenAI upstream that costs as little as possible: fixed answers from a raw asyncio protocol.

`python benchmarks/mock_upstream.py PORT`. A body with "stream":true is answered with 200 chunks at once, or
with 25 chunks 20 ms apart if the body holds the word paced. A GET is answered with a list of one model.
"""

import asyncio
import json
import re
import sys
from typing import cast

import httptools
import uvloop

CHUNKS = 200
PACED_CHUNKS = 25
PACE_SECONDS = 0.02

LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
STREAMED = re.compile(rb'"stream": ?true')


def whole(value: object) -> bytes:
    """An answer of JSON."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


REPLY = whole(
    {
        "id": "chatcmpl-123",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "mock",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "All good. " * 20}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 12, "completion_tokens": 40, "total_tokens": 52},
    }
)
MODELS = whole({"object": "list", "data": [{"id": "mock", "object": "model", "created": 1, "owned_by": "nobody"}]})
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
        self.between = True

    def data_received(self, data: bytes) -> None:
        """Answer what is one whole request without a parser, which halves the cost; parse everything else."""
        if self.between:
            end = data.find(b"\r\n\r\n") + 4
            length = LENGTH.search(data, 0, end)
            if length is not None and end + int(length[1]) == len(data):
                self.answer(data[end:])
                return
        self.between = False
        self.parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        """Collect."""
        self.body += data

    def on_message_complete(self) -> None:
        """Answer."""
        body, self.body, self.between = self.body, b"", True
        if self.parser.get_method() == b"GET":
            self.transport.write(MODELS)
        else:
            self.answer(body)

    def answer(self, body: bytes) -> None:
        """Answer a call."""
        if STREAMED.search(body) is None:
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
