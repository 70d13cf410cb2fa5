"""How updates go live: steps, bake times and guard limits, of the installation and of single models."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import msgspec
from django.db import transaction
from msgspec.structs import asdict

from controlplane.base import access
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence
from controlplane.base.models import Setting
from controlplane.base.refusals import Invalid
from registry.models import Model
from versions.rollout.guards import GuardLimits

Shape = TypeVar("Shape", bound=msgspec.Struct)
KEY = "rollout_policy"
CAREFUL, FAST = "careful", "fast"
FAST_TAG = "practice"
"""Models with this tag roll out fast unless a plan is set for them: the practice fleet."""
MOST_STEPS, LONGEST_BAKE, MOST_MODELS = 20, 7 * 24 * 3600, 5000
_BASE: dict[str, dict[str, Any]] = {
    CAREFUL: {"steps": [1, 5, 25, 50, 100], "bake_seconds": [300, 300, 600, 600, 600]},
    FAST: {"steps": [10, 50, 100], "bake_seconds": [5, 5, 5], "guards": {"least_calls": 0}},
}


class RolloutPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`steps` are green's shares in per cent, one bake time each. `automatic` starts what is approved by itself."""

    steps: tuple[int, ...]
    bake_seconds: tuple[int, ...]
    sticky: bool = False
    automatic: bool = True
    guards: GuardLimits = GuardLimits()

    def guards_stored(self) -> dict[str, Any]:
        """The guard limits as JSON."""
        return asdict(self.guards)


class PlanGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A plan as it is set: a base by name, and what differs from it."""

    base: str = ""
    steps: list[int] | None = None
    bake_seconds: list[int] | None = None
    sticky: bool | None = None
    automatic: bool | None = None
    guards: dict[str, Any] | None = None


def of(model: Model) -> RolloutPlan:
    """The plan for a model: what is set for it, else the fast one for practice models, else the installation's."""
    stored = _stored()
    own = stored.get("models", {}).get(model.name)
    if own is not None:
        return plan(own)
    return plan({"base": FAST}) if FAST_TAG in model.tags else plan(stored.get("default", {}))


def plan(given: Mapping[str, Any]) -> RolloutPlan:
    """The plan that is given, whole. Raises Invalid naming what is wrong with it."""
    asked = _read(given, PlanGiven)
    base = asked.base or CAREFUL
    if base not in _BASE:
        raise Invalid("base", Sentence("base is {base}; expected careful or fast", base=repr(base[:40])))
    own = {name: value for name, value in asdict(asked).items() if value is not None and name not in ("base", "guards")}
    guards = {**_BASE[base].get("guards", {}), **(asked.guards or {})}
    made = _read({**_BASE[base], **own, "guards": guards}, RolloutPlan)
    _check_steps(made.steps, made.bake_seconds)
    _check_guards(made.guards)
    return made


@transaction.atomic
def change(actor: Any, given: Mapping[str, Any], model: str = "", *, request_id: str = "") -> RolloutPlan:
    """Set the installation's plan, or with `model` that model's; an empty one unsets it. Raises Forbidden, Invalid."""
    access.require(actor, "settings.change")
    made = plan(given)
    before = _stored()
    models = {name: value for name, value in before.get("models", {}).items() if name != model}
    if model and given:
        models[model] = dict(given)
    if len(models) > MOST_MODELS:
        raise Invalid("too_many", Sentence("at most {most} models have a plan of their own", most=MOST_MODELS))
    after = {"default": before.get("default", {}) if model else dict(given), "models": models}
    Setting.objects.update_or_create(key=KEY, defaults={"value": after})
    audit.record(
        actor, "settings.change", "setting", KEY, {"name": model, "from": before, "to": dict(given)}, request_id
    )
    return made


def shown(actor: Any) -> dict[str, Any]:
    """What is set: the installation's plan and those of single models. Raises Forbidden."""
    access.require(actor, "update.read")
    stored = _stored()
    return {"default": stored.get("default", {}), "models": stored.get("models", {})}


def _stored() -> dict[str, Any]:
    value = Setting.objects.filter(key=KEY).values_list("value", flat=True).first()
    return value if isinstance(value, dict) else {}


def _read(given: Mapping[str, Any], shape: type[Shape]) -> Shape:
    try:
        return msgspec.convert(given, shape)
    except msgspec.ValidationError as error:
        raise Invalid("plan", Sentence("the rollout plan cannot be read: {error}", error=str(error))) from error


def _check_steps(steps: Sequence[int], bake_seconds: Sequence[int]) -> None:
    rising = all(0 < low < high for low, high in pairwise(steps))
    if not steps or len(steps) > MOST_STEPS or not rising or not 0 < steps[0] <= steps[-1] == 100:
        raise Invalid(
            "steps", Sentence("steps are {steps}; expected growing per cents that end with 100", steps=str(list(steps)))
        )
    if len(bake_seconds) != len(steps) or not all(0 <= seconds <= LONGEST_BAKE for seconds in bake_seconds):
        raise Invalid(
            "bake_seconds",
            Sentence(
                "bake_seconds are {given}; expected {count} numbers of seconds, one a step, each a week at the most",
                given=str(list(bake_seconds)),
                count=len(steps),
            ),
        )


def _check_guards(guards: GuardLimits) -> None:
    points = (guards.failed_points, guards.refused_points, guards.lossy_points)
    if not all(0 <= value <= 100 for value in points) or not 1 <= guards.slower <= 100 or guards.least_calls < 0:
        raise Invalid("guards", Sentence("guards take points from 0 to 100, and slower from 1 to 100"))
