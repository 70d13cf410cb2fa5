"""Streams of the caller's own format, sent on as bytes: whole events, only the model's name replaced.

An event is decoded only where its bytes show usage or an error; so a stream costs about what copying it costs. Many
servers leave out OpenAI's [DONE]: a body that ends whole after a finish_reason is a whole answer, and gets one.
"""

import re
from collections.abc import Sequence

from msgspec import DecodeError
from msgspec.json import Decoder, encode

from registry.canon import CallContext, Failure, Fragment, Usage
from registry.protocols.answers import ErrorRule, UsagePaths, failure_in, usage_of, words
from registry.protocols.framing import MAX_MESSAGE, too_long
from registry.protocols.streams import wrong

decode = Decoder().decode
MODEL = re.compile(rb'"model"\s*:\s*"[^"\\]*(?:\\.[^"\\]*)*"')
USAGE = re.compile(rb'"usage"\s*:\s*\{')
CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\{')
MODEL_KEY = b'"model"'
DONE = b"[DONE]"
END = b"data: [DONE]\n\n"
REASON = b'"finish_reason"'


class SpliceStream:
    """A StreamDecoder for OpenAI's SSE from an upstream that speaks it too."""

    __slots__ = (
        *("done", "errors", "escaped", "heard", "held", "model", "over", "paths", "reason", "searched", "theirs"),
        *("usage", "usage_wanted"),
    )

    def __init__(self, context: CallContext, errors: Sequence[ErrorRule], paths: UsagePaths) -> None:
        self.errors, self.paths = errors, paths
        self.usage_wanted = context.usage_wanted
        self.model = b'"model":' + encode(context.model)
        self.escaped = self.model.replace(b"\\", rb"\\")
        self.theirs = MODEL_KEY
        self.held = bytearray()
        self.searched = 0
        self.usage: Usage | None = None
        self.heard = b""
        self.done = self.over = self.reason = False

    def feed(self, data: bytes) -> Fragment:
        """Take the next upstream bytes, cut anywhere. Never raises."""
        if self.over:
            return Fragment()
        if len(self.heard) < 500:
            self.heard += data[:500]
        if not self.held and data.endswith(b"\n\n"):
            return self.events(data)
        self.held += data
        start = max(0, self.searched - 3)
        end = max(self.held.rfind(b"\n\n", start) + 2, self.held.rfind(b"\n\r\n", start) + 3)
        self.searched = len(self.held)
        if end >= 3 or (end == 2 and self.held.startswith(b"\n\n")):
            block = bytes(self.held[:end])
            del self.held[:end]
            self.searched = len(self.held)
            return self.events(block)
        if self.searched > MAX_MESSAGE:
            return self.failed(b"", too_long(self.held))
        return Fragment()

    def close(self) -> Fragment:
        """Take the end of the upstream's whole body; without [DONE] and without a finish_reason it is a failure."""
        if self.over:
            return Fragment(finished=self.done)
        rest = bytes(self.held)
        last = self.events(rest.rstrip() + b"\n\n") if rest.strip() else Fragment()
        if self.over:
            return last
        if self.reason:
            self.done = self.over = True
            return Fragment(last.output + END, self.usage, None, True, last.tokens)
        heard = words(self.heard)
        if not heard:
            return self.failed(last.output, wrong("is empty", b""))
        problem = wrong("ended before a finish_reason or data: [DONE], so the answer is incomplete", self.heard)
        return self.failed(last.output, problem)

    def events(self, block: bytes) -> Fragment:
        """Send complete events on."""
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        if len(block) > MAX_MESSAGE and max(map(len, block.split(b"\n"))) > MAX_MESSAGE:
            return self.failed(b"", too_long(block))
        self.reason = tells_reason(block, self.reason)
        plain = plain_events(block)
        if not plain or is_telling(block):
            return self.careful(block)
        return Fragment(self.renamed(block), tokens=plain)

    def renamed(self, block: bytes) -> bytes:
        """`block` with our name of the model in place of the upstream's."""
        named = block.count(MODEL_KEY)
        if named != block.count(self.theirs) or self.theirs is MODEL_KEY:
            found = MODEL.search(block)
            self.theirs = found.group() if found else MODEL_KEY
            return MODEL.sub(self.escaped, block)
        return block.replace(self.theirs, self.model) if named else block

    def careful(self, block: bytes) -> Fragment:
        """Send events on one by one, because one of them is no plain chunk of content."""
        kept: list[bytes] = []
        for event in block.split(b"\n\n"):
            if not event.strip():
                continue
            try:
                keep = self.look(event)
            except Failure as failure:
                return self.failed(b"".join(kept), failure)
            if keep:
                kept.append(self.renamed(event.strip(b"\n")) + b"\n\n")
            if self.done:
                self.over = True
                break
        output = b"".join(kept)
        return Fragment(output, self.usage if self.over else None, None, self.done, len(CHOICES.findall(output)))

    def look(self, event: bytes) -> bool:
        """Whether `event` goes to the caller. Raises Failure where it tells of an error."""
        stray = stray_line(event)
        if stray:
            raise wrong("holds a line that is no server-sent event", stray)
        lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
        data = b"\n".join(lines)
        if data == DONE:
            self.done = True
            return True
        if not data:
            return not lines
        if not (data.startswith(b"{") and data.endswith(b"}")):
            raise wrong("holds an event that is no JSON object", data)
        if not is_telling(data):
            return True
        try:
            value = decode(data)
        except (DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise wrong(f"holds an event that is not JSON ({error})", data) from error
        failure = failure_in(value, self.errors, 200, data)
        if failure is not None:
            raise failure
        usage = usage_of(value, self.paths)
        self.usage = usage or self.usage
        return usage is None or self.usage_wanted or bool(value.get("choices"))

    def failed(self, output: bytes, failure: Failure) -> Fragment:
        """The end of the stream as an error."""
        self.over = True
        return Fragment(output, self.usage, failure)


def is_telling(data: bytes) -> bool:
    """Whether bytes may carry usage, an error or the end; content that merely looks so costs time, nothing else."""
    usage = data.find(b'"usage"')
    return b'"error"' in data or DONE in data or (usage >= 0 and USAGE.search(data, usage) is not None)


def plain_events(block: bytes) -> int:
    """How many events complete ones are, where each is one `data:` field that looks like a JSON object; else 0.

    Only the ends of each event are looked at.
    """
    lines = block.count(b"\n")
    framed = block.startswith(b"data: {") and block.endswith(b"}\n\n")
    return lines // 2 if framed and 2 * block.count(b"}\n\ndata: {") == lines - 2 else 0


def tells_reason(block: bytes, before: bool) -> bool:
    """Whether the last finish_reason that was heard of is one, not null; `before` where `block` tells of none.

    Quotes inside of content are escaped, so content cannot look like this.
    """
    at = block.rfind(REASON)
    return before if at < 0 else block[at + len(REASON) : at + len(REASON) + 8].lstrip(b" :\t").startswith(b'"')


def stray_line(block: bytes) -> bytes:
    """The first line that cannot belong to server-sent events; empty where all can."""
    for line in block.split(b"\n"):
        if line and line[:1] not in b":\r" and not line.startswith((b"data:", b"event:", b"id:", b"retry:")):
            return line[:2000]
    return b""
