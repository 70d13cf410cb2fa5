"""Frames that wait to be pushed: the newest ten minutes of them, in order. Two threads share it."""

import threading
from collections import deque

import msgspec

from routing.samples import frames
from routing.samples.frames import Frame

MOST = 600
"""Frames that are kept while the door is away: ten minutes of one a second."""


class Outbox:
    """What is collected and not yet safe at the door."""

    def __init__(self, most: int = MOST) -> None:
        self._waiting: deque[Frame] = deque()
        self._most = most
        self._lock = threading.Lock()
        self._given_up = 0
        self.filled = threading.Event()

    def put(self, frame: Frame) -> None:
        """Add a frame; beyond ten minutes the oldest is given up."""
        with self._lock:
            if len(self._waiting) >= self._most:
                self._waiting.popleft()
                self._given_up += 1
            self._waiting.append(frame)
        self.filled.set()

    def first(self, most: int, most_bytes: int, run: int) -> tuple[list[bytes], int]:
        """The oldest frames, packed for this run, as many as fit, and the sequence of the last of them (or -1)."""
        with self._lock:
            chosen = [self._waiting[index] for index in range(min(most, len(self._waiting)))]
        packed: list[bytes] = []
        last, size = -1, 0
        for frame in chosen:
            body = frames.encode(msgspec.structs.replace(frame, run=run))
            size += len(body)
            if packed and size > most_bytes:
                break
            packed.append(body)
            last = frame.sequence
        return packed, last

    def safe(self, sequence: int) -> int:
        """Frames up to this sequence need not be kept any more. Returns how many others wait."""
        with self._lock:
            while self._waiting and self._waiting[0].sequence <= sequence:
                self._waiting.popleft()
            if not self._waiting:
                self.filled.clear()
            return len(self._waiting)

    def take_given_up(self) -> int:
        """How many frames were given up since the last time this was asked."""
        with self._lock:
            given_up, self._given_up = self._given_up, 0
            return given_up
