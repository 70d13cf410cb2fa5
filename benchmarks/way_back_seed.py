"""Fills a running Patchbay for benchmarks/way_back.py: models with an approved update each; prints a key and their ids.

`python -m benchmarks.way_back_seed UPSTREAM_PORT COUNT SHARE`, with DATABASE_URL, REDIS_URL and DATA_DIR in the
environment. Old releases call /old/N of the upstream, new ones /new/N. SHARE is the first step's share in per cent.
"""

import json
import sys
from typing import Any

from controlplane.base.boot import DJANGO_VERSION
from controlplane.base.config import egress_allow, store_egress_allow
from controlplane.base.models import User
from registry.access import callers
from registry.catalog import verbs as catalog
from registry.models import ApiKey, Model, Release
from registry.specfile import file as spec_file
from versions.models import Update, UpdateState
from versions.rollout import plans

TIMEOUTS = {"connect": 2, "first_byte": 2, "idle": 5, "total": 20}


def document(number: int, port: int, colour: str) -> dict[str, Any]:
    """A chat model as one of its two releases."""
    return {
        "name": f"way-back-{number}",
        "type": "llm",
        "protocol": "openai",
        "endpoint": f"http://127.0.0.1:{port}/{colour}/{number}",
        "timeouts": TIMEOUTS,
    }


def update(person: User, number: int, port: int) -> dict[str, str]:
    """A model with an approved update, which the worker starts by itself."""
    model = catalog.create(person, document(number, port, "old"))
    Model.objects.filter(pk=model.pk).update(state="ready")
    new = document(number, port, "new")
    release = Release.objects.create(model=model, number=2, spec=new, digest=spec_file.digest(new))
    proposed = Update.objects.create(
        model=model, base=model.release, release=release, origin="person", state=UpdateState.APPROVED, hot_fix=True
    )
    return {"model": model.name, "update": str(proposed.pk)}


def main() -> None:
    """Write the rows."""
    assert DJANGO_VERSION
    port, count, share = map(int, sys.argv[1:])
    person = User.objects.create_user("way-back", role="admin")
    store_egress_allow(None, [*egress_allow(), f"127.0.0.1:{port}"])
    plans.change(person, {"steps": [share, 100], "bake_seconds": [3600, 3600]})
    _, key = callers.create(person, "way back", ["call", "read", "manage"])
    ApiKey.objects.filter(name="way back").update(calls_per_minute=None)
    print(json.dumps({"key": key, "runs": [update(person, number, port) for number in range(count)]}))


if __name__ == "__main__":
    main()
