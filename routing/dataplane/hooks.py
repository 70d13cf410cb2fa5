"""What the gateway calls outside, and what durable calls are made of."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from registry.canon import Failure
from routing.table import Caller


@dataclass(frozen=True, slots=True)
class Submission:
    """A call that a worker is to make later. `path` and `body` are the caller's."""

    caller: Caller
    path: str
    body: bytes
    model: str
    request_id: str
    idempotency_key: str | None


SubmitJob = Callable[[Submission], Awaitable[str]]
"""Stores a durable call and returns its job's id. Raises Failure."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer to a call that was made without a connection."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    failure: Failure | None = None


async def _nothing_newer() -> bool:
    return True


@dataclass(slots=True)
class Hooks:
    """What the gateway calls outside: for a newer table (and whether it surely has the newest), and durable calls."""

    catch_up: Callable[[], Awaitable[bool]] = _nothing_newer
    submit_job: SubmitJob | None = None
