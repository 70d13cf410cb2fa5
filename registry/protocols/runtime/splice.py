"""Streams of the caller's own format: the data of each event goes on as bytes, only the model's name replaced.

Of an event only its choices' indexes and reasons to end, and usage, are decoded. Many servers leave out OpenAI's
[DONE]: a body that ends whole after a reason for every choice is a whole answer, and gets one. What carries nothing
(comments, empty data, events without choices) becomes a comment, so that the caller's connection lives; ids, names
and reconnection times of events are left out: nobody can take up a stream again here.
"""

import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from msgspec import DecodeError, ValidationError, convert
from msgspec.json import Decoder, encode

from controlplane.base.messages import Sentence
from registry.canon import MOST_CHOICES, CallContext, Failure, Fragment, Usage
from registry.protocols.runtime.answers import ErrorRule, UsagePaths, failure_in, usage_of, words
from registry.protocols.runtime.chunks import (
    PLAIN_END,
    PLAIN_JOINT,
    PLAIN_START,
    UNSURE,
    ChunkChoice,
    ChunkRun,
    ChunkTemplate,
    decode_chunk,
    decode_chunks,
    run_of,
    template_of,
)
from registry.protocols.runtime.framing import KEEP_ALIVE, EventBlocks, read_event
from registry.protocols.runtime.streams import wrong

MODEL = re.compile(rb'"model"\s*:\s*"[^"\\]*(?:\\.[^"\\]*)*"')
MODEL_KEY = b'"model"'
DONE = b"[DONE]"
END = b"data: [DONE]\n\n"
COMMENT = b": keep-alive\n\n"
NO_REASON = ("", "null", "none")
LESSONS = 4
"""How often a stream's chunks are looked at for what they have in common."""
BROKEN_OFF = ("error", "abort")
ENVELOPE = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "type"}
)


NOTHING = Fragment()
decode = Decoder().decode


class SpliceStream:
    """A StreamDecoder for OpenAI's SSE from an upstream that speaks it too."""

    __slots__ = (
        *("blocks", "context", "done", "ended", "errors", "escaped", "heard", "lessons", "model", "over", "paths"),
        *("seen", "template", "theirs", "tokens", "usage"),
    )

    def __init__(self, context: CallContext, errors: Sequence[ErrorRule], paths: UsagePaths) -> None:
        self.context, self.errors, self.paths = context, errors, paths
        self.model = b'"model":' + encode(context.model)
        self.escaped = self.model.replace(b"\\", rb"\\")
        self.theirs = MODEL_KEY
        self.template: ChunkTemplate | None = None
        self.lessons = LESSONS
        self.blocks = EventBlocks()
        self.usage: Usage | None = None
        self.heard = b""
        self.seen: set[int] = set()
        self.ended: set[int] = set()
        self.tokens = 0
        self.done = self.over = False

    def feed(self, data: bytes, parts: Sequence[bytes] = ()) -> Fragment:
        """Take the next upstream bytes, cut anywhere. Never raises."""
        if self.over:
            return Fragment()
        if len(self.heard) < 500:
            self.heard += data[:500]
        run = self.alike(data, parts)
        return self.mixed(data) if run is None else self.around(run, data)

    def alike(self, data: bytes, parts: Sequence[bytes]) -> ChunkRun | None:
        """A run of chunks in `data` that are equal but for their texts."""
        run = None if self.template is None else run_of(self.template, data, parts)
        if run is None and self.lessons:
            self.lessons -= 1
            self.template = template_of(data, partial(MODEL.sub, self.escaped)) or self.template
            run = None if self.template is None else run_of(self.template, data, parts)
        return run

    def around(self, run: ChunkRun, data: bytes) -> Fragment:
        """The fragment of `data`: what comes before the run, the run, and what comes after it."""
        before = self.mixed(data[: run.start]) if run.start else NOTHING
        if self.over:
            return before
        index = 0 if self.template is None else self.template.index
        if not self.blocks.between() or (self.seen and index not in self.seen):
            return joined(before, self.mixed(data[run.start :]))
        self.seen.add(index)
        self.tokens += run.tokens
        here = Fragment(before.output + run.output, None, None, False, before.tokens + run.tokens)
        return here if run.stop == len(data) else joined(here, self.mixed(data[run.stop :]))

    def mixed(self, data: bytes) -> Fragment:
        """The fragment of bytes that may be anything."""
        ends = data.endswith(END)
        chunks = data[: -len(END)] if ends else data
        begun = ends and not chunks and self.seen and self.blocks.between()
        plain = Fragment() if begun else self.plain(chunks)
        if plain is None:
            return self.run(self.blocks.feed(data))
        if not ends:
            return plain
        self.finish()
        return joined(plain, Fragment(END, self.usage, None, True))

    def plain(self, data: bytes) -> Fragment | None:
        """The fragment of whole events that are chunks of content and nothing else, decoded together.

        None if it is not sure that they are: then each is looked at by itself.
        """
        if not (data.startswith(PLAIN_START) and data.endswith(PLAIN_END)):
            return None
        count = data.count(PLAIN_JOINT) + 1
        if data.count(b"\n") != 2 * count or b"\r" in data:
            return None
        if any(word in data for word in UNSURE) or not self.blocks.between():
            return None
        try:
            if not data.isascii():
                data.decode()
            chunks = decode_chunks(b"[%b]" % data[6:-2].replace(b"\n\ndata: ", b","))
        except (DecodeError, UnicodeDecodeError, RecursionError):
            return None
        choices = [choice for chunk in chunks for choice in chunk.choices or ()]
        if len(chunks) != count or not all(chunk.choices for chunk in chunks):
            return None
        if len(self.seen.union(choice.index for choice in choices if isinstance(choice.index, int))) > MOST_CHOICES:
            return None
        before = self.tokens
        self.follow(choices)
        for chunk in chunks:
            if chunk.usage is not None:
                self.learn({"usage": chunk.usage})
        return Fragment(self.renamed(data), tokens=self.tokens - before)

    def close(self) -> Fragment:
        """Take the end of the upstream's whole body; without [DONE] each choice must have told why it ended."""
        if self.over:
            return Fragment(finished=self.done)
        rest = self.blocks.close()
        last = self.run([rest] if rest else [])
        if self.over:
            return last
        cut = rest and not rest.startswith(b":") and last.output in (b"", COMMENT)
        if self.seen and self.seen == self.ended and len(self.ended) >= self.context.choices and not cut:
            self.done = self.over = True
            return Fragment(last.output + END, self.usage, None, True, last.tokens)
        if not words(self.heard):
            return self.failed(last.output, wrong(Sentence("is empty"), b""), last.tokens)
        problem = wrong(
            Sentence("ended before a finish_reason or data: [DONE], so the answer is incomplete"), self.heard
        )
        return self.failed(last.output, problem, last.tokens)

    def run(self, blocks: Iterable[bytes]) -> Fragment:
        """Send complete events on."""
        output: list[bytes] = []
        before = self.tokens
        failure: Failure | None = None
        try:
            for block in blocks:
                self.event(block, output)
                if self.over:
                    break
        except Failure as raised:
            failure = raised
        data = self.renamed(b"".join(output))
        if failure is not None:
            return self.failed(data, failure, self.tokens - before)
        return Fragment(data, self.usage if self.over else None, None, self.done, self.tokens - before)

    def event(self, block: bytes, output: list[bytes]) -> None:
        """Take one event. Raises Failure if it tells of an error or is none of this format."""
        if block.startswith(b"data: {") and b"\n" not in block:
            data = block[6:]
        else:
            found = read_event(block)
            self.refuse(found.stray, found.name, found.others.get("error"), found.data)
            if found.data is None:
                output.append(comment(found.comment) if found.comment or found.name else b"")
                return
            data = found.data.strip().replace(b"\n", b" ")
        if not data.isascii():
            data = data.decode(errors="replace").encode()
        if data == DONE:
            self.finish()
            output.append(END)
        else:
            output.append(self.passed(data))

    def refuse(self, stray: bytes, name: str, error: bytes | None, data: bytes | None) -> None:
        """Raise Failure for what is no event, and for an error that is told by an event's or a field's name."""
        if stray:
            raise wrong(Sentence("holds a line that is no server-sent event"), stray)
        told = data if name == "error" else error
        if told is None:
            return
        try:
            failure = failure_in(decode(told), self.errors, 200, told)
        except (DecodeError, UnicodeDecodeError, RecursionError):
            failure = None
        raise failure or wrong(Sentence("tells of an error"), told)

    def passed(self, data: bytes) -> bytes:
        """What an event's data becomes for the caller. Raises Failure if it tells of an error."""
        try:
            chunk = decode_chunk(data)
        except (DecodeError, UnicodeDecodeError, RecursionError):
            return self.looked_at(data)
        if not chunk.choices or b'"error"' in data:
            return self.looked_at(data)
        self.follow(chunk.choices)
        if chunk.usage is not None:
            self.learn({"usage": chunk.usage})
        return b"data: " + data + b"\n\n"

    def nothing(self, data: bytes, error: Exception) -> bytes:
        """A comment in place of data that is no JSON and only keeps a connection alive. Raises Failure for other."""
        if not data or KEEP_ALIVE.match(data):
            return COMMENT
        if data.startswith(b"{") and data.endswith(b"}"):
            raise wrong(Sentence("holds an event that is not JSON ({error})", error=error), data) from error
        raise wrong(Sentence("holds an event that is no JSON object"), data) from error

    def looked_at(self, data: bytes) -> bytes:
        """What becomes of data that is no plain chunk of content: an error, usage, or nothing."""
        try:
            value = decode(data)
        except (DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self.nothing(data, error)
        failure = failure_in(value, self.errors, 200, data)
        if failure is not None:
            raise failure
        if value in (None, "", []):
            return COMMENT
        if isinstance(value, str):
            return self.nothing(value.encode(errors="replace"), ValueError(Sentence("a text")))
        if not isinstance(value, dict):
            raise wrong(Sentence("holds an event that is no JSON object"), data)
        try:
            choices = convert(value.get("choices") or [], list[ChunkChoice])
        except ValidationError as error:
            raise wrong(Sentence("holds an event whose choices are no list of objects with deltas"), data) from error
        usage = self.learn(value)
        if choices:
            self.follow(choices)
        elif usage and self.context.usage_wanted:
            data = encode({**value, "choices": []})
        elif usage:
            return b""
        elif "choices" not in value or set(value) <= ENVELOPE:
            return COMMENT
        return b"data: " + data + b"\n\n"

    def follow(self, choices: Sequence[ChunkChoice]) -> None:
        """Note which choices began, grew and ended. Raises Failure if one broke off."""
        for choice in choices:
            self.tokens += choice.adds()
            index = choice.index if isinstance(choice.index, int) else 0
            self.seen.add(index)
            reason = choice.finish_reason
            if isinstance(reason, str) and reason.strip().lower() not in NO_REASON:
                if reason in BROKEN_OFF:
                    raise wrong(
                        Sentence("ended with finish_reason {reason}, so the answer is incomplete", reason=repr(reason)),
                        self.heard,
                    )
                self.ended.add(index)
        if len(self.seen) > MOST_CHOICES:
            raise wrong(Sentence("holds more than {most} choices", most=MOST_CHOICES), self.heard)

    def learn(self, value: dict[str, Any]) -> bool:
        """Keep the token counts of an event; a count that is missing keeps its earlier value. Whether there are any."""
        found = usage_of(value, self.paths)
        if found is None:
            return False
        before = self.usage or Usage()
        prompt = before.prompt_tokens if found.prompt_tokens is None else found.prompt_tokens
        completion = before.completion_tokens if found.completion_tokens is None else found.completion_tokens
        self.usage = Usage(prompt, completion)
        return True

    def finish(self) -> None:
        """Take [DONE]. Raises Failure if there was no answer before it."""
        if not self.seen:
            raise wrong(Sentence("holds no choices, so there is no answer"), self.heard)
        self.done = self.over = True

    def renamed(self, block: bytes) -> bytes:
        """`block` with our name of the model in place of the upstream's."""
        named = block.count(MODEL_KEY)
        if named != block.count(self.theirs) or self.theirs is MODEL_KEY:
            found = MODEL.search(block)
            self.theirs = found.group() if found else MODEL_KEY
            return MODEL.sub(self.escaped, block)
        return block.replace(self.theirs, self.model) if named else block

    def failed(self, output: bytes, failure: Failure, tokens: int) -> Fragment:
        """The end of the stream as an error."""
        self.over = True
        return Fragment(output, self.usage, failure, tokens=tokens)


def comment(line: bytes) -> bytes:
    """An upstream's comment as an event of its own; one of ours in place of an event without any."""
    return line.decode(errors="replace").encode() + b"\n\n" if line else COMMENT


def joined(first: Fragment, last: Fragment) -> Fragment:
    """Two fragments in a row."""
    return Fragment(first.output + last.output, last.usage, last.failure, last.finished, first.tokens + last.tokens)
