"""What a connection knows of the request that is being handled on it."""

from typing import Protocol


class Passing(Protocol):
    """A request that is being handled, whoever handles it."""

    @property
    def whole(self) -> bool:
        """Whether the request's body has arrived."""

    @property
    def awaited(self) -> bool:
        """Whether more of the body must come in time."""

    keep_alive: bool

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the body; what comes after it."""

    def lost(self) -> None:
        """The caller is gone."""

    def overdue(self, seconds: float) -> None:
        """The body did not arrive within so many seconds."""

    def resumed(self) -> None:
        """The caller reads again."""

    def go(self) -> None:
        """Begin to answer; what has arrived of the body with the head was taken."""

    def tick(self, now: float) -> None:
        """Look at the time limits of the answer; about once a second."""
