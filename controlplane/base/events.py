"""News for open pages. Only a notice travels, after commit; the truth stays in PostgreSQL."""

import functools
import json
import logging
import time
from collections.abc import Mapping
from typing import Any, cast

import redis
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

from controlplane.base import redis_names

QUIET_SECONDS = 1.0
TOPICS: dict[str, str] = {}
"""Live topics that apps declared, with the verb that hears each."""
log = logging.getLogger(__name__)
_quiet_until = [0.0]
"""One change sends several notices; only the first of them waits for a store that does not answer."""


def add_topics(topics: Mapping[str, str]) -> None:
    """Keep the topics that an app declares, each with the verb of those who hear it."""
    TOPICS.update(topics)


def publish(topic: str, payload: dict[str, Any]) -> None:
    """Tell every web process about `topic` once the current transaction commits. Never raises.

    Topics: "job:<uuid>" (a progress snapshot), and those that apps declare.
    """
    text = json.dumps({"topic": topic, "payload": payload}, cls=DjangoJSONEncoder)
    transaction.on_commit(lambda: send(redis_names.EVENTS, text, topic if topic in TOPICS else ""))


def send(channel: str, text: str, topic: str = "") -> None:
    """Publish `text` now, and note when; a store that is away is logged and left in peace for a second."""
    if time.monotonic() < _quiet_until[0]:
        return
    try:
        with notices().pipeline(transaction=False) as pipe:
            if topic:
                pipe.hset(redis_names.EVENTS_LAST, topic, str(time.time()))
            pipe.publish(channel, text)
            pipe.execute()
    except redis.RedisError as error:
        _quiet_until[0] = time.monotonic() + QUIET_SECONDS
        log.warning("notice on %s not sent: %s", channel, error)


def last() -> dict[str, float]:
    """When each topic was last told of, in Unix time; nothing without Redis."""
    try:
        noted = cast(dict[bytes, bytes], notices().hgetall(redis_names.EVENTS_LAST))
    except redis.RedisError:
        return {}
    return {topic.decode(): float(at) for topic, at in noted.items()}


@functools.cache
def notices() -> redis.Redis:
    """The client for notices, which a page or a call waits for: half a second at the most."""
    retry = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5, retry=retry)


@functools.cache
def store() -> redis.Redis:
    """This process' client of the Redis store, with timeouts of a second or two."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=1)
