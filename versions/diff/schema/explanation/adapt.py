"""Which step makes an old request fit again, for each kind of difference; and whether the steps together do."""

from typing import Any

from versions.diff.findings import AdaptationStep, Direction, Effect, Severity
from versions.diff.plan import apply, ordered
from versions.diff.rules import table
from versions.diff.schema.explanation.explain import Explainer
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace
from versions.diff.schema.reading.node import Node
from versions.diff.schema.sets.normal import finite, types_of

NUMERIC = frozenset({"bound-tightened", "bound-added"})
DROPPED = frozenset({"optional-removed", "removed-closed", "required-removed"})
SETTLED_BY_NAMES = frozenset({
    "minProperties", "maxProperties", "dependentRequired", "dependentSchemas", "propertyNames", "patternProperties",
    "not", "if", "anyOf", "oneOf", "allOf",
})  # fmt: skip
INJECTED = frozenset({"required-added-with-default", "became-required-with-default"})


def suggest(explainer: Explainer, draft: DraftFinding) -> AdaptationStep | None:
    """The step for one difference of a request; None if there is none that keeps the caller's meaning."""
    place = draft.place
    if explainer.direction is not Direction.REQUEST or _inside(place) or not place.steps():
        return None
    return _of_names(explainer, draft) or _of_values(explainer, draft)


def _of_names(explainer: Explainer, draft: DraftFinding) -> AdaptationStep | None:
    """Steps for fields that came, went or got another name."""
    place = draft.place
    path = place.steps()
    if draft.key != "default-changed" and (place.up is None or not _names_are_free(explainer, place.up)):
        return None
    if draft.key == "renamed" and not draft.doubtful:
        return AdaptationStep("rename", path, (("to", draft.new),))
    if draft.key in DROPPED:
        return AdaptationStep("drop", path)
    wanted = draft.new if draft.key in INJECTED else draft.old if draft.key == "default-changed" else None
    if wanted is None or explainer.judge.accepts(place.new, wanted) is not True:
        return None
    return AdaptationStep("inject" if draft.key in INJECTED else "pin", path, (("value", wanted),))


def _names_are_free(explainer: Explainer, holder: SchemaPlace) -> bool:
    """Whether an object says nothing about how many names it has and which go together."""
    return not SETTLED_BY_NAMES & set(explainer.normal.form(holder.new))


def _of_values(explainer: Explainer, draft: DraftFinding) -> AdaptationStep | None:
    """Steps for values that no longer fit."""
    place = draft.place
    path = place.steps()
    old, new = explainer.normal.form(place.old), explainer.normal.form(place.new)
    if draft.key in NUMERIC and draft.keyword in ("minimum", "maximum"):
        return _clamp(path, new)
    if draft.key == "became-not-nullable" and place.kind == "property" and _may_be_left_out(explainer, place):
        return AdaptationStep("drop_null", path)
    if draft.key == "enum-value-removed":
        return _mapped(path, draft.old, new)
    return _wrapped(explainer, path, old, new) if draft.key == "type-swapped" else None


def _inside(place: SchemaPlace | None) -> bool:
    while place is not None:
        if place.kind in ("member", "names", "prefix"):
            return True
        place = place.up
    return False


def _may_be_left_out(explainer: Explainer, place: SchemaPlace) -> bool:
    holder = place.up
    if holder is None or not _names_are_free(explainer, holder):
        return False
    return place.key not in explainer.normal.form(holder.new).get("required", ())


def _clamp(path: tuple[str, ...], new: Node) -> AdaptationStep | None:
    if any(
        word in new
        for word in (
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
            "enum",
            "const",
            "not",
            "anyOf",
            "oneOf",
            "allOf",
        )
    ):
        return None
    ends = [(word, new[keyword]) for word, keyword in (("low", "minimum"), ("high", "maximum")) if keyword in new]
    if types_of(new) & {"integer"} and any(float(end) != int(end) for _word, end in ends):
        return None
    return AdaptationStep("clamp", path, tuple(ends)) if ends else None


def _mapped(path: tuple[str, ...], lost: Any, new: Node) -> AdaptationStep | None:
    """A value that only changed its case or its separators."""
    values = finite(new) or []
    if not isinstance(lost, str):
        return None
    same = [value for value in values if isinstance(value, str) and _plain(value) == _plain(lost)]
    return AdaptationStep("map", path, (("pairs", ((lost, same[0]),)),)) if len(same) == 1 else None


def _plain(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


def _wrapped(explainer: Explainer, path: tuple[str, ...], old: Node, new: Node) -> AdaptationStep | None:
    if (
        types_of(new) == {"array"}
        and "array" not in types_of(old)
        and new.get("maxItems", 1) >= 1
        and new.get("minItems", 1) <= 1
    ):
        if explainer.included(old, explainer.examples.item(new, 0)):
            return AdaptationStep("wrap", path)
    elif (
        types_of(old) == {"array"}
        and old.get("minItems") == 1 == old.get("maxItems")
        and explainer.included(explainer.examples.item(old, 0), new)
    ):
        return AdaptationStep("unwrap", path)
    return None


def adaptable(explainer: Explainer, root: SchemaPlace, drafts: list[tuple[DraftFinding, Severity]]) -> bool:
    """Whether the steps of some drafts make every tried old request valid for the new interface."""
    serious = [draft for draft, severity in drafts if severity is not Severity.COMPATIBLE]
    if not serious or any(draft.step is None for draft in serious):
        return False
    if any(table()[draft.key].effect is Effect.UNKNOWN for draft in serious):
        return False
    steps = ordered(draft.step for draft, _severity in drafts if draft.step is not None)
    tried = [*explainer.examples.several(root.old, 6), *_telling(explainer, root)]
    return bool(tried) and all(explainer.judge.accepts(root.new, apply(steps, value)) is True for value in tried)


def _telling(explainer: Explainer, root: SchemaPlace) -> list[Any]:
    return [
        value
        for value in explainer.examples.telling(root.old, root.new, 25)
        if explainer.judge.accepts(root.old, value) is True
    ]
