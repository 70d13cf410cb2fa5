"""One call on its way through the gateway, and the record that is left of it."""

import os
import time
from datetime import UTC, datetime
from typing import Literal

from msgspec import Raw, Struct, field

from controlplane.base.messages import cut, stored
from registry.canon import Failure, FailureKind, Request, Usage, UsageBasis
from registry.protocols.adapter import Encoded
from routing.dataplane.changes import UNCHANGED, Changes, changes_of
from routing.dataplane.endpoints import Address, Head, status_of
from routing.dataplane.recorder import Record
from routing.dataplane.unspoken import words_kept
from routing.dataplane.uses import used
from routing.table import Caller, Replica, ServedModel, Table

_ID_BYTES, _IDS = 16, 256
_ids: list[str] = []

CANCELLED = 499
MESSAGE_CHARS = 1000


def new_id() -> str:
    """128 random bits in hex, taken from the system a few thousand at a time."""
    if not _ids:
        digits = os.urandom(_ID_BYTES * _IDS).hex()
        _ids.extend(digits[at : at + 2 * _ID_BYTES] for at in range(0, len(digits), 2 * _ID_BYTES))
    return _ids.pop()


def bare(failure: Failure) -> Failure:
    """A failure that a call may keep: where it was raised is forgotten.

    Those frames hold the call and its caller's body, in a circle that would last until garbage is collected.
    """
    failure.__traceback__ = failure.__cause__ = failure.__context__ = None
    return failure


class Resolved(Struct, frozen=True):
    """What step 3 found: the model that is called, by whom, and what is asked of it in neutral form."""

    caller: Caller
    model: ServedModel
    request: Request


class Trial(Struct):
    """A call of a model that is being rolled out, as the colour that was asked first saw it.

    `split_id` is the green deployment's id; `began` is on the performance counter.
    """

    split_id: int
    colour: Literal["blue", "green"]
    began: float
    failure: FailureKind | None = None


class Call(Struct):
    """What is known of a call so far. `id` becomes the record's.

    It began `at` so many seconds since the epoch; `began` is the same on the performance counter. `size` is
    that of the caller's body, in bytes; `changes` are those of `encoded`, once they were told.
    """

    address: Address
    head: Head
    table: Table
    id: str = field(default_factory=new_id)
    at: float = field(default_factory=time.time)
    began: float = field(default_factory=time.perf_counter)
    request_id: str = ""
    job_id: str | None = None
    caller: Caller | None = None
    admitted: Caller | None = None
    model: ServedModel | None = None
    asked_for: str = ""
    size: int = 0
    request: Request | None = None
    encoded: Encoded | None = None
    changes: Changes | None = None
    replica: Replica | None = None
    attempts: int = 0
    started: bool = False
    first_byte_ms: float | None = None
    usage: Usage | None = None
    tokens: int = 0
    status: int = 0
    failure: Failure | None = None
    trial: Trial | None = None
    fell_back: Failure | None = None

    def __post_init__(self) -> None:
        """Take the caller's request id, else the call's own."""
        given = self.head.request_id
        self.request_id = given.decode("ascii") if given is not None else self.id

    def elapsed_ms(self) -> float:
        """Milliseconds since the call began."""
        return int((time.perf_counter() - self.began) * 1_000_000) / 1000

    def fail(self, failure: Failure) -> None:
        """End with a failure."""
        self.failure = bare(failure)
        self.status = status_of(failure)[0]

    def cancel(self) -> None:
        """End because the caller left."""
        self.status = CANCELLED

    def record(self) -> Record:
        """What is kept of the call."""
        usage = self._usage()
        failure, told = self.failure, self.failure or self.fell_back
        task = self.request.task if self.request is not None else self.address.task
        model, caller, replica = self.model, self.caller, self.replica
        return Record(  # in the order of its fields: names would take as long as all the rest
            self.id,
            datetime.fromtimestamp(self.at, UTC),
            model.name if model is not None else self.asked_for[:200],
            str(task) if task is not None else "predict",
            caller.key_id if caller is not None else None,
            replica.target.origin if replica is not None else "",
            self.status,
            "cancelled" if self.status == CANCELLED else failure.kind.value if failure is not None else "",
            stored(cut(words_kept(told), MESSAGE_CHARS)) if told is not None else "",
            self.request is not None and self.request.stream,
            self.attempts,
            self.elapsed_ms(),
            self.first_byte_ms,
            usage.prompt_tokens if usage is not None else None,
            usage.completion_tokens if usage is not None else None,
            str(usage.basis) if usage is not None else "",
            (self.changes or self.told()).record,
            self.table.revision,
            self.job_id,
            "" if self.request_id == self.id else self.request_id,
            self._given(),
            model.release_id if model is not None else None,
            self.fell_back.kind.value if self.fell_back is not None else "",
        )

    def told(self) -> Changes:
        """How its changed parameters are told, now that it has an answer."""
        self.changes = changes_of(self.encoded) if self.encoded is not None else UNCHANGED
        return self.changes

    def _given(self) -> dict[str, Raw] | None:
        """Which declared parameters the caller gave; None if it gave none."""
        if self.request is None or self.model is None or not self.model.uses:
            return None
        memo = self.encoded.memo if self.encoded is not None else None
        if memo is None:
            return used(self.model.uses, self.request.fields) or None
        if "given" not in memo:
            memo["given"] = used(self.model.uses, self.request.fields) or None
        given: dict[str, Raw] | None = memo["given"]
        return given

    def _usage(self) -> Usage | None:
        """Reported usage; else what was counted on the way, marked estimated, or partial if the call was cut."""
        cut = self.status == CANCELLED or (self.started and self.failure is not None)
        if cut:
            prompt = self.usage.prompt_tokens if self.usage is not None else None
            counted = self.usage.completion_tokens if self.usage is not None else None
            return Usage(prompt, self.tokens if counted is None else counted, UsageBasis.PARTIAL)
        if self.usage is None and self.tokens:
            return Usage(None, self.tokens, UsageBasis.ESTIMATED)
        return self.usage
