"""Live streams that apps declare: tables that pages watch. Read once a second while somebody watches, never else.

A tab subscribes by name: "devices", or "device/12" where a stream takes a parameter. It gets a whole frame and then
differences; a tab that is slow gets a whole frame later, and never a queue.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from channels.db import database_sync_to_async

from controlplane.base.stream_frames import StreamEncoder, StreamTable

MOST_WATCHED = 8
"""Streams that one tab watches."""
MOST_WAITING = 2
"""Frames of one stream that wait for a slow tab."""


@dataclass(frozen=True)
class LiveStream:
    """A table that pages watch. `read` takes the parameter, "" without one; None says that there is no such table.

    `read` runs in a thread once a second and does not raise for a store that is away: it tells what it knew, older.
    """

    kind: str
    verb: str
    read: Callable[[str], StreamTable | None]


STREAMS: dict[str, LiveStream] = {}
"""By kind."""
_reading = ThreadPoolExecutor(1, thread_name_prefix="streams")


def add(streams: Iterable[LiveStream]) -> None:
    """Keep the streams that an app declares."""
    STREAMS.update({stream.kind: stream for stream in streams})


def verb(name: str) -> str:
    """The verb that watches the stream of this name; empty if there is none."""
    stream = STREAMS.get(name.partition("/")[0])
    return stream.verb if stream is not None and len(name) <= 200 else ""


class WatchedStreams:
    """The streams that one tab watches, and the frames that wait for it."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[bytes]] = {}
        self._behind: set[str] = set()

    @property
    def names(self) -> Collection[str]:
        """What the tab watches."""
        return self._waiting.keys()

    def watch(self, name: str, whole: bytes) -> bool:
        """Begin with a whole frame, the newest if there is one. False if the tab watches too many."""
        if name not in self._waiting and len(self._waiting) >= MOST_WATCHED:
            return False
        self._waiting[name] = deque([whole] if whole else [])
        self._behind.discard(name)
        if not whole:
            self._behind.add(name)
        return True

    def leave(self, name: str) -> None:
        """Watch it no more."""
        self._waiting.pop(name, None)
        self._behind.discard(name)

    def offer(self, name: str, frame: bytes, whole: Callable[[], bytes]) -> bool:
        """Keep a frame for the tab if it can follow what the tab has; a tab that fell behind begins anew."""
        waiting = self._waiting.get(name)
        if waiting is None:
            return False
        if len(waiting) >= MOST_WAITING:
            waiting.clear()
            self._behind.add(name)
        waiting.append(whole() if name in self._behind else frame)
        self._behind.discard(name)
        return True

    def next(self) -> bytes | None:
        """The oldest frame that waits."""
        return next((waiting.popleft() for waiting in self._waiting.values() if waiting), None)

    def clear(self) -> None:
        """Watch nothing."""
        self._waiting.clear()
        self._behind.clear()


class StreamDesk:
    """The streams of one process that somebody watches: each read and encoded once a second."""

    def __init__(self) -> None:
        self._encoders: dict[str, StreamEncoder] = {}

    def whole(self, name: str) -> bytes:
        """The newest frame of a stream for a tab that has none; nothing if it was not read yet."""
        encoder = self._encoders.get(name)
        return encoder.whole() if encoder is not None else b""

    def sequence(self, name: str) -> int:
        """The number of the newest frame of a stream; 0 if nobody watches it."""
        encoder = self._encoders.get(name)
        return encoder.sequence if encoder is not None else 0

    async def beat(self, names: Collection[str]) -> dict[str, bytes]:
        """Read what is watched, forget what is not, and return the next frame of each. Stores' errors come through."""
        self._encoders = {name: one for name, one in self._encoders.items() if name in names}
        if not names:
            return {}
        reading = database_sync_to_async(_read, thread_sensitive=False, executor=_reading)
        tables = await reading(sorted(names))
        return {name: self._encode(name, table) for name, table in tables.items()}

    def _encode(self, name: str, table: StreamTable) -> bytes:
        now = time.time()
        encoder = self._encoders.setdefault(name, StreamEncoder(name, int(now)))
        return encoder.frame(table, now)


def _read(names: Iterable[str]) -> dict[str, StreamTable]:
    tables = {name: STREAMS[name.partition("/")[0]].read(name.partition("/")[2]) for name in names}
    return {name: table for name, table in tables.items() if table is not None}
