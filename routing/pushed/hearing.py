"""What was last heard of each agent: how long ago, of which devices, and what was wrong."""

from collections.abc import Collection
from dataclasses import dataclass

import redis

from controlplane.base import events
from routing.history import latest
from routing.pushed.keys import SOURCE_PREFIX


@dataclass(frozen=True, slots=True)
class AgentNews:
    """The last frame of an agent: its age, its subjects, and its complaints (fault, metric, subject, value)."""

    age_s: float
    tells_of: tuple[str, ...]
    complaints: tuple[tuple[str, str, str, str], ...]


def news(names: Collection[str]) -> dict[str, AgentNews]:
    """The last news of those agents that have been heard of, by name; nothing without Redis."""
    wanted = {f"{SOURCE_PREFIX}{name}": name for name in names}
    try:
        found, now = latest.read(events.notices())
    except redis.RedisError:
        return {}
    return {
        wanted[one.frame.source]: AgentNews(
            max(0.0, now - one.arrived), tuple(one.frame.subjects), tuple(one.frame.complaints)
        )
        for one in found
        if one.frame.source in wanted
    }
