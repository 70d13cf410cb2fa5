"""The wake-up bell: a Celery message that says "look at the job table". Losing one costs five seconds, never a job.

The message is written without Celery, so that those who only ring need not load it: it takes 7 MB and 70 ms.
"""

import base64
import json
import logging
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

from redis.exceptions import RedisError

from controlplane.base import events, redis_names

WAKE = "patchbay.wake"
log = logging.getLogger(__name__)

MOST_WAITING = 8
"""Wake-ups on their way at once; a worker that was woken looks for all jobs, so more of them add nothing."""

_waiting = threading.BoundedSemaphore(MOST_WAITING)
_bell = ThreadPoolExecutor(1, thread_name_prefix="bell")
"""Nobody who rings waits for Redis."""

_NO_ARGUMENTS = [[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]


def ring() -> None:
    """Wake one worker soon. Never raises and never waits: without Redis the sweeper finds the job."""
    if _waiting.acquire(blocking=False):
        _bell.submit(_send)


def wake_up() -> str:
    """One wake-up: Celery's message protocol 2 in the envelope of kombu's Redis transport."""
    own = str(uuid.uuid4())
    headers = {
        **{"lang": "py", "task": WAKE, "id": own, "root_id": own, "parent_id": None, "group": None},
        **{"eta": None, "expires": None, "retries": 0, "timelimit": [None, None], "ignore_result": True},
        **{"argsrepr": "()", "kwargsrepr": "{}", "origin": "patchbay"},
    }
    properties = {
        **{"correlation_id": own, "delivery_tag": str(uuid.uuid4()), "delivery_mode": 2, "priority": 0},
        **{"delivery_info": {"exchange": "", "routing_key": redis_names.BROKER_LIST}, "body_encoding": "base64"},
    }
    return json.dumps(
        {
            "body": base64.b64encode(json.dumps(_NO_ARGUMENTS).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers,
            "properties": properties,
        }
    )


def _send() -> None:
    try:
        events.store().lpush(redis_names.BROKER_LIST, wake_up())
    except (RedisError, OSError) as error:
        log.warning("no worker was woken, the sweeper will find the job: %s", error)
    finally:
        _waiting.release()
