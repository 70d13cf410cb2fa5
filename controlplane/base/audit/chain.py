"""The audit chain: who did what to which object, written in the transaction that did it.

hash = SHA-256(previous hash || canonical JSON of the entry). The head (position and hash of the newest entry) is a row
of its own that each writer locks, so concurrent writers line up and a cut tail shows. The database refuses UPDATE,
DELETE and TRUNCATE of entries.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from controlplane.base.messages import Sentence, restored, stored
from controlplane.base.models import Change, Setting

HEAD = "audit_head"
GENESIS = "0" * 64
_TEXT_LIMIT = 200
_MOST_PATHS = 30


def record(
    actor: Any, verb: str, obj_type: str, obj_id: object, detail: dict[str, Any] | None = None, request_id: str = ""
) -> Change:
    """Append one entry. Must run inside the transaction of the change; secrets never belong in `detail`."""
    head = _locked_head()
    entry = Change(
        at=timezone.now(),
        actor=actor_name(actor)[:_TEXT_LIMIT],
        verb=verb,
        object_type=obj_type,
        object_id=_clean(str(obj_id))[:_TEXT_LIMIT],
        detail=_plain(detail or {}),
        request_id=_clean(request_id)[:64],
        previous_hash=head.value["hash"],
    )
    entry.hash = entry_hash(entry)
    entry.save(force_insert=True)
    head.value = {"position": entry.pk, "hash": entry.hash}
    head.save(update_fields=["value"])
    return entry


def known(actor: Any, verb: str, obj_type: str, obj_id: object, detail: dict[str, Any], within: timedelta) -> bool:
    """Whether the same was recorded of this actor within that time: for looks that a form repeats by itself."""
    return Change.objects.filter(
        actor=actor_name(actor)[:_TEXT_LIMIT],
        verb=verb,
        object_type=obj_type,
        object_id=_clean(str(obj_id))[:_TEXT_LIMIT],
        detail=_plain(detail),
        at__gt=timezone.now() - within,
    ).exists()


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What differs between two documents without secrets, by path, cut to what an entry can carry."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    paths = [path for path in dict.fromkeys((*old, *new)) if old.get(path) != new.get(path)]
    found = {path: {"from": _shown(old.get(path)), "to": _shown(new.get(path))} for path in paths[:_MOST_PATHS]}
    more = len(paths) - len(found)
    return {**found, "…": {"from": "", "to": Sentence("{count} more", count=more)}} if more else found


def _leaves(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        path = f"{above}.{name}" if above else str(name)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path)
        else:
            yield path, value


def _shown(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _TEXT_LIMIT else f"{text[:_TEXT_LIMIT]}…"


def verify() -> tuple[bool, int, datetime]:
    """Walk the chain: whether it holds, the id of its last or first broken entry, and when this was checked."""
    previous, position = GENESIS, 0
    for entry in Change.objects.order_by("id").iterator(chunk_size=2000):
        if entry.previous_hash != previous or entry.hash != entry_hash(entry):
            return False, entry.pk, timezone.now()
        previous, position = entry.hash, entry.pk
    head = Setting.objects.filter(key=HEAD).first()
    expected = head.value if head is not None else {"position": 0, "hash": GENESIS}
    return expected == {"position": position, "hash": previous}, position, timezone.now()


def actor_name(actor: Any) -> str:
    """How an actor is written in the log: the account's name, `key NAME of ACCOUNT` for keys, `system` for none."""
    return "system" if actor is None else _clean(str(getattr(actor, "username", actor)))


def entry_hash(entry: Change) -> str:
    """The hash that `entry` must carry."""
    body = {
        "at": entry.at.astimezone(UTC).isoformat(),
        "actor": entry.actor,
        "verb": entry.verb,
        "object_type": entry.object_type,
        "object_id": entry.object_id,
        "detail": _plain(entry.detail),
        "request_id": entry.request_id,
    }
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(entry.previous_hash.encode() + text.encode()).hexdigest()


def _locked_head() -> Setting:
    Setting.objects.get_or_create(key=HEAD, defaults={"value": {"position": 0, "hash": GENESIS}})
    return Setting.objects.select_for_update().get(key=HEAD)


def _plain(value: Any) -> Any:
    """`value` as JSON that PostgreSQL gives back unchanged: whole floats become integers, other things text."""
    if isinstance(value, dict):
        return {_clean(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value == value and abs(value) != float("inf"):
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Sentence):
        return restored(stored(value.mapped(_clean)))
    return _clean(str(value))


def _clean(text: str) -> str:
    """`text` without what PostgreSQL cannot store: NUL and lone surrogates."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
