"""What is read of OpenAI's chunks, one at a time or many alike at once.

Most chunks of one stream are equal but for one text. Such a chunk is read twice with other texts in place of its own;
from then on a run of chunks that have the same bytes around their texts needs no reading but of the texts.
"""

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

DATA = b"data: "
PLAIN_START, PLAIN_JOINT, PLAIN_END = b"data: {", b"}\n\ndata: {", b"}\n\n"
UNSURE = (b'"error"', b'"abort"')
"""What an event that is no plain chunk may hold: an error of some kind, or a reason to break off."""
STRANGERS = 4
"""How many parts of what was read may be none of a run, on either side of it."""
TEMPLATE_BYTES = 2048
"""The longest chunk that a template is made of: each open stream keeps one."""
_TEXT = re.compile(rb'"(?:content|text|reasoning_content|reasoning|arguments)": ?"((?:[^"\\\n]|\\.)*)"')
_PLAIN = bytes(code for code in range(0x20, 0x100) if code not in b'"\\')
"""The bytes that stand for themselves in a JSON text."""


class Content(Struct, gc=False):
    """What a chunk may add to a choice's message."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: Any = None
    function_call: Any = None
    refusal: Any = None
    audio: Any = None


class ChunkChoice(Struct, gc=False):
    """What is read of a chunk's choice. `text` is a completion's."""

    index: Any = 0
    finish_reason: Any = None
    text: Any = None
    delta: Content | None = None

    def adds(self) -> bool:
        """Whether it adds anything to the answer."""
        new = self.delta
        if new is None:
            return bool(self.text)
        spoken = self.text or new.content or new.reasoning_content or new.reasoning or new.refusal or new.audio
        return bool(spoken or new.tool_calls or new.function_call)


class Chunk(Struct, gc=False):
    """What is read of a chunk."""

    choices: list[ChunkChoice] | None = None
    usage: Any = None


class ChunkTemplate(Struct, frozen=True, gc=False):
    """The bytes of an event before and after its text, and the caller's in place of them.

    `with_text` and `without` are what such a chunk adds to the count of tokens if its text is there or empty.
    """

    before: bytes
    after: bytes
    callers_before: bytes
    callers_after: bytes
    index: int
    with_text: bool
    without: bool


class ChunkRun(NamedTuple):
    """Events of one template in a row: where they begin and end in the data, what the caller gets, and tokens."""

    start: int
    stop: int
    output: bytes
    tokens: int


decode_chunk = Decoder(Chunk).decode
decode_chunks = Decoder(list[Chunk]).decode
_decode_texts = Decoder(list[str]).decode


def template_of(data: bytes, renamed: Callable[[bytes], bytes]) -> ChunkTemplate | None:
    """The template of the event in the middle of `data`; None if it has none. `renamed` puts in the caller's name."""
    joint = data.rfind(PLAIN_JOINT, 0, len(data) // 2)
    start = 0 if joint < 0 else joint + len(PLAIN_END)
    event = data[start : data.find(PLAIN_END, start) + len(PLAIN_END)]
    if not event.startswith(PLAIN_START) or len(event) > TEMPLATE_BYTES or event.count(b"\n") != 2:
        return None
    found = max(_TEXT.finditer(event), key=lambda match: len(match.group(1)), default=None)
    if found is None or b"\r" in event or any(word in event for word in UNSURE):
        return None
    before, after = event[: found.start(1)], event[found.end(1) :]
    try:
        event.decode()
        empty, filled = (decode_chunk(before[len(DATA) :] + text + after) for text in (b"", b"x"))
        (without,), (choice,) = empty.choices or [], filled.choices or []
    except (DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    if filled.usage is not None or choice.finish_reason is not None or choice.index.__class__ is not int:
        return None
    return ChunkTemplate(before, after, renamed(before), renamed(after), choice.index, choice.adds(), without.adds())


def run_of(template: ChunkTemplate, data: bytes, parts: Sequence[bytes] = ()) -> ChunkRun | None:
    """The events of `template` in `data`, from the first to the last; None if there is none, or another between them.

    Whether `data` has the start of an event where the run begins is for the reader of events to say. `parts` are
    `data` as the upstream cut it: often an event each, which need not be looked for then.
    """
    before, after = template.before, template.after
    if len(data) <= TEMPLATE_BYTES and data.startswith(before) and data.endswith(after):
        text = data[len(before) : -len(after)]
        if len(data) >= len(before) + len(after) and are_texts([text]):
            tokens = int(template.with_text if text else template.without)
            return ChunkRun(0, len(data), template.callers_before + text + template.callers_after, tokens)
    start = data.find(before)
    if start >= 0 and not _end(template, data, start):
        start = data.find(before, start + 1)
    if start < 0:
        return None
    joint = after + before
    found = data.rfind(joint, start)
    last = start if found < 0 else found + len(after)
    stop = _end(template, data, last) or last
    if stop == start:
        return None
    if found < 0:
        texts: list[bytes] | None = [data[start + len(before) : stop - len(after)]]
    else:
        texts = _texts(template, data, (start, stop), parts)
    if texts is None or not are_texts(texts):
        return None
    empty = texts.count(b"")
    tokens = (len(texts) - empty) * template.with_text + empty * template.without
    texts[0] = template.callers_before + texts[0]
    texts[-1] += template.callers_after
    return ChunkRun(start, stop, (template.callers_after + template.callers_before).join(texts), tokens)


def _texts(template: ChunkTemplate, data: bytes, place: tuple[int, int], parts: Sequence[bytes]) -> list[bytes] | None:
    """The texts of the events at `place`, if they are all of `template`."""
    before, after = template.before, template.after
    start, stop = place
    joint, first = after + before, start + len(before)
    size = stop - start - len(joint)
    inner = _between(parts, start, len(data) - stop)
    if inner:
        texts = list(map(itemgetter(slice(len(before), -len(after))), inner))
        together = joint.join(texts)
        if len(together) == size and data.startswith(together, first):
            return texts
    # Splitting at the long joint would cost twice as much as splitting at a short one and comparing.
    events = data[start + len(PLAIN_START) : stop - len(PLAIN_END)].split(PLAIN_JOINT)
    texts = list(map(itemgetter(slice(len(before) - len(PLAIN_START), len(PLAIN_END) - len(after))), events))
    together = joint.join(texts)
    return texts if len(together) == size and data.startswith(together, first) else None


def _between(parts: Sequence[bytes], start: int, rest: int) -> Sequence[bytes]:
    """The parts after the first `start` bytes and before the last `rest`; none if they are cut elsewhere."""
    first, last = 0, len(parts)
    while start > 0 and first < STRANGERS and first < last:
        start -= len(parts[first])
        first += 1
    while rest > 0 and len(parts) - last < STRANGERS and first < last:
        last -= 1
        rest -= len(parts[last])
    return parts[first:last] if start == rest == 0 else ()


def _end(template: ChunkTemplate, data: bytes, start: int) -> int:
    """Where the event that begins at `start` ends; 0 if it does not, or not as the template does."""
    stop = data.find(PLAIN_END, start) + len(PLAIN_END)
    return stop if data.endswith(template.after, start + len(template.before), stop) else 0


def are_texts(texts: Sequence[bytes]) -> bool:
    """Whether each is a JSON text without its quotes."""
    lines = b"\n".join(texts)
    if not lines.isascii():
        try:
            lines.decode()
        except UnicodeDecodeError:
            return False
    ends = len(texts) - 1
    if len(lines.translate(None, _PLAIN)) == ends == lines.count(b"\n"):
        return True
    quotes = lines.replace(b"\\\\", b"").replace(b'\\"', b"")
    if b'"' in quotes or lines.count(b"\n") != ends:
        return False
    try:
        return len(_decode_texts(b'["%b"]' % lines.replace(b"\n", b'","'))) == len(texts)
    except (DecodeError, UnicodeDecodeError):
        return False
