"""The callers of benchmarks/truth.py: raw sockets that leave, dawdle and half-close, and count what they received."""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import httptools

MODEL = "truth"
DONE = b"data: [DONE]\n\n"
WORD = b'"word '
DAWDLE_SECONDS = 0.02
POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Plan:
    """One call: what the upstream is asked for, and what the caller does.

    `way` is read, dawdle, half-close, leave-before, leave-midway or leave-at-end; `lines` are header lines.
    """

    kind: str
    seconds: float
    events: int
    stream: bool
    way: str = "read"
    version: str = "1.1"
    lines: tuple[str, ...] = ()

    @property
    def content(self) -> str:
        """The message for the upstream."""
        return f"{self.kind} {self.seconds} {self.events}"


@dataclass(frozen=True)
class Seen:
    """What one caller received. `status` 0 means no answer began; `whole` that the answer's own end was there."""

    plan: Plan
    request_id: str
    status: int
    whole: bool
    words: int


class Answer:
    """Collects one HTTP answer."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self.headers[name.lower()] = value

    def on_body(self, data: bytes) -> None:
        """Keep body bytes."""
        self.body += data

    def on_message_complete(self) -> None:
        """The framing has ended."""
        self.complete = True

    @property
    def status(self) -> int:
        """The status, 0 before there is one."""
        return int(self.parser.get_status_code())

    def seen(self, plan: Plan) -> Seen:
        """What the caller has now."""
        whole = DONE in self.body if plan.stream and self.status == 200 else self.complete
        identity = self.headers.get(b"x-request-id", b"").decode()
        return Seen(plan, identity, self.status, whole, self.body.count(WORD) if plan.stream else 0)


def draw(rng: random.Random) -> Plan:
    """A call of a random kind, pace, size and caller."""
    seconds, events = rng.choice((0.0, 0.05, 0.19, 0.25, 0.6, 1.5)), rng.choice((1, 3, 10, 40))
    version, lines = rng.choice((("1.1", ()), ("1.1", ()), ("1.1", ("connection: close",)), ("1.0", ())))
    kind = rng.choices(("whole", "mute", "cut", "broken", "refused"), (80, 5, 5, 5, 5))[0]
    ways = ("read", "dawdle", "half-close", "leave-before", "leave-midway", "leave-at-end", "durable")
    way = rng.choices(ways, (60, 6, 4, 6, 9, 9, 6))[0]
    if way == "leave-before":
        return Plan("whole", 1.5, events, False, way, version, lines)
    if way == "leave-midway":
        return Plan("whole", 2.0, 20, True, way, version, lines)
    if way == "durable":
        return Plan(rng.choice(("whole", "refused")), seconds, events, False, way, "1.1", ("prefer: respond-async",))
    if way == "leave-at-end":
        return Plan("whole", seconds, events, True, way, version, lines)
    return Plan(kind, seconds, events, kind == "cut" or rng.random() < 0.6, way, version, lines)


async def call(port: int, key: str, plan: Plan) -> Seen:
    """Make one call on a connection of its own, and leave it as planned."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(key, plan))
    if plan.way == "half-close":
        writer.write_eof()
    answer = Answer()
    if plan.way == "leave-before":
        await asyncio.sleep(plan.seconds / 3)
    else:
        await _read(reader, answer, _until(plan), DAWDLE_SECONDS if plan.way == "dawdle" else 0)
    seen = answer.seen(plan)
    writer.transport.abort()
    if plan.way == "durable" and seen.status == 202:
        return await _follow(port, key, plan, json.loads(answer.body)["id"])
    return seen


def _until(plan: Plan) -> Callable[[Answer], bool]:
    if plan.way == "leave-midway":
        return lambda answer: answer.body.count(WORD) > 1
    if plan.way == "leave-at-end":
        return lambda answer: DONE in answer.body
    return lambda answer: answer.complete


async def _read(reader: asyncio.StreamReader, answer: Answer, enough: Callable[[Answer], bool], pause: float) -> None:
    with suppress(ConnectionError):
        while not enough(answer) and (data := await reader.read(512 if pause else 65536)):
            answer.parser.feed_data(data)
            await asyncio.sleep(pause)


async def _follow(port: int, key: str, plan: Plan, job: str) -> Seen:
    """Wait for a durable call's end; its job's id stands for the request's."""
    while True:
        answer = Answer()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = (f"GET /api/jobs/{job} HTTP/1.1", "host: localhost", f"authorization: Bearer {key}", "", "")
        writer.write("\r\n".join(lines).encode())
        await _read(reader, answer, lambda found: found.complete, 0)
        writer.close()
        told = json.loads(answer.body) if answer.status == 200 else {}
        if told.get("finished_at"):
            kept = told.get("result") or (told.get("error") or {}).get("detail") or {}
            return Seen(plan, job, int(kept.get("status", 0)), bool(kept.get("body")), 0)
        await asyncio.sleep(POLL_SECONDS)


def request(key: str, plan: Plan) -> bytes:
    """The call as bytes."""
    message = {"role": "user", "content": plan.content}
    body = json.dumps({"model": MODEL, "messages": [message], "stream": plan.stream}).encode()
    head = [
        f"POST /v1/chat/completions HTTP/{plan.version}",
        "host: localhost",
        f"authorization: Bearer {key}",
        *plan.lines,
    ]
    return "\r\n".join([*head, f"content-length: {len(body)}", "", ""]).encode() + body
