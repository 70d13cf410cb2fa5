"""What the door holds every caller to, in one place."""

from dataclasses import dataclass

STRANGER_BYTES = 1024 * 1024
"""The largest body of a request to the console by somebody who has not signed in and has no key."""
MOST_WAITING = 256 * 1024
"""Bytes of a request that may wait for whoever takes them, before its connection is read no further."""


@dataclass(frozen=True, slots=True)
class DoorLimits:
    """Time limits in seconds, and how many callers may be connected.

    `stalled` is the longest that a caller may read nothing of an answer that waits for it, `console` the longest that
    the console may neither read a request nor send of its answer. `linger` is how long the rest of a request is read
    over after it was refused, so that its sender can read the answer. `sweep` is how often limits are looked at,
    `pause` how long no caller is accepted after the system had no descriptor left. `key_connections` is how many
    connections the calls of one key may hold: half of all, or fewer.
    """

    head: float = 10.0
    body: float = 60.0
    idle: float = 75.0
    stalled: float = 30.0
    console: float = 150.0
    linger: float = 2.0
    sweep: float = 1.0
    pause: float = 0.5
    connections: int = 8192
    key_connections: int = 4096


STANDARD = DoorLimits()
