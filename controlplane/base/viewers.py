"""What one tab has of a live page: the frames that wait for it, and the streams that it watches."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection

from controlplane.base.listeners import Person
from controlplane.base.streams import WatchedStreams

WAITING = 32


class Viewer:
    """One socket's frames: numbered, bounded. What does not fit becomes a gap that the page mends by a snapshot."""

    def __init__(self, topics: set[str], person: Person, verbs: Collection[str] = ()) -> None:
        self.topics, self.person, self.verbs = topics, person, verbs
        self.streams = WatchedStreams()
        self.ended = 0
        self.watched: set[str] = set()
        self.seq = 0
        self._frames: deque[str] = deque(maxlen=WAITING)
        self._ready = asyncio.Event()

    def sees(self, topic: str) -> bool:
        """Whether this socket's person may see `topic` and asked for it if it is a job's."""
        return topic == "tick" or topic in self.topics or topic in self.watched

    def offer(self, body: str) -> None:
        """Number a frame and keep it for sending; the oldest falls out if the socket is slow."""
        self.seq += 1
        self._frames.append(f'{{"seq":{self.seq},{body}')
        self._ready.set()

    def watch(self, name: str, whole: bytes) -> bool:
        """Watch a stream from `whole` on, if that is not one too many."""
        watching = not self.ended and self.streams.watch(name, whole)
        self._ready.set()
        return watching

    def show(self, name: str, frame: bytes, whole: Callable[[], bytes]) -> None:
        """Keep a stream's frame for sending, if the socket watches it."""
        if self.streams.offer(name, frame, whole):
            self._ready.set()

    def lose(self) -> None:
        """Skip a number, so that the page notices that something is missing."""
        self.seq += 1

    def end(self, code: int) -> None:
        """Hear nothing more; `next` says so."""
        self.ended = code
        self.topics, self.watched = set(), set()
        self._frames.clear()
        self.streams.clear()
        self._ready.set()

    async def next(self) -> str | bytes | None:
        """The next frame, text before streams, when there is one; None once it has ended."""
        while not self.ended:
            if self._frames:
                return self._frames.popleft()
            if (frame := self.streams.next()) is not None:
                return frame
            self._ready.clear()
            await self._ready.wait()
        return None
