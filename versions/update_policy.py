"""What may pass without a person: a setting of the installation, and of single models."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from django.db import transaction

from controlplane.base import access
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence, message_of
from controlplane.base.models import Setting
from controlplane.base.refusals import Invalid
from versions import hotfix
from versions.diff.policy import DiffPolicy, from_mapping

KEY = "update_policy"
ADAPTED = ("rename", "inject", "pin", "clamp", "map")
MOST_MODELS = 5000
NUMBERS = {"replay_days": (0, 90), "test_calls": (1, 1000), "test_seconds": (1, 600), "replay_calls": (0, 500)}


@dataclass(frozen=True)
class UpdatePolicy:
    """How updates are judged. `adapt` names the plan steps that pass without a person.

    `hot_fix`: what callers do not notice, with green tests, is approved by itself. `replay_days`: how long the calls of
    owners who opted in are kept, for the whole installation. Compatibility tests make at most `test_calls` calls and
    take about `test_seconds`; at most `replay_calls` kept calls are made again, against both releases. `diff` are the
    classifier's knobs.
    """

    hot_fix: bool = True
    adapt: tuple[str, ...] = ADAPTED
    replay_days: int = 7
    test_calls: int = 60
    test_seconds: int = 60
    replay_calls: int = 20
    diff: DiffPolicy = field(default_factory=DiffPolicy)


def of(model: str = "") -> UpdatePolicy:
    """The policy for a model: what is set for it, else for the installation, else the default."""
    stored = _stored()
    own = stored.get("models", {}).get(model, {})
    return _read({**{name: value for name, value in stored.items() if name != "models"}, **own})


@transaction.atomic
def change(actor: Any, values: Mapping[str, Any], model: str = "", *, request_id: str = "") -> UpdatePolicy:
    """Set the installation's policy, or with `model` what differs for it; empty `values` unset it.

    Raises Forbidden, Invalid naming the key that is wrong.
    """
    access.require(actor, "settings.change")
    if model and "replay_days" in values:
        raise Invalid("replay_days", Sentence("replay_days holds for the whole installation, not for one model"))
    _read(values)
    stored = _stored()
    models = dict(stored.get("models", {}))
    if not model:
        after = {**values, "models": models}
    else:
        models.pop(model, None)
        after = {**stored, "models": {**models, **({model: dict(values)} if values else {})}}
    if len(after["models"]) > MOST_MODELS:
        raise Invalid("too_many", Sentence("at most {most} models have a policy of their own", most=MOST_MODELS))
    Setting.objects.update_or_create(key=KEY, defaults={"value": after})
    detail = {"name": model, "from": stored, "to": after}
    audit.record(actor, "settings.change", "setting", KEY, detail, request_id)
    return of(model)


def _stored() -> dict[str, Any]:
    value = Setting.objects.filter(key=KEY).values_list("value", flat=True).first()
    return value if isinstance(value, dict) else {}


def _read(values: Mapping[str, Any]) -> UpdatePolicy:
    """Raises Invalid."""
    known = [item.name for item in fields(UpdatePolicy)]
    for name in values:
        if name not in known:
            raise Invalid(name, Sentence("{name} is no key of the policy; known are {known}", name=name, known=known))
    policy = UpdatePolicy()
    if "hot_fix" in values:
        if not isinstance(values["hot_fix"], bool):
            raise Invalid("hot_fix", Sentence("hot_fix must be true or false"))
        policy = replace(policy, hot_fix=values["hot_fix"])
    if "adapt" in values:
        given = values["adapt"]
        if not isinstance(given, list | tuple) or any(item not in hotfix.KINDS for item in given):
            raise Invalid("adapt", Sentence("adapt must be a list of {kinds}", kinds=hotfix.KINDS))
        policy = replace(policy, adapt=tuple(given))
    whole = {name: _whole(name, values[name], *NUMBERS[name]) for name in NUMBERS if name in values}
    policy = replace(
        policy,
        replay_days=whole.get("replay_days", policy.replay_days),
        test_calls=whole.get("test_calls", policy.test_calls),
        test_seconds=whole.get("test_seconds", policy.test_seconds),
        replay_calls=whole.get("replay_calls", policy.replay_calls),
    )
    if "diff" in values:
        policy = replace(policy, diff=_diff(values["diff"]))
    return policy


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        words = Sentence("{name} must be a whole number from {least} to {most}", name=name, least=least, most=most)
        raise Invalid(name, words)
    return value


def _diff(values: Any) -> DiffPolicy:
    try:
        return from_mapping(values) if isinstance(values, dict) else DiffPolicy(**{"": values})
    except (ValueError, TypeError) as error:
        raise Invalid("diff", Sentence("diff cannot be read: {error}", error=message_of(error))) from error
