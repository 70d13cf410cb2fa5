"""News for open pages. Only a notice travels, after commit; the truth stays in PostgreSQL."""

import functools
import json
import logging
from typing import Any

import redis
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

CHANNEL = "patchbay:events"
log = logging.getLogger(__name__)


def publish(topic: str, payload: dict[str, Any]) -> None:
    """Tell every web process about `topic` once the current transaction commits. Never raises.

    Topics: "job:<uuid>" (a progress snapshot), "jobs", "models", "keys", "revision".
    """
    text = json.dumps({"topic": topic, "payload": payload}, cls=DjangoJSONEncoder)
    transaction.on_commit(lambda: send(CHANNEL, text))


def send(channel: str, text: str) -> None:
    """Publish `text` now; a store that is away is logged and forgotten."""
    try:
        store().publish(channel, text)
    except redis.RedisError as error:
        log.warning("notice on %s not sent: %s", channel, error)


@functools.cache
def store() -> redis.Redis:
    """This process' client of the Redis store, with timeouts of a second or two."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=1)
