"""Streams of foreign formats: upstream messages through a codec into OpenAI's chunks.

A codec sees one decoded message at a time and says what is new in it. Everything else (framing, errors, the chunks'
envelope, usage, the end mark) is here, the same for every protocol.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import DecodeError
from msgspec.json import Decoder, encode

from controlplane.base.messages import Sentence
from registry.canon import CallContext, Failure, FailureKind, Fragment, Usage
from registry.protocols.runtime.answers import ErrorRule, UsagePaths, failure_in, words
from registry.protocols.runtime.counting import Counted, usage_body
from registry.protocols.runtime.framing import KEEP_ALIVE, FramingKind, Message

decode = Decoder().decode
DONE = b"data: [DONE]\n\n"
IDLE = ("ping", "keepalive", "keep-alive", "heartbeat")
"""Names and types of events that carry nothing, whatever their data."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What one upstream message adds. `tools` are OpenAI's tool_calls deltas; `done` marks the upstream's own end.

    `thinking` are whole blocks, each with its index, that a caller has to send back as they came.
    """

    text: str = ""
    reasoning: str = ""
    tools: tuple[dict[str, Any], ...] = ()
    finish: str | None = None
    done: bool = False
    thinking: tuple[dict[str, Any], ...] = ()


NOTHING = Delta()
State = dict[str, Any]
DeltaCodec = Callable[[State, str, Any], Delta]


@dataclass(frozen=True, slots=True)
class StreamRules:
    """What a protocol says about its stream. `cumulative` text repeats everything so far in each message."""

    codec: DeltaCodec
    errors: Sequence[ErrorRule]
    usage: UsagePaths
    end: str = ""
    cumulative: bool = False


class ChunkStream:
    """A StreamDecoder that writes OpenAI chunks; its subclasses know the shape of one chunk."""

    def __init__(self, context: CallContext, framing: FramingKind, rules: StreamRules) -> None:
        self.context, self.framing, self.rules = context, framing, rules
        self.state: State = {"request_id": context.request_id}
        self.counted = Counted(rules.usage)
        self.seen = 0
        self.tokens = 0
        self.finish: str | None = None
        self.over = False
        self.heard = b""

    def feed(self, data: bytes, parts: Sequence[bytes] = ()) -> Fragment:
        """Take the next upstream bytes, cut anywhere. Never raises."""
        if len(self.heard) < 500:
            self.heard += data[:500]
        return self.run(self.framing.feed(data))

    def close(self) -> Fragment:
        """Take the end of the upstream's body; a missing end mark is a failure."""
        if self.over:
            return Fragment()
        last = self.run(self.framing.close())
        return last if self.over else self.ended(last.output, self.cut_short(), last.tokens)

    def run(self, messages: Iterator[Message]) -> Fragment:
        """Handle every message that is complete."""
        if self.over:
            return Fragment()
        output: list[bytes] = []
        before = self.tokens
        try:
            for message in messages:
                self.message(message, output)
                if self.over:
                    break
        except Failure as failure:
            return self.ended(b"".join(output), failure, self.tokens - before)
        usage = self.usage() if self.over else None
        return Fragment(b"".join(output), usage, None, self.over, self.tokens - before)

    def ended(self, output: bytes, failure: Failure, tokens: int) -> Fragment:
        """The end of the stream as an error."""
        self.over = True
        return Fragment(output, self.usage(), failure, tokens=tokens)

    def message(self, message: Message, output: list[bytes]) -> None:
        """Turn one upstream message into chunks."""
        name, data = message
        if self.rules.end and data.strip() == self.rules.end.encode():
            self.finished(output)
            return
        if not data.strip() or KEEP_ALIVE.match(data.strip()) or name in IDLE:
            return
        try:
            value = decode(data)
        except (DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise wrong(Sentence("holds a message that is not JSON ({error})", error=error), data) from error
        if value == {} or (isinstance(value, dict) and value.get("type") in IDLE):
            return
        failure = failure_in(value, self.rules.errors, 200, data)
        if failure is not None:
            raise failure
        try:
            delta = self.rules.codec(self.state, name, value)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise wrong(
                Sentence(
                    "holds a message of an unknown form ({name}: {error})", name=type(error).__name__, error=error
                ),
                data,
            ) from error
        self.counted.learn(value)
        self.emit(delta, output)

    def emit(self, delta: Delta, output: list[bytes]) -> None:
        """Write the chunks for what is new."""
        if self.rules.cumulative:
            new = delta.text[self.seen :]
            self.seen = max(self.seen, len(delta.text))
            delta = replace(delta, text=new)
        if delta.text or delta.reasoning or delta.tools:
            self.tokens += 1
        if delta.text or delta.reasoning or delta.tools or delta.thinking:
            output.append(self.chunk(delta))
        self.finish = delta.finish or self.finish
        if delta.done:
            self.finished(output)

    def finished(self, output: list[bytes]) -> None:
        """Write the last chunks and the end mark."""
        self.over = True
        output.append(self.last_chunk(self.finish or "stop"))
        told = usage_body(self.usage(), self.context, self.tokens) if self.context.usage_wanted else None
        if told is not None:
            output.append(self.usage_chunk(told))
        output.append(DONE)

    def usage(self) -> Usage | None:
        """The token counts learnt so far."""
        return self.counted.usage()

    def cut_short(self) -> Failure:
        """The failure for a body that ends before the stream does."""
        heard = words(self.heard)
        if self.tokens == 0 and not heard:
            return wrong(Sentence("is empty"), b"")
        if self.tokens == 0 and heard.startswith(("<", "{", "[")):
            return wrong(Sentence("is no stream of this protocol"), self.heard)
        return wrong(Sentence("ended before its end mark, so the answer is incomplete"), self.heard)

    def chunk(self, delta: Delta) -> bytes:
        """One chunk of content as an SSE event."""
        raise NotImplementedError

    def last_chunk(self, finish: str) -> bytes:
        """The chunk that says why the answer ended."""
        raise NotImplementedError

    def usage_chunk(self, told: dict[str, Any]) -> bytes:
        """The chunk with no choices that carries usage."""
        raise NotImplementedError


def wrong(what: str, data: bytes) -> Failure:
    """The failure for a stream that does not fit the protocol."""
    return Failure(
        FailureKind.UPSTREAM_INVALID,
        Sentence("The upstream's stream {what}. Check the model's endpoint and protocol.", what=what),
        upstream_status=200,
        upstream_words=words(data),
        retryable=True,
    )


def envelope(context: CallContext, prefix: str, kind: str) -> bytes:
    """The bytes that every chunk of one stream starts with, up to the value of `choices`."""
    head = {"id": f"{prefix}-{context.request_id}", "object": kind, "created": context.created, "model": context.model}
    return b"data: " + encode(head)[:-1] + b',"choices":'


class ChatStream(ChunkStream):
    """Chunks of a chat: the first one carries the role."""

    def __init__(self, context: CallContext, framing: FramingKind, rules: StreamRules) -> None:
        super().__init__(context, framing, rules)
        self.head = envelope(context, "chatcmpl", "chat.completion.chunk")
        self.started = False

    def chunk(self, delta: Delta) -> bytes:
        """A chunk with a message delta."""
        told: dict[str, Any] = {} if self.started else {"role": "assistant", "content": ""}
        self.started = True
        if delta.text:
            told["content"] = delta.text
        if delta.reasoning:
            told["reasoning_content"] = delta.reasoning
        if delta.thinking:
            told["thinking_blocks"] = delta.thinking
        if delta.tools:
            told["tool_calls"] = delta.tools
        return self.head + b'[{"index":0,"delta":' + encode(told) + b',"finish_reason":null}]}\n\n'

    def last_chunk(self, finish: str) -> bytes:
        """An empty delta with the finish reason; an answer without content still names its role."""
        first = b"" if self.started else self.chunk(NOTHING)
        return first + self.head + b'[{"index":0,"delta":{},"finish_reason":' + encode(finish) + b"}]}\n\n"

    def usage_chunk(self, told: dict[str, Any]) -> bytes:
        """No choices, and usage."""
        return self.head + b'[],"usage":' + encode(told) + b"}\n\n"


class CompletionStream(ChunkStream):
    """Chunks of a text completion."""

    def __init__(self, context: CallContext, framing: FramingKind, rules: StreamRules) -> None:
        super().__init__(context, framing, rules)
        self.head = envelope(context, "cmpl", "text_completion")

    def chunk(self, delta: Delta) -> bytes:
        """A chunk with text."""
        return self.head + b'[{"index":0,"text":' + encode(delta.text) + b',"logprobs":null,"finish_reason":null}]}\n\n'

    def last_chunk(self, finish: str) -> bytes:
        """No text and the finish reason."""
        return self.head + b'[{"index":0,"text":"","logprobs":null,"finish_reason":' + encode(finish) + b"}]}\n\n"

    def usage_chunk(self, told: dict[str, Any]) -> bytes:
        """No choices, and usage."""
        return self.head + b'[],"usage":' + encode(told) + b"}\n\n"
