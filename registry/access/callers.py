"""Callers: API keys, what they may do, and who they act for. Only a key's HMAC is stored; the key is shown once."""

import base64
import hmac
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from controlplane.base import access, accounts, events, revision
from controlplane.base.audit import chain as audit
from controlplane.base.jobs.verbs import Idempotency
from controlplane.base.messages import Sentence
from controlplane.base.models import User
from controlplane.base.refusals import Conflict, Invalid, Missing
from controlplane.base.secrets import KEY_PREFIX, key_hash, new_api_key
from registry.models import ApiKey

PREFIX_SHOWN = 10
PLAYGROUND_SECONDS = 600
PRACTICE = "practice callers (emulated)"
"""The name of the key with which the first run's account calls the practice models day and night."""
MOST_ASKED = 1000
_PATTERN = re.compile(r"[A-Za-z0-9._:/@+*?-]{1,200}")
_MAX_LIMIT = 1_000_000


@dataclass(frozen=True)
class KeyLimits:
    """What narrows a key: name patterns (empty is every model), strict parameters, rates, an end."""

    models: Sequence[str] = ()
    strict: bool = False
    calls_per_minute: int | None = None
    max_concurrency: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class KeyActor:
    """A key that acts for the account that made it: the account's role, narrowed by the key's scopes.

    `id` is the account's, so ownership works; `key_id` is the key's.
    """

    id: int
    key_id: int
    username: str
    role: str
    is_active: bool
    scopes: frozenset[str]
    is_authenticated: bool = True

    @property
    def pk(self) -> int:
        """The account's id."""
        return self.id


@transaction.atomic
def create(
    actor: access.Actor | None,
    name: str,
    scopes: Sequence[str],
    limits: KeyLimits = KeyLimits(),
    *,
    once: Idempotency | None = None,
    request_id: str = "",
) -> tuple[ApiKey, str]:
    """Make a key and return it with the secret, which cannot be read again. Raises Forbidden, Invalid, Conflict.

    With the idempotency key of an earlier request nothing is made: its secret was shown then, and cannot be again.
    """
    access.require(actor, "key.create")
    assert actor is not None
    secret = new_api_key()
    draft = ApiKey(
        name=_checked_name(name),
        prefix=secret[:PREFIX_SHOWN],
        key_hash=key_hash(secret, settings.KEY_PEPPER),
        scopes=checked_scopes(actor, scopes),
        model_patterns=[_checked_pattern(pattern) for pattern in limits.models],
        strict=limits.strict,
        calls_per_minute=_checked_limit("calls_per_minute", limits.calls_per_minute),
        max_concurrency=_checked_limit("max_concurrency", limits.max_concurrency),
        expires_at=_checked_end(limits.expires_at),
        created_by_id=actor.id,
        idempotency_key=once.key if once else None,
    )
    row = _saved_once(draft)
    revision.bump()
    detail = {"name": row.name, "prefix": row.prefix, "scopes": row.scopes, "models": row.model_patterns}
    audit.record(actor, "key.create", "key", row.pk, detail, request_id)
    events.publish("keys", {"id": row.pk})
    return row, secret


def _saved_once(draft: ApiKey) -> ApiKey:
    """Save a new key. Raises Conflict if its idempotency key made one before."""
    try:
        with transaction.atomic():
            draft.save(force_insert=True)
    except IntegrityError:
        made = ApiKey.objects.filter(created_by_id=draft.created_by_id, idempotency_key=draft.idempotency_key).first()
        if draft.idempotency_key is None or made is None:
            raise
        words = Sentence(
            "this Idempotency-Key made key {made} before, whose secret was shown then; send a new one", made=made.pk
        )
        raise Conflict("key_made_before", words) from None
    return draft


@transaction.atomic
def revoke(actor: access.Actor | None, key_id: int, *, request_id: str = "") -> ApiKey:
    """Stop a key for good. Raises Forbidden, Missing, Conflict when it was revoked before."""
    access.require(actor, "key.revoke")
    row = ApiKey.objects.select_for_update().filter(pk=key_id).first()
    if row is None or not access.can(actor, "key.revoke", row):
        raise Missing("key", Sentence("there is no key {key_id} that you may revoke", key_id=key_id))
    if row.revoked_at is not None:
        raise Conflict(
            "key_revoked",
            Sentence(
                "key {prefix}… was revoked at {isoformat}", prefix=row.prefix, isoformat=row.revoked_at.isoformat()
            ),
        )
    row.revoked_at = timezone.now()
    row.save(update_fields=["revoked_at"])
    revision.bump()
    audit.record(actor, "key.revoke", "key", row.pk, {"name": row.name, "prefix": row.prefix}, request_id)
    events.publish("keys", {"id": row.pk})
    return row


@transaction.atomic
def let_replay(actor: access.Actor | None, key_id: int, agreed: bool, *, request_id: str = "") -> ApiKey:
    """Say whether calls of a key may be kept, sealed, to try new releases on. Only its owner may agree to that.

    Raises Forbidden, Missing.
    """
    access.require(actor, "key.create")
    row = ApiKey.objects.select_for_update().filter(pk=key_id).first()
    mine = row is not None and row.created_by_id == getattr(actor, "id", None)
    if row is None or not (mine or (not agreed and access.can(actor, "key.revoke", row))):
        raise Missing("key", Sentence("there is no key {key_id} whose calls you may have kept", key_id=key_id))
    if row.replay != agreed:
        row.replay = agreed
        row.save(update_fields=["replay"])
        revision.bump()
        detail = {"name": row.name, "prefix": row.prefix, "replay": agreed}
        audit.record(actor, "key.replay", "key", row.pk, detail, request_id)
        events.publish("keys", {"id": row.pk})
    return row


def listing(actor: access.Actor | None) -> QuerySet[ApiKey]:
    """The keys that `actor` may see, newest first, without playground keys. Raises Forbidden."""
    access.require(actor, "key.read")
    rows = ApiKey.objects.select_related("created_by").exclude(name__startswith=_PLAYGROUND).order_by("-created_at")
    return rows if access.can(actor, "key.read_all") else rows.filter(created_by_id=getattr(actor, "id", None))


def made_by_people() -> list[int]:
    """Ids of the keys that people made for applications: not the first run's, not the playground's."""
    rows = ApiKey.objects.exclude(created_by__in=accounts.programs()).exclude(name__startswith=_PLAYGROUND)
    return list(rows.values_list("id", flat=True)[:MOST_ASKED])


def practice() -> list[int]:
    """Ids of the keys of the practice callers, those of before too."""
    return list(ApiKey.objects.filter(name=PRACTICE, created_by__in=accounts.programs()).values_list("pk", flat=True))


_PLAYGROUND = "playground: "


def playground_key(actor: User) -> str:
    """A key with scope call for this person's pages: good for ten minutes, the same for five. Raises Forbidden."""
    access.require(actor, "playground.use")
    window = int(time.time()) // (PLAYGROUND_SECONDS // 2)
    seed = hmac.digest(settings.SECRET_KEY.encode(), f"playground {actor.pk} {window}".encode(), "sha256")
    secret = KEY_PREFIX + base64.urlsafe_b64encode(seed[:24]).decode()
    fields = {
        "name": f"{_PLAYGROUND}{actor.username}"[:200],
        "prefix": secret[:PREFIX_SHOWN],
        "scopes": ["call"],
        "created_by": actor,
        "expires_at": timezone.now() + timedelta(seconds=PLAYGROUND_SECONDS),
    }
    with transaction.atomic():
        _, made = ApiKey.objects.get_or_create(key_hash=key_hash(secret, settings.KEY_PEPPER), defaults=fields)
        if made:
            revision.bump()
    return secret


def forget_playground_keys() -> int:
    """Delete playground keys that ended over a day ago. Returns how many."""
    old = ApiKey.objects.filter(name__startswith=_PLAYGROUND, expires_at__lt=timezone.now() - timedelta(days=1))
    return old.delete()[0]


def actor_of(secret: str) -> KeyActor | None:
    """Whoever acts with this key; None if it is unknown, revoked, ended, or its account is shut out."""
    hashed = key_hash(secret.encode("utf-8", "replace").decode(), settings.KEY_PEPPER)
    return _actor(_usable().filter(key_hash=hashed).first())


def actor_of_id(key_id: int) -> KeyActor | None:
    """Whoever acts with the key `key_id`, for work that a key asked for earlier."""
    return _actor(_usable().filter(pk=key_id).first())


def checked_scopes(actor: access.Actor, scopes: Sequence[str]) -> list[str]:
    """`scopes` if the actor's own role covers every one. Raises Invalid, Forbidden."""
    for scope in scopes:
        if scope not in access.SCOPES:
            raise Invalid(
                "scope",
                Sentence(
                    "scope {scope} is none of {scopes}", scope=repr(str(scope)[:40]), scopes=", ".join(access.SCOPES)
                ),
            )
        for verb in access.SCOPES[scope] - access.VERBS[actor.role]:
            raise access.Forbidden(verb, actor.role)
    if not scopes:
        raise Invalid("scope", Sentence("a key needs at least one scope of {scopes}", scopes=", ".join(access.SCOPES)))
    return sorted(set(scopes))


def _usable() -> QuerySet[ApiKey]:
    running = Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
    return ApiKey.objects.select_related("created_by").filter(running, revoked_at=None, created_by__is_active=True)


def _actor(row: ApiKey | None) -> KeyActor | None:
    if row is None:
        return None
    label = f"key {row.name} ({row.prefix}…) of {row.created_by.username}"
    return KeyActor(row.created_by_id, row.pk, label, row.created_by.role, True, frozenset(row.scopes))


def _checked_name(name: str) -> str:
    text = name.strip()
    if not 0 < len(text) <= 200 or not text.isprintable() or text.startswith(_PLAYGROUND):
        raise Invalid("name", Sentence("the name {name} must be 1 to 200 printable characters", name=repr(name[:60])))
    return text


def _checked_pattern(pattern: Any) -> str:
    if not isinstance(pattern, str) or not _PATTERN.fullmatch(pattern):
        raise Invalid(
            "models",
            Sentence("{pattern} is no model name or pattern such as practice-*", pattern=repr(str(pattern)[:60])),
        )
    return pattern


def _checked_limit(name: str, value: int | None) -> int | None:
    if value is not None and not 0 < value <= _MAX_LIMIT:
        raise Invalid(
            name,
            Sentence(
                "{name} is {value}; expected 1 to {most}, or nothing for no limit",
                name=name,
                value=value,
                most=f"{_MAX_LIMIT:,}",
            ),
        )
    return value


def _checked_end(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if aware <= timezone.now():
        raise Invalid("expires_at", Sentence("expires_at {isoformat} is in the past", isoformat=aware.isoformat()))
    return aware
