"""Whose live sockets are open, and which of them must end because their person may no longer listen as it came."""

import time
from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare

from controlplane.base.models import User
from controlplane.base.web.sessions import over

SIGNED_OUT = 4401
CHANGED = 4403
"""Close code for somebody whose role changed: the page connects again and hears what it may hear now."""


@dataclass(frozen=True)
class Person:
    """Whose socket it is: the account, the role that it had, and the session that it came with."""

    id: int
    role: str
    session: str


def judge(people: Collection[Person]) -> dict[Person, int]:
    """The close code of everybody who may no longer listen as they came."""
    users = {user.pk: user for user in User.objects.filter(pk__in={one.id for one in people}, is_active=True)}
    keys = {one.session for one in people}
    sessions = {row.session_key: row for row in Session.objects.filter(session_key__in=keys, expire_date__gt=Now())}
    codes: dict[Person, int] = {}
    for one in people:
        user, session = users.get(one.id), sessions.get(one.session)
        if user is None or session is None or not _signed_in(user, session):
            codes[one] = SIGNED_OUT
        elif user.role != one.role:
            codes[one] = CHANGED
    return codes


def _signed_in(user: User, session: Session) -> bool:
    """Whether a session is this account's, with the password that it has now."""
    held = session.get_decoded()
    known = str(held.get(SESSION_KEY)) == str(user.pk) and not over(held, time.time())
    return known and constant_time_compare(str(held.get(HASH_SESSION_KEY, "")), user.get_session_auth_hash())
