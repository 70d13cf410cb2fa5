"""Hot-fixes: the steps of an adaptation plan written into a spec, so that its callers notice nothing of a change.

The result is the proposed spec with the caller's side of the old one: a parameter keeps its old name and has the new
one as `upstream`, keeps its old default, clamps to a narrower range, translates options. The compiler that makes every
adapter makes this one as well.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.base.messages import Sentence
from registry.protocols.compiler.catalog import PROTOCOLS, canonical_name
from registry.specfile.file import key_text
from versions.diff.values import same

Spec = Mapping[str, Any]
Step = Mapping[str, Any]
Written = dict[str, Any]
KINDS = ("rename", "inject", "pin", "clamp", "map", "drop", "drop_null")
"""Steps that a spec can hold."""


@dataclass(frozen=True)
class HotFix:
    """A spec document that keeps its callers' side, and the steps that it could not hold, each with the reason."""

    document: Mapping[str, Any]
    left: tuple[tuple[Step, str], ...] = ()


def adapt(base: Spec, proposed: Spec, steps: Iterable[Step]) -> HotFix:
    """Write `steps` (a plan between the two, as JSON) into `proposed`. Both are documents in normal form.

    A step about a parameter that is renamed as well names it by its old name, as `versions.diff.plan` orders them.
    """
    params: dict[str, Written] = {name: dict(body) for name, body in proposed.get("params", {}).items()}
    before: Mapping[str, Written] = base.get("params", {})
    steps = list(steps)
    renamed = {step["path"][0]: step["to"] for step in steps if step["do"] == "rename" and len(step["path"]) == 1}
    left: list[tuple[Step, str]] = []
    for step in steps:
        do, path = step["do"], step["path"]
        if do not in KINDS or len(path) != 1:
            words = Sentence(
                "a spec cannot say {do} of {path}", do=do, path=".".join(map(str, path)) or Sentence("the body")
            )
            left.append((step, words))
            continue
        if do == "rename":
            why = _rename(params, before.get(path[0], {}), step, str(proposed.get("protocol", "")))
        elif do == "drop":
            why = _drop(params, path[0], before.get(path[0], {}))
        else:
            why = _DO[do](params, renamed.get(path[0], path[0]), step)
        if why:
            left.append((step, why))
    _keep_defaults(params, before, renamed)
    return HotFix({**proposed, "params": params} if params else dict(proposed), tuple(left))


def carried(base: Spec, proposed: Spec) -> Spec:
    """A proposal in its upstream's words with what earlier hot-fixes of `base` keep for callers.

    A parameter that callers know by another name than the upstream keeps that name, and one that is no longer sent is
    still taken, as long as the proposal says nothing of it.
    """
    before: Mapping[str, Written] = base.get("params", {})
    after: Mapping[str, Written] = proposed.get("params", {})
    known = {body["upstream"]: name for name, body in before.items() if "upstream" in body and name not in after}
    params: dict[str, Written] = {}
    for name, body in after.items():
        kept = known.get(name) if "upstream" not in body and name not in before else None
        params[kept or name] = {**body, "upstream": name} if kept else dict(body)
    for name, body in before.items():
        if body.get("sent") is False:
            params.setdefault(name, dict(body))
    return {**proposed, "params": params} if params else proposed


def callers_side(document: Spec) -> Written:
    """A spec without the parameters that are no longer sent, as the classifier is to read it."""
    params = {name: body for name, body in document.get("params", {}).items() if body.get("sent") is not False}
    return {**document, "params": params}


def _rename(params: dict[str, Written], before: Written, step: Step, protocol: str) -> str:
    """The new parameter under its old name and with its old default, in the new one's place."""
    old, new = step["path"][0], step["to"]
    if new not in params or old in params:
        return Sentence("{new} is not offered, or {old} is still", new=new, old=old)
    body = params[new]
    upstream = body.get("upstream") or _placed(new, protocol)
    if upstream is None:
        return Sentence("{protocol} translates {new} in a way of its own", protocol=protocol, new=new)
    moved = {**body, "upstream": upstream}
    if "default" in before and _fits(before["default"], body):
        moved["default"] = before["default"]
    if upstream == old and _placed(old, protocol) == old:
        del moved["upstream"]
    kept = [(old, moved) if name == new else (name, held) for name, held in params.items()]
    params.clear()
    params.update(kept)
    return ""


def _fits(value: Any, body: Written) -> bool:
    """Whether a value is within a parameter's options and range."""
    low, high = body.get("range", (None, None)) if isinstance(value, int | float) else (None, None)
    return (
        any(same(value, option) for option in body.get("options", [value]))
        and (low is None or value >= low)
        and (high is None or value <= high)
    )


def _placed(name: str, protocol: str) -> str | None:
    """Where a parameter reaches the upstream without `upstream`; None if the protocol translates it."""
    document = PROTOCOLS[canonical_name(protocol) or protocol]
    named = [step for task in document.operations.values() for step in task.body if name in step.sources]
    if any(step.convert or step.range for step in named) or len({step.put for step in named}) > 1:
        return None
    return named[0].put if named else name


def _clamp(params: dict[str, Written], name: str, step: Step) -> str:
    if name not in params or "range" not in params[name]:
        return Sentence("{name} has no range", name=name)
    params[name]["outside"] = "clamp"
    return ""


def _pin(params: dict[str, Written], name: str, step: Step) -> str:
    if name not in params:
        return Sentence("{name} is not offered", name=name)
    params[name]["default"] = step["value"]
    return ""


def _inject(params: dict[str, Written], name: str, step: Step) -> str:
    why = _pin(params, name, step)
    if not why:
        params[name].pop("required", None)
    return why


def _map(params: dict[str, Written], name: str, step: Step) -> str:
    """Old options stay options; `values` says what each is called now."""
    body = params.get(name, {})
    options = body.get("options")
    if not options:
        return Sentence("{name} has no options", name=name)
    sent = {key_text(option): option for option in options} | body.get("values", {})
    for given, now in step["pairs"]:
        sent[key_text(given)] = sent.get(key_text(now), now)
        if not any(same(given, option) for option in body["options"]):
            body["options"] = [*body["options"], given]
    body["values"] = sent
    return ""


def _drop(params: dict[str, Written], name: str, old: Written) -> str:
    """The old parameter stays, and is no longer sent."""
    if name in params or not old:
        return Sentence("{name} is offered still", name=name)
    params[name] = {key: value for key, value in old.items() if key not in ("default", "required", "outside")}
    params[name]["sent"] = False
    return ""


def _keep_defaults(params: dict[str, Written], before: Mapping[str, Written], renamed: Mapping[str, str]) -> None:
    """An old default that is only written otherwise now stays as callers know it."""
    for name, body in params.items():
        default = before.get(name, {}).get("default")
        values = body.get("values", {})
        if default is not None and "default" in body and same(values.get(key_text(default)), body["default"]):
            body["default"] = default


def _nothing(params: dict[str, Written], name: str, step: Step) -> str:
    """Null is no value in a spec: a call that gives it gives nothing."""
    return ""


_DO: Mapping[str, Callable[[dict[str, Written], str, Step], str]] = {
    "clamp": _clamp, "pin": _pin, "inject": _inject, "map": _map, "drop_null": _nothing,
}  # fmt: skip
