"""Works on a plant's database from outside.

`seed PORT` fills it and prints a key, `key NUMBER` prints one that may make so many calls at once, `drain` stores and
counts records.
"""

import sys
from collections.abc import Callable
from typing import Any

from controlplane.base.boot import DJANGO_VERSION
from controlplane.base.config import store_egress_allow
from controlplane.base.models import User
from registry.access import callers
from registry.catalog import verbs as catalog
from registry.models import Model
from routing.calls import records
from routing.models import CallRecord

LIMITS = dict.fromkeys(("connect", "first_byte", "idle", "total"), 60)


def document(name: str, port: int) -> dict[str, Any]:
    """A model whose upstream does what its name says."""
    endpoint: str | list[str] = f"http://127.0.0.1:{port}/{name}"
    if name == "pooled":
        endpoint = [f"http://127.0.0.1:{port}/{replica}" for replica in ("bad", "good", "fine")]
    patience = {**LIMITS, "first_byte": 1, "idle": 1} if name in ("silent", "stalling") else LIMITS
    return {"name": name, "type": "llm", "protocol": "openai", "endpoint": endpoint, "timeouts": patience}


def seed(port: int) -> str:
    """Models `good`, `long`, `silent` and `stalling` at one port, `pooled` with three replicas; the key of a caller."""
    person = User.objects.create_user("plant", role="admin")
    store_egress_allow(None, [f"127.0.0.1:{port}"])
    for name in ("good", "long", "silent", "stalling", "pooled"):
        catalog.create(person, document(name, port))
    Model.objects.update(state="ready")
    return callers.create(person, "plant", ["call", "read"])[1]


def limited(at_once: int) -> str:
    """A key with a limit of calls in flight."""
    limits = callers.KeyLimits(max_concurrency=at_once)
    return callers.create(User.objects.get(username="plant"), f"at most {at_once}", ["call"], limits)[1]


def drain() -> int:
    """Store what waits in Redis; the number of records in PostgreSQL then."""
    while records.drain():
        pass
    return CallRecord.objects.count()


if __name__ == "__main__":
    assert DJANGO_VERSION
    command, *numbers = sys.argv[1:]
    commands: dict[str, Callable[..., object]] = {"seed": seed, "key": limited, "drain": drain}
    print(commands[command](*map(int, numbers)))
