"""Adaptation plans: steps that turn a request for the old interface into one for the new."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from versions.diff.findings import AdaptationStep
from versions.diff.values import key_of

MISSING: Any = object()


def apply(steps: Iterable[AdaptationStep], request: Any) -> Any:
    """The request after every step; the given one is not changed. A step whose path is absent does nothing."""
    result = deepcopy(request)
    for step in steps:
        holder = {"": result}
        _walk(holder, ("", *step.path), step)
        result = holder[""]
    return result


def _walk(holder: Any, path: tuple[str, ...], step: AdaptationStep) -> None:
    name, rest = path[0], path[1:]
    if not rest:
        _STEPS[step.do](holder, name, dict(step.arguments))
        return
    child = holder.get(name, MISSING) if isinstance(holder, dict) else MISSING
    if rest[0] == "*" and isinstance(child, list):
        for index in range(len(child)):
            item = {"": child[index]}
            _walk(item, ("", *rest[1:]), step)
            child[index] = item[""]
    elif isinstance(child, dict) and rest[0] != "*":
        _walk(child, rest, step)


def _rename(holder: dict[str, Any], name: str, arguments: dict[str, Any]) -> None:
    if name in holder and arguments["to"] not in holder:
        holder[arguments["to"]] = holder.pop(name)


def _inject(holder: dict[str, Any], name: str, arguments: dict[str, Any]) -> None:
    holder.setdefault(name, deepcopy(arguments["value"]))


def _clamp(holder: dict[str, Any], name: str, arguments: dict[str, Any]) -> None:
    value = holder.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    low, high = arguments.get("low"), arguments.get("high")
    if low is not None and value < low:
        holder[name] = low
    elif high is not None and value > high:
        holder[name] = high


def _drop(holder: dict[str, Any], name: str, _arguments: dict[str, Any]) -> None:
    holder.pop(name, None)


def _drop_null(holder: dict[str, Any], name: str, _arguments: dict[str, Any]) -> None:
    if name in holder and holder[name] is None:
        del holder[name]


def _map(holder: dict[str, Any], name: str, arguments: dict[str, Any]) -> None:
    for old, new in arguments["pairs"]:
        if name in holder and key_of(holder[name]) == key_of(old):
            holder[name] = new
            return


def _wrap(holder: dict[str, Any], name: str, _arguments: dict[str, Any]) -> None:
    if name in holder and not isinstance(holder[name], list):
        holder[name] = [holder[name]]


def _unwrap(holder: dict[str, Any], name: str, _arguments: dict[str, Any]) -> None:
    value = holder.get(name)
    if isinstance(value, list) and len(value) == 1:
        holder[name] = value[0]


_STEPS: dict[str, Callable[[dict[str, Any], str, dict[str, Any]], None]] = {
    "rename": _rename, "inject": _inject, "pin": _inject, "clamp": _clamp, "drop": _drop, "drop_null": _drop_null,
    "map": _map, "wrap": _wrap, "unwrap": _unwrap,
}  # fmt: skip
ORDER = ("rename", "drop", "drop_null", "map", "wrap", "unwrap", "clamp", "pin", "inject")


def ordered(steps: Iterable[AdaptationStep]) -> tuple[AdaptationStep, ...]:
    """Steps in the order in which they must be applied, each once, outer paths after inner ones of the same kind."""
    unique: list[AdaptationStep] = []
    for step in steps:
        if step not in unique:
            unique.append(step)
    return tuple(
        sorted(
            unique,
            key=lambda step: (step.do == "rename", -len(step.path) if step.do == "rename" else ORDER.index(step.do)),
        )
    )
