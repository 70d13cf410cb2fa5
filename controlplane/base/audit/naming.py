"""Audit entries with the names of what they are about: the name at that time, and a link to what still exists.

Each app declares how its objects are found: for each kind a function from ids, as the log writes them, to names and
addresses. What an entry's own detail names goes before that.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from controlplane.base.models import Change

Find = Callable[[Sequence[str]], Mapping[str, "Named"]]
_kinds: dict[str, Find] = {}


@dataclass(frozen=True)
class Named:
    """What an object is called today, and its page."""

    name: str
    href: str = ""


@dataclass(frozen=True)
class ChangeStep:
    """One value before and after a change."""

    path: str
    before: object
    after: object


@dataclass(frozen=True)
class AuditEntry:
    """An audit entry to show. `href` is empty if the object is gone or has no page."""

    change: Change
    name: str
    href: str
    steps: tuple[ChangeStep, ...]


def declare(objects: Mapping[str, Find]) -> None:
    """Keep how objects of these kinds are found."""
    _kinds.update(objects)


def whole(ids: Sequence[str]) -> list[int]:
    """Those of `ids` that are whole numbers, as the keys of most tables are."""
    return [int(text) for text in ids if text.isascii() and text.isdigit() and len(text) < 18]


def told(changes: Sequence[Change]) -> list[AuditEntry]:
    """The entries with names; one query for each kind of object that occurs."""
    ids = defaultdict(set)
    for change in changes:
        ids[change.object_type].add(change.object_id)
    today = {kind: _kinds[kind](sorted(found)) if kind in _kinds else {} for kind, found in ids.items()}
    return [_entry(change, today[change.object_type].get(change.object_id)) for change in changes]


def _entry(change: Change, now: Named | None) -> AuditEntry:
    then = change.detail.get("name") or change.detail.get("username")
    name = then if isinstance(then, str) and then else now.name if now else change.object_id
    return AuditEntry(change, name, now.href if now else "", steps(change.detail))


def steps(detail: Mapping[str, object]) -> tuple[ChangeStep, ...]:
    """What changed, from an entry's detail: `{"from": …, "to": …}` itself, or one of those for each name."""
    if detail.keys() >= {"from", "to"}:
        return (ChangeStep("", detail["from"], detail["to"]),)
    every = detail.get("changed", detail)
    pairs = every.items() if isinstance(every, dict) else ()
    return tuple(
        ChangeStep(str(path), value["from"], value["to"])
        for path, value in pairs
        if isinstance(value, dict) and value.keys() >= {"from", "to"}
    )
