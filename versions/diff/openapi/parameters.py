"""Parameters: gone, new, moved, required, written in another style, or with another schema."""

from versions.diff.findings import Direction
from versions.diff.lifecycle import lifecycle, prose_notice, removal_rule
from versions.diff.openapi.form import ApiOperation, ApiParameter
from versions.diff.openapi.sides import Sides
from versions.diff.policy import DiffPolicy

REQUEST = Direction.REQUEST


def judge_parameters(sides: Sides, old: ApiOperation, new: ApiOperation, policy: DiffPolicy) -> None:
    """Compare the parameters of two versions of an operation."""
    before = {(p.where, p.name): p for p in old.parameters}
    after = {(p.where, p.name): p for p in new.parameters}
    pairs = [(before[key], after[key]) for key in before if key in after]
    lost = [before[key] for key in before if key not in after]
    gained = [after[key] for key in after if key not in before]
    for left, right in _same_position(lost, gained, old, new):
        lost.remove(left)
        gained.remove(right)
        pairs.append((left, right))
    for left in list(lost):
        moved = next((p for p in gained if p.name.lower() == left.name.lower()), None)
        if moved is not None:
            lost.remove(left)
            gained.remove(moved)
            sides.fact("parameter-moved", left.name, (left.where, moved.where), (left.pointer, moved.pointer))
            pairs.append((left, moved))
    for left, right in pairs:
        _pair(sides, left, right, policy)
    for parameter in lost:
        _lost(sides, parameter, policy)
    for parameter in gained:
        _gained(sides, parameter)


def _same_position(
    lost: list[ApiParameter], gained: list[ApiParameter], old: ApiOperation, new: ApiOperation
) -> list[tuple[ApiParameter, ApiParameter]]:
    """Path parameters whose name alone changed."""
    parts = zip(old.name.split("/"), new.name.split("/"), strict=False)
    renamed = {
        left[1:-1]: right[1:-1] for left, right in parts if left[:1] == "{" and right[:1] == "{" and left != right
    }
    result = []
    for left in lost:
        right = next((p for p in gained if p.where == "path" == left.where and renamed.get(left.name) == p.name), None)
        if right is not None:
            result.append((left, right))
    return result


def _lost(sides: Sides, parameter: ApiParameter, policy: DiffPolicy) -> None:
    name = f"{parameter.where} parameter {parameter.name}"
    rule, telling = removal_rule(parameter.raw, policy)
    if rule == "operation-removed":
        rule = "required-removed" if parameter.required else "optional-removed"
    sides.fact(rule, name, (telling, None), (parameter.pointer, ""))


def _gained(sides: Sides, parameter: ApiParameter) -> None:
    name = f"{parameter.where} parameter {parameter.name}"
    schema = parameter.schema if isinstance(parameter.schema, dict) else {}
    default = schema.get("default")
    if not parameter.required:
        rule = "optional-added"
    else:
        rule = "required-added" if default is None or parameter.where == "path" else "required-added-with-default"
    sides.fact(rule, name, (None, default), ("", parameter.pointer))


def _pair(sides: Sides, old: ApiParameter, new: ApiParameter, policy: DiffPolicy) -> None:
    name = f"{new.where} parameter {new.name}"
    pointers = old.pointer, new.pointer
    for key, was, now in lifecycle(old.raw, new.raw, policy):
        sides.fact(key, name, (was, now), pointers)
    phrase = prose_notice(old.raw.get("description"), new.raw.get("description"))
    if phrase:
        sides.fact("prose-notice", name, (None, phrase), pointers)
    if new.required and not old.required:
        sides.fact("became-required", name, (None, None), pointers)
    elif old.required and not new.required:
        sides.fact("became-optional", name, (None, None), pointers)
    if old.where == new.where:
        judge_style(sides, name, old, new, REQUEST)
    judge_schema(sides, name, old, new, REQUEST)


def judge_style(sides: Sides, name: str, old: ApiParameter, new: ApiParameter, direction: Direction) -> None:
    """`content`, `style`, `explode`, `allowReserved` and `allowEmptyValue`."""
    if old.style == new.style:
        return
    loosened = old.style[:3] == new.style[:3] and all(
        after >= before for before, after in zip(old.style[3:], new.style[3:], strict=True)
    )
    key = "parameter-style-loosened" if loosened else "parameter-style-changed"
    words = ["content", "style", "explode", "allowReserved", "allowEmptyValue"]
    shown = [
        ", ".join(f"{word} {value}" for word, value, other in zip(words, side, against, strict=True) if value != other)
        for side, against in ((old.style, new.style), (new.style, old.style))
    ]
    sides.fact(key, name, (shown[0], shown[1]), (old.pointer, new.pointer), direction)


def judge_schema(sides: Sides, name: str, old: ApiParameter, new: ApiParameter, direction: Direction) -> None:
    """The schemas of two parameters or headers."""
    before = old.schema if old.schema is not None else {}
    after = new.schema if new.schema is not None else {}
    sides.schemas(direction, name, (before, old.pointer), (after, new.pointer))
