"""Works on a plant's database from outside: `seed PORT` fills it, prints a key; `drain` stores and counts records."""

import sys
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
    endpoint = f"http://127.0.0.1:{port}/{name}"
    patience = {**LIMITS, "first_byte": 1, "idle": 1} if name in ("silent", "stalling") else LIMITS
    return {"name": name, "type": "llm", "protocol": "openai", "endpoint": endpoint, "timeouts": patience}


def seed(port: int) -> str:
    """Models `good`, `long`, `silent` and `stalling` at one port; the key of a caller."""
    person = User.objects.create_user("plant", role="admin")
    store_egress_allow(None, [f"127.0.0.1:{port}"])
    for name in ("good", "long", "silent", "stalling"):
        catalog.create(person, document(name, port))
    Model.objects.update(state="ready")
    return callers.create(person, "plant", ["call", "read"])[1]


def drain() -> int:
    """Store what waits in Redis; the number of records in PostgreSQL then."""
    while records.drain():
        pass
    return CallRecord.objects.count()


if __name__ == "__main__":
    assert DJANGO_VERSION
    print(seed(int(sys.argv[2])) if sys.argv[1] == "seed" else drain())
