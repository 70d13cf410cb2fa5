"""Rollouts: start, step on, pause, resume, promote, roll back, undo. Each moves its update by flow, in one transaction.

Rows are locked in one order everywhere: the model, the revision, the update, the head of the audit log.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from controlplane.base import access, events, revision
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Conflict, Invalid, Missing
from registry.catalog import releases
from registry.catalog.verbs import enqueue_probe
from registry.models import Model, ModelState
from routing.models import Colour, Deployment
from versions import flow
from versions.flow import UpdateEvent
from versions.models import Rollout, Update, UpdateState
from versions.rollout import plans
from versions.rollout.guards import EVERYTHING
from versions.rollout.plans import RolloutPlan

LOSSY_STEPS = ("drop", "drop_null", "clamp", "map")
ROLLS = (UpdateState.ROLLING, UpdateState.PAUSED)


def start(actor: Any, update_id: uuid.UUID, given: Mapping[str, Any] | None = None, *, request_id: str = "") -> Rollout:
    """Begin to roll out an approved update, by the model's plan unless one is given.

    Raises Forbidden, Missing, Invalid for a wrong plan or a spec that cannot be served, and Conflict in another state,
    if the model serves another release by now, is disabled, or rolls out another update.
    """
    access.require(actor, "rollout.start")
    return _start(actor, update_id, plans.plan(given) if given else None, request_id)


def start_approved() -> int:
    """Begin what is approved and may start by itself. Returns how many. What cannot start goes back into review."""
    started = 0
    rolling = Update.objects.filter(state__in=ROLLS).values("model")
    approved = Update.objects.filter(state=UpdateState.APPROVED).exclude(model__in=rolling).order_by("moved_at")
    for update in approved.select_related("model"):
        if not plans.of(update.model).automatic:
            continue
        try:
            _start(None, update.pk, None, "")
            started += 1
        except (Conflict, Invalid) as refusal:
            _void(update.pk, refusal.message)
    return started


@transaction.atomic
def step_on(actor: Any, update_id: uuid.UUID, *, request_id: str = "") -> Rollout:
    """Go to the next step now. Raises Forbidden, Missing, and Conflict in another state or after the last step."""
    access.require(actor, "rollout.control")
    rollout = found(update_id)
    if rollout.update.state != UpdateState.ROLLING or rollout.position + 1 >= len(rollout.steps):
        raise Conflict("no_step", Sentence("the rollout has no next step now; promote it, or resume it first"))
    return advance(rollout, actor=actor, request_id=request_id)


@transaction.atomic
def advance(rollout: Rollout, *, actor: Any = None, request_id: str = "") -> Rollout:
    """The next step of a rollout, unless somebody went there already. Asks nobody's permission."""
    model = _locked_model(rollout.update.model_id)
    rolling = Rollout.objects.filter(pk=rollout.pk, position=rollout.position, update__state=UpdateState.ROLLING)
    moved = rolling.update(position=rollout.position + 1, step_at=Now())
    if moved:
        position = rollout.position + 1
        _share(model, rollout.steps[position])
        revision.bump()
        detail = {"name": model.name, "step": position + 1, "share": rollout.steps[position]}
        audit.record(actor, "update.step", "update", rollout.update_id, detail, request_id)
    return _announced(rollout.update_id)


@transaction.atomic
def pause(actor: Any, update_id: uuid.UUID, reason: str = "", *, request_id: str = "") -> Rollout:
    """Stay at this step; the guard lines go on watching. Raises Forbidden, Missing, Conflict."""
    access.require(actor, "rollout.control")
    return hold(update_id, reason, actor=actor, request_id=request_id)


@transaction.atomic
def hold(update_id: uuid.UUID, reason: str, *, actor: Any = None, request_id: str = "") -> Rollout:
    """Stay at this step for a person. Asks nobody's permission. Raises Missing, Conflict."""
    flow.move(update_id, UpdateEvent.PAUSE, actor=actor, reason=reason, request_id=request_id)
    return found(update_id)


@transaction.atomic
def resume(actor: Any, update_id: uuid.UUID, *, request_id: str = "") -> Rollout:
    """Go on with the steps; the bake time of this one begins anew. Raises Forbidden, Missing, Conflict."""
    access.require(actor, "rollout.control")
    flow.move(update_id, UpdateEvent.RESUME, actor=actor, request_id=request_id)
    Rollout.objects.filter(update=update_id).update(step_at=Now())
    return _announced(update_id)


@transaction.atomic
def promote(actor: Any, update_id: uuid.UUID, reason: str = "", *, request_id: str = "") -> Rollout:
    """Let the new release serve every call for good, whatever step it is at. Raises Forbidden, Missing, Conflict."""
    access.require(actor, "rollout.control")
    return go_live(update_id, reason, actor=actor, request_id=request_id)


@transaction.atomic
def go_live(update_id: uuid.UUID, reason: str = "", *, actor: Any = None, request_id: str = "") -> Rollout:
    """Promote. Asks nobody's permission. Raises Missing, Invalid, and Conflict if the model was changed meanwhile."""
    rollout = found(update_id)
    update = rollout.update
    model = _locked_model(update.model_id)
    _require_base(model, update)
    assert update.release is not None, "an update without a release cannot be approved"
    _serve(model, update.release.pk)
    for earlier in Update.objects.filter(model=model, state=UpdateState.LIVE).values_list("pk", flat=True):
        words = Sentence("release {number} is live in its place", number=update.release.number)
        flow.move(earlier, UpdateEvent.SUPERSEDE, reason=words)
    flow.move(update_id, UpdateEvent.PROMOTE, actor=actor, reason=reason, request_id=request_id)
    return _end(rollout)


@transaction.atomic
def roll_back(actor: Any, update_id: uuid.UUID, reason: str = "", *, request_id: str = "") -> Update:
    """One click back: give every call to the old release, during the rollout or after it went live.

    Raises Forbidden, Missing, and Conflict in another state or if the model serves another release by now.
    """
    access.require(actor, "rollout.control")
    update = Update.objects.filter(pk=update_id).first()
    if update is not None and update.state == UpdateState.LIVE:
        return _undo(actor, update, reason, request_id)
    go_back(update_id, reason, actor=actor, request_id=request_id)
    return Update.objects.get(pk=update_id)


@transaction.atomic
def go_back(
    update_id: uuid.UUID, reason: str, *, actor: Any = None, request_id: str = "", broken: bool = False
) -> Rollout:
    """End a rollout with the old release. Asks nobody's permission. Raises Missing, Conflict.

    `broken`: a guard line was.
    """
    rollout = found(update_id)
    model = _locked_model(rollout.update.model_id)
    if not Update.objects.filter(pk=update_id, state__in=ROLLS).exists():
        # A live update can be rolled back too, but not by taking deployments away; see _undo.
        raise Conflict("no_rollout", Sentence("the rollout of {model} is over; load the page again", model=model.name))
    Deployment.objects.filter(model=model).delete()
    revision.bump()
    flow.move(update_id, UpdateEvent.ROLL_BACK, actor=actor, reason=reason, request_id=request_id)
    if broken:
        Rollout.objects.filter(pk=rollout.pk).update(broken_at=Now())
    return _end(rollout)


def found(update_id: uuid.UUID) -> Rollout:
    """The rollout of an update. Raises Missing."""
    rows = Rollout.objects.select_related("update__model", "update__base", "update__release")
    rollout = rows.filter(update=update_id).first()
    if rollout is None:
        raise Missing("rollout", Sentence("the update {update} has no rollout", update=repr(str(update_id))))
    return rollout


@transaction.atomic
def _start(actor: Any, update_id: uuid.UUID, plan: RolloutPlan | None, request_id: str) -> Rollout:
    update = Update.objects.select_related("release").filter(pk=update_id).first()
    if update is None or update.release is None or update.base_id is None:
        raise Missing("update", Sentence("there is no update {update} of a release", update=repr(str(update_id))))
    model = _locked_model(update.model_id)
    _require_base(model, update)
    if model.state == ModelState.DISABLED:
        raise Conflict("model_disabled", Sentence("{model} is disabled; enable it first", model=model.name))
    if Update.objects.filter(model=model, state__in=ROLLS).exists():
        raise Conflict("rolls_already", Sentence("{model} rolls out another update now", model=model.name))
    releases.checked_spec(update.release.spec)
    revision.bump()
    flow.move(update_id, UpdateEvent.START, actor=actor, request_id=request_id)
    plan = plan or plans.of(model)
    Rollout.objects.filter(update=update).delete()
    Rollout.objects.create(
        update=update,
        steps=list(plan.steps),
        bake_seconds=list(plan.bake_seconds),
        sticky=plan.sticky,
        guards=_guards(update, plan),
    )
    Deployment.objects.filter(model=model).delete()
    for colour, release_id in ((Colour.BLUE, update.base_id), (Colour.GREEN, update.release.pk)):
        Deployment.objects.create(model=model, release_id=release_id, colour=colour, weight=0, sticky=plan.sticky)
    _share(model, plan.steps[0])
    return _announced(update_id)


def _guards(update: Update, plan: RolloutPlan) -> dict[str, Any]:
    """The limits of the guard lines. A plan that drops or clamps was judged for that, so losing so much is no break."""
    stored = plan.guards_stored()
    lossy = any(step.get("do") in LOSSY_STEPS for step in update.plan)
    return {**stored, "lossy_points": EVERYTHING} if lossy else stored


def _undo(actor: Any, update: Update, reason: str, request_id: str) -> Update:
    model = _locked_model(update.model_id)
    if update.base_id is None or model.release_id != update.release_id:
        raise Conflict(
            "release_moved",
            Sentence(
                "{model} serves another release than the one that this update brought;"
                " choose a release on the model's page",
                model=model.name,
            ),
        )
    _serve(model, update.base_id)
    return flow.move(update.pk, UpdateEvent.ROLL_BACK, actor=actor, reason=reason, request_id=request_id)


def _serve(model: Model, release_id: int) -> None:
    """Let the model serve this release alone; bumps the revision."""
    served = releases.serve(model.pk, model.releases.get(pk=release_id))
    Deployment.objects.filter(model=model).delete()
    revision.bump()
    events.publish("models", {"count": 1, "names": [model.name]})
    if served.state == ModelState.PROBING:
        enqueue_probe(None, [model.pk], model.name)


def _share(model: Model, weight: int) -> None:
    for colour, share in ((Colour.GREEN, weight), (Colour.BLUE, 100 - weight)):
        Deployment.objects.filter(model=model, colour=colour).update(weight=share)


def _locked_model(model_id: int) -> Model:
    return Model.objects.select_for_update(of=("self",)).select_related("release").get(pk=model_id)


def _require_base(model: Model, update: Update) -> None:
    if model.release_id != update.base_id:
        raise Conflict(
            "base_moved",
            Sentence(
                "{model} serves release {now} now; this update was judged against another one and must be judged again",
                model=model.name,
                now=model.release.number if model.release else 0,
            ),
        )


def _end(rollout: Rollout) -> Rollout:
    Rollout.objects.filter(pk=rollout.pk).update(ended_at=Now())
    return _announced(rollout.update_id)


def _announced(update_id: uuid.UUID) -> Rollout:
    rollout = found(update_id)
    flow.announce(rollout.update)
    return rollout


def _void(update_id: uuid.UUID, reason: str) -> None:
    try:
        flow.move(update_id, UpdateEvent.VOID, reason=reason)
    except (Conflict, Missing):
        return
