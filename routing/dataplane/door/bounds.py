"""What the door holds every caller to, in one place."""

from dataclasses import dataclass

MOST_WAITING = 256 * 1024
"""Bytes of a request that may wait for whoever takes them, before its connection is read no further."""


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Time limits in seconds, and how many callers may be connected.

    `stalled` is the longest that a caller may read nothing of an answer that waits for it. `linger` is how long the
    rest of a request is read over after it was refused, so that its sender can read the answer. `sweep` is how often
    limits are looked at, `pause` how long no caller is accepted after the system had no descriptor left.
    """

    head: float = 10.0
    body: float = 60.0
    idle: float = 75.0
    stalled: float = 30.0
    linger: float = 2.0
    sweep: float = 1.0
    pause: float = 0.5
    connections: int = 8192


STANDARD = DoorLimits()
