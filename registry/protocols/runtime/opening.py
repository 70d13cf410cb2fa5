"""What a stream's body begins with decides what it is: events, or a whole answer (or a page) in place of them.

Labels lie: proxies and small servers send events as text/plain, and whole answers to those who asked for a stream. A
whole answer is told as a stream of one chunk.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.json import Decoder, encode

from registry.canon import CallContext, Failure, Fragment, Reply
from registry.protocols.adapter import StreamDecoder
from registry.protocols.runtime.answers import BYTE_ORDER_MARK
from registry.protocols.runtime.framing import MAX_MESSAGE, too_long

decode = Decoder().decode
BLANK = BYTE_ORDER_MARK + b" \t\r\n"
DOCUMENT = b"{[<"
NUMBERED = ("tool_calls", "thinking_blocks")
END = b"data: [DONE]\n\n"

Decode = Callable[[int, Mapping[str, str], bytes, CallContext], Reply]
Opener = Callable[[CallContext], StreamDecoder]


def opening(open_stream: Opener, decode_whole: Decode) -> Opener:
    """What opens a stream of events that may turn out to be a whole answer."""
    return lambda context: Opening(context, open_stream, decode_whole)


class Opening:
    """A StreamDecoder that finds out by the first byte how to read the rest."""

    __slots__ = ("context", "decode", "document", "held", "open", "over", "stream")

    def __init__(self, context: CallContext, open_stream: Opener, decode_whole: Decode) -> None:
        self.context, self.open, self.decode = context, open_stream, decode_whole
        self.held = bytearray()
        self.stream: StreamDecoder | None = None
        self.document = self.over = False

    def feed(self, data: bytes, parts: Sequence[bytes] = ()) -> Fragment:
        """Take the next upstream bytes, cut anywhere. Never raises."""
        if self.stream is not None:
            return self.stream.feed(data, parts)
        if self.over:
            return Fragment()
        begun = data if self.held else data.lstrip(BLANK)
        if not begun:
            return Fragment()
        self.document = self.document or begun[0] in DOCUMENT
        if not self.document:
            self.stream = self.open(self.context)
            return self.stream.feed(begun, parts)
        self.held += begun
        if len(self.held) > MAX_MESSAGE:
            self.over = True
            return Fragment(failure=too_long(self.held))
        return Fragment()

    def close(self) -> Fragment:
        """Take the end of the upstream's body."""
        if self.stream is not None:
            return self.stream.close()
        if self.over:
            return Fragment()
        self.over = True
        if not self.document:
            return self.open(self.context).close()
        try:
            return one_chunk(self.decode(200, {}, bytes(self.held), self.context), self.context)
        except Failure as failure:
            return Fragment(failure=failure)


def one_chunk(reply: Reply, context: CallContext) -> Fragment:
    """A whole answer as a stream: everything in one chunk, usage if it is wanted, the end mark."""
    answer = decode(reply.body)
    usage = answer.pop("usage", None)
    choices = [streamed(choice) for choice in answer.pop("choices")]
    head = {**answer, "object": "chat.completion.chunk" if "delta" in choices[0] else "text_completion"}
    events = [{**head, "choices": choices}]
    if usage and context.usage_wanted:
        events.append({**head, "choices": [], "usage": usage})
    output = b"".join(b"data: " + encode(event) + b"\n\n" for event in events)
    return Fragment(output + END, reply.usage, None, True, 1)


def streamed(choice: dict[str, Any]) -> dict[str, Any]:
    """A whole answer's choice as one of a chunk; what it has several of, such as tool calls, is numbered there."""
    if "message" not in choice:
        return choice
    delta = {**choice["message"]}
    for name in NUMBERED:
        items = delta.get(name)
        if isinstance(items, list):
            delta[name] = [{"index": number, **item} for number, item in enumerate(items) if isinstance(item, dict)]
    rest = {key: value for key, value in choice.items() if key != "message"}
    return {**rest, "delta": delta}
