"""What was last heard of each agent: how long ago, of which devices, and what was wrong."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import redis

from controlplane.base import events
from controlplane.base.messages import Sentence
from routing.history import latest
from routing.history.current import STALE_SECONDS
from routing.models import AgentKey
from routing.pushed.keys import SOURCE_PREFIX
from routing.samples import faults
from routing.samples.readings import Complaint


@dataclass(frozen=True, slots=True)
class AgentNews:
    """The last frame of an agent: its age, its subjects, and its complaints."""

    age_s: float
    tells_of: tuple[str, ...]
    complaints: tuple[Complaint, ...]

    @property
    def stale(self) -> bool:
        """Whether it has been silent for so long that its values are not believed any more."""
        return self.age_s > STALE_SECONDS

    @property
    def seconds(self) -> int:
        """Its age in whole seconds."""
        return int(self.age_s)

    @property
    def told(self) -> list[Sentence]:
        """Its complaints as a person reads them."""
        return [faults.sentence(one) for one in self.complaints]


def news(names: Collection[str]) -> dict[str, AgentNews]:
    """The last news of those agents that have been heard of, by name; nothing without Redis."""
    wanted = {f"{SOURCE_PREFIX}{name}": name for name in names}
    try:
        found, now = latest.read(events.notices())
    except redis.RedisError:
        return {}
    return {
        wanted[one.frame.source]: AgentNews(
            max(0.0, now - one.arrived),
            tuple(one.frame.subjects),
            tuple(Complaint(*complaint) for complaint in one.frame.complaints),
        )
        for one in found
        if one.frame.source in wanted
    }


def heard_of(rows: Iterable[AgentKey]) -> list[tuple[AgentKey, AgentNews | None]]:
    """Agents' keys, each with the last news of its agent if there was any."""
    listed = list(rows)
    found = news([row.name for row in listed])
    return [(row, found.get(row.name)) for row in listed]
