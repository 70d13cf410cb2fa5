"""Password hashing that strangers may ask for: one hash at a time, at a low priority, and few who wait for it.

A hash takes 46 MiB and one thread: more than OWASP asks for (46 MiB read once), and less than Django's 100 MiB in eight
threads, which a burst of sign-ins took from calls on the same machine.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from django.contrib.auth.hashers import Argon2PasswordHasher

from controlplane.base.messages import Sentence
from controlplane.base.priority import step_back
from controlplane.base.refusals import TryLater

AT_MOST = 8
"""Hashes that are made or waited for at once; each holds a page's connection to PostgreSQL meanwhile."""
RETRY_SECONDS = 2
NICENESS = 2
"""Behind pages, which are ten behind calls: at 19 a sign-in took a minute where eight programs shared a core."""
Made = TypeVar("Made")
_room = threading.BoundedSemaphore(AT_MOST)


def _own_thread() -> ThreadPoolExecutor:
    """A thread that steps back: on Linux niceness is a thread's own."""
    return ThreadPoolExecutor(1, thread_name_prefix="passwords", initializer=partial(step_back, NICENESS))


_thread = _own_thread()


class BoundedArgon2(Argon2PasswordHasher):
    """Argon2 in a thread of its own. Raises TryLater while too many wait."""

    time_cost = 2
    memory_cost = 46 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """The stored form of a password."""
        return _in_turn(lambda: Argon2PasswordHasher.encode(self, password, salt))

    def verify(self, password: str, encoded: str) -> bool:
        """Whether a password is the stored one."""
        return _in_turn(lambda: Argon2PasswordHasher.verify(self, password, encoded))


def _in_turn(work: Callable[[], Made]) -> Made:
    """What `work` returns, once those who came before are done."""
    if not _room.acquire(blocking=False):
        raise TryLater(
            Sentence("Many people are signing in at this moment. Try again in a few seconds."), RETRY_SECONDS
        )
    try:
        return _thread.submit(work).result()
    finally:
        _room.release()
