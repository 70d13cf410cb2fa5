"""How much waits at places of the navigation: alerts that fire, updates that wait for a person.

No page asks the database for it: the hub of live pages counts every COUNT_S seconds while a tab is open, and a page
shows what its process knows. The socket tells a tab at its start, and again when a count moves.
"""

import time
from collections.abc import Callable, Mapping

from controlplane.base.web import navigation

COUNT_S = 2.0
KNOWN_S = 10.0
"""What was counted longer ago is not shown."""
TOPIC = "badge:"
"""What the live topic of a badge begins with; the name of its place follows."""


class BadgeCounts:
    """The counts of one process, by the name of the place."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._counts: dict[str, int] = {}
        self._at = float("-inf")

    def now(self) -> dict[str, int]:
        """Counts at most COUNT_S old. One query a badge if they are older. Raises django.db.DatabaseError."""
        if self._clock() - self._at >= COUNT_S:
            self._counts = {place.name: place.badge.count() for place in navigation.every() if place.badge is not None}
            self._at = self._clock()
        return dict(self._counts)

    def known(self) -> Mapping[str, int]:
        """Counts that this process has, without asking; none if they are older than KNOWN_S."""
        return dict(self._counts) if self._clock() - self._at < KNOWN_S else {}


COUNTS = BadgeCounts()
