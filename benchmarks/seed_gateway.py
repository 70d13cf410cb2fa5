"""Fills an empty database for benchmarks/gateway.py: models at one upstream, a caller, egress; prints the key.

`python benchmarks/seed_gateway.py UPSTREAM_PORT [--models 500] [--plain NAME]`, with DATABASE_URL, REDIS_URL and
DATA_DIR in the environment. With NAME there is one plain model of that name instead, for benchmarks/truth.py.
"""

import argparse
from typing import Any

from controlplane.base.boot import DJANGO_VERSION
from controlplane.base.config import store_egress_allow
from controlplane.base.models import User
from registry.access import callers
from registry.catalog import verbs as catalog
from registry.models import ApiKey, Model


def document(number: int, port: int) -> dict[str, Any]:
    """A chat model with a renamed and converted parameter and a default."""
    return {
        "name": f"bench-{number}",
        "type": "llm",
        "protocol": "openai",
        "endpoint": f"http://127.0.0.1:{port}",
        "upstream_model": "mock",
        "params": {
            "creative_level": {
                "type": "float",
                "range": [0, 10],
                "upstream": "temperature",
                "convert": {"range": [0, 2]},
            },
            "max_tokens": {"type": "int", "default": 2000},
        },
    }


def plain(name: str, port: int) -> dict[str, Any]:
    """A chat model without parameters."""
    return {"name": name, "type": "llm", "protocol": "openai", "endpoint": f"http://127.0.0.1:{port}"}


def main() -> None:
    """Write the rows and print the key, which is the password of the account `bench` too."""
    assert DJANGO_VERSION
    options = argparse.ArgumentParser()
    options.add_argument("port", type=int)
    options.add_argument("--models", type=int, default=500)
    options.add_argument("--plain")
    given = options.parse_args()
    port, name = given.port, given.plain
    person = User.objects.create_user("bench", role="admin")
    store_egress_allow(None, [f"127.0.0.1:{port}"])
    for wanted in [plain(name, port)] if name else [document(number, port) for number in range(given.models)]:
        catalog.create(person, wanted)
    Model.objects.update(state="ready")
    _, secret = callers.create(person, "bench", ["call", "read"], callers.KeyLimits(calls_per_minute=1_000_000))
    # Half a minute of a benchmark makes more calls than a person may allow; the limit is counted all the same.
    ApiKey.objects.update(calls_per_minute=1_000_000_000)
    person.set_password(secret)
    person.save()
    print(secret)


if __name__ == "__main__":
    main()
