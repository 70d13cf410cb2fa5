"""Keywords that restrict nothing and yet concern a caller: defaults, deprecation, discriminators, stability."""

from typing import Any

from versions.diff.findings import Direction, Effect, Severity
from versions.diff.lifecycle import lifecycle, prose_notice
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace, harmful
from versions.diff.schema.facets.visitor import Explaining
from versions.diff.schema.reading.finishing import HEIRS
from versions.diff.schema.reading.node import Node
from versions.diff.values import same, short


def annotations(visitor: Explaining, place: SchemaPlace, old: Node, new: Node) -> None:
    """Compare the annotations of two nodes."""
    before, after = old.get("default"), new.get("default")
    if not same(before, after):
        visitor.add(DraftFinding("default-changed", Effect.FACT, place, place.name, before, after, keyword="default"))
    _perhaps_null(visitor, place, "nullable" in old, "nullable" in new)
    if not same(old.get("xml"), new.get("xml")):
        words = short(old.get("xml")), short(new.get("xml"))
        visitor.add(
            DraftFinding("keyword-undecided", Effect.UNKNOWN, place, f"{place.name} xml", *words, keyword="xml")
        )
    for key, told_old, told_new in lifecycle(old, new, visitor.policy):
        visitor.add(DraftFinding(key, Effect.FACT, place, place.name, told_old, told_new, keyword="deprecated"))
    phrase = prose_notice(old.get("description"), new.get("description"))
    if phrase:
        visitor.add(DraftFinding("prose-notice", Effect.FACT, place, place.name, None, phrase, keyword="description"))
    _discriminator(visitor, place, old.get("discriminator"), new.get("discriminator"))
    _heirs(visitor, place, old.get(HEIRS, {}), new.get(HEIRS, {}))
    _known_values(visitor, place, old.get("x-extensible-enum"), new.get("x-extensible-enum"))


def _perhaps_null(visitor: Explaining, place: SchemaPlace, before: bool, after: bool) -> None:
    """`nullable` that came or went, which some servers read and others do not: never more than a question."""
    if before == after:
        return
    key, effect = ("became-nullable", Effect.WIDER) if after else ("became-not-nullable", Effect.NARROWER)
    draft = DraftFinding(key, effect, place, place.name, None, None, keyword="nullable")
    if harmful(effect, visitor.direction):
        draft.severity = Severity.REVIEW
    visitor.add(draft)


def _discriminator(visitor: Explaining, place: SchemaPlace, before: Any, after: Any) -> None:
    before, after = _read_discriminator(before), _read_discriminator(after)
    if before == after:
        return
    if before is None or after is None:
        words = before and before[0], after and after[0]
        visitor.add(
            DraftFinding("discriminator-presence", Effect.FACT, place, place.name, *words, keyword="discriminator")
        )
        return
    changed = before[0] != after[0] or any(after[1].get(value, target) != target for value, target in before[1].items())
    lost = [value for value in before[1] if value not in after[1]]
    gained = [value for value in after[1] if value not in before[1]]
    if changed or lost:
        words = f"{before[0]} {before[1] or ''}", f"{after[0]} {after[1] or ''}"
        draft = DraftFinding("discriminator-changed", Effect.FACT, place, place.name, *words)
        draft.keyword = "discriminator"
        if not changed and not gained and visitor.direction is Direction.RESPONSE:
            draft.severity, draft.doubtful = Severity.REVIEW, True
        visitor.add(draft)
        return
    for value in gained:
        visitor.add(
            DraftFinding(
                "discriminator-value-added", Effect.FACT, place, place.name, None, value, keyword="discriminator"
            )
        )


def _read_discriminator(value: Any) -> tuple[str, dict[str, str]] | None:
    if isinstance(value, str):
        return value, {}
    if not isinstance(value, dict):
        return None
    mapping = value.get("mapping")
    targets = {str(k): str(v).rsplit("/", 1)[-1] for k, v in mapping.items()} if isinstance(mapping, dict) else {}
    return str(value.get("propertyName")), targets


def _heirs(visitor: Explaining, place: SchemaPlace, before: dict[str, Node], after: dict[str, Node]) -> None:
    """What a discriminator chooses among: each schema by itself, and names that came or went."""
    for value, node in before.items():
        if value in after and node and after[value]:
            visitor.compare(SchemaPlace(node, after[value], f"{place.name} {value}".strip()))
    lost, gained = [v for v in before if v not in after], [v for v in after if v not in before]
    alternatives = not any(before.values()) and not any(after.values())
    if not (lost or gained) or (alternatives and not (lost and gained)):
        return
    if lost:
        words = ", ".join(lost), ", ".join(gained) or None
        visitor.add(
            DraftFinding("discriminator-changed", Effect.FACT, place, place.name, *words, keyword="discriminator")
        )
    for value in gained if not lost else ():
        draft = DraftFinding("discriminator-value-added", Effect.FACT, place, place.name, None, value)
        draft.keyword = "discriminator"
        visitor.add(draft)


def _known_values(visitor: Explaining, place: SchemaPlace, before: Any, after: Any) -> None:
    """`x-extensible-enum`: an open list of known values."""
    if not isinstance(before, list) or not isinstance(after, list):
        return
    for value in before:
        if value not in after:
            visitor.add(
                DraftFinding(
                    "enum-value-removed", Effect.NARROWER, place, place.name, value, None, keyword="x-extensible-enum"
                )
            )
    for value in after:
        if value not in before:
            draft = DraftFinding(
                "open-enum-value-added", Effect.FACT, place, place.name, None, value, keyword="x-extensible-enum"
            )
            visitor.add(draft)
