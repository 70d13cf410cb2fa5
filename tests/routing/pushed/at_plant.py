"""Works on a plant's stores from outside, a command a line of its input: `key NODE`, `revoke`, or `keep`.

`key` makes a key and prints it, `revoke` ends all, `keep` stores frames and prints what the store has then, as JSON.
"""

import json
import sys
import time
from typing import Any

from django.db import connection

from controlplane.base import events
from controlplane.base.boot import DJANGO_VERSION
from controlplane.base.models import User
from routing.history import latest, store
from routing.models import AgentKey, Device
from routing.pushed import keys


def keep() -> dict[str, Any]:
    """Store what waits; devices with their state, latest values with their age, and what is known of the source."""
    store.keep()
    found, now = latest.read(events.store())
    with connection.cursor() as cursor:
        cursor.execute("select run, sequence, missed from telemetry_source")
        sources = cursor.fetchall()
        cursor.execute("select count(*) from telemetry_second")
        (rows,) = cursor.fetchone()
    return {
        "devices": dict(Device.objects.values_list("uuid", "state")),
        "latest": {uuid: [one.age_s, one.values] for uuid, one in latest.by_subject(found, now).items()},
        "complaints": [one.frame.complaints for one in found],
        "sources": sources,
        "rows": rows,
        "now": time.time(),
    }


def answer(command: str, *given: str) -> str:
    """What a command prints."""
    connection.close()
    person = User.objects.filter(role="admin").first()
    if command == "key":
        return keys.create(person, given[0])[1]
    if command == "revoke":
        for row in AgentKey.objects.filter(revoked_at=None):
            keys.revoke(person, row.pk)
        return "revoked"
    return json.dumps(keep())


if __name__ == "__main__":
    assert DJANGO_VERSION
    for line in sys.stdin:
        print(answer(*line.split()), flush=True)
