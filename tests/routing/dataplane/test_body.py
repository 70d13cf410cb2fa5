"""The body of a call as it is read: whole, in parts, too large, too slow, or left."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from registry.canon import Failure
from routing.dataplane import caller as module
from routing.dataplane.caller import CallerLeft, Collected, read_body
from routing.dataplane.endpoints import Head, read_head
from routing.dataplane.parts import SLICE


@dataclass
class Arriving:
    """A request whose body has these parts; after the last one, whoever asks for more waits for ever.

    The part None stands for the caller's leaving.
    """

    parts: list[tuple[bytes, bool] | None]
    method: str = "POST"
    path: str = "/v1/chat/completions"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    client: tuple[str, int] | None = None
    memo: dict[str, Any] = field(default_factory=dict)
    waits: int = 0

    async def part(self) -> tuple[bytes, bool]:
        """The next part."""
        if not self.parts:
            await asyncio.Event().wait()
        found = self.parts.pop(0)
        if found is None:
            raise CallerLeft
        return found

    async def others_first(self) -> None:
        """Others go on."""
        self.waits += 1
        await asyncio.sleep(0)


def head(**headers: str) -> Head:
    """A request's head with these headers."""
    return read_head([(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ([(b"whole", False)], b"whole"),
        ([(b"in ", True), (b"", True), (b"parts", False)], b"in parts"),
        ([(b"", False)], b""),
    ],
)
async def test_a_body_is_read_to_its_end(parts: list[tuple[bytes, bool] | None], body: bytes) -> None:
    assert await read_body(Arriving(parts), head()) == body


async def test_a_caller_who_leaves_within_the_body_has_left() -> None:
    with pytest.raises(CallerLeft):
        await read_body(Arriving([(b"begun", True), None]), head())


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_is_refused_when_it_is_too_large_announced_or_not(
    monkeypatch: pytest.MonkeyPatch, announced: bool
) -> None:
    monkeypatch.setattr(module, "BODY_BYTES", 1024 * 1024)
    told = head(content_length=str(1024 * 1024 + 1)) if announced else head()
    large = Arriving([(b"x" * 1024 * 1024, True), (b"x", False)])
    with pytest.raises(Failure, match="larger than 1 MB") as refused:
        await read_body(large, told)
    assert refused.value.code == "body_too_large"


async def test_what_is_collected_without_a_connection_is_what_was_sent() -> None:
    whole = Collected()
    await whole.answer(201, [(b"a", b"b")], b"body")
    assert (whole.status, whole.headers, whole.parts) == (201, [(b"a", b"b"), (b"content-length", b"4")], [b"body"])
    streamed = Collected()
    await streamed.start(200, [])
    await streamed.write(b"one")
    await streamed.finish(b"two")
    assert b"".join(streamed.parts) == b"onetwo"


async def test_a_body_of_small_parts_is_read_no_further_than_it_takes_to_see_that() -> None:
    parts: list[tuple[bytes, bool] | None] = [(b'{"a":1},' * 8192, True) for _ in range(450)]
    arriving = Arriving(parts)
    with pytest.raises(Failure, match="more than 10,000 objects and fields") as refused:
        await read_body(arriving, head())
    assert refused.value.code == "too_many_parts"
    assert len(parts) >= 447


async def test_others_go_on_between_two_slices_of_a_large_part_that_is_counted() -> None:
    text = b'"' + b"x: {" * 2_000_000 + b'"'
    arriving = Arriving([(text, False)])
    assert await read_body(arriving, head()) == text
    assert arriving.waits == len(text) // SLICE
