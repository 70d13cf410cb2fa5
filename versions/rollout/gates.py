"""Gates for teams that keep their own rollout engine: yes or no to each question, from the same state as our pages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.base.messages import Sentence
from controlplane.base.refusals import Missing
from versions.models import Rollout, Update, UpdateState
from versions.rollout import reading
from versions.rollout.reading import RolloutState

_S = UpdateState
_ALLOWED = (_S.APPROVED, _S.ROLLING, _S.PAUSED, _S.LIVE)
_ENDED = (_S.ROLLED_BACK, _S.REJECTED, _S.EXPIRED)


@dataclass(frozen=True)
class GateAnswer:
    """Whether the engine may do what it asks, and the state that says so."""

    yes: bool
    model: str
    state: str
    why: str


def ask(actor: Any, question: str, model: str) -> GateAnswer:
    """Answer one of QUESTIONS about the newest update of a model. Raises Forbidden, Missing."""
    require_known(question)
    update = reading.newest(actor, model)
    if update is None:
        raise Missing("update", Sentence("there is no update of a model named {model}", model=repr(model[:80])))
    return GateAnswer(QUESTIONS[question](update), update.model.name, update.state, update.reason)


def require_known(question: str) -> None:
    """Raises Missing for what is none of QUESTIONS."""
    if question not in QUESTIONS:
        known = ", ".join(QUESTIONS)
        raise Missing(
            "hook", Sentence("there is no hook {hook}; known are {known}", hook=repr(question[:40]), known=known)
        )


def measured(actor: Any, model: str) -> Mapping[str, Any]:
    """What a metric of another engine reads: one number for the verdict (1 good, 0 bad, -1 unsure), and each line.

    Raises Forbidden, Missing.
    """
    update = reading.newest(actor, model)
    if update is None:
        raise Missing("update", Sentence("there is no update of a model named {model}", model=repr(model[:80])))
    state = _rollout_of(update)
    return {
        "model": update.model.name,
        "update": str(update.pk),
        "state": update.state,
        "verdict": _verdict(update, state),
        "share": state.shares.get("green", 0) if state is not None else 0,
        "lines": dict(state.lines) if state is not None else {},
    }


def _verdict(update: Update, state: RolloutState | None) -> int:
    if update.state in _ENDED:
        return 0
    if update.state == _S.LIVE:
        return 1
    return 1 if update.state == _S.ROLLING and state is not None and state.healthy else -1


def _rollout_of(update: Update) -> RolloutState | None:
    rows = Rollout.objects.select_related("update__model", "update__base", "update__release")
    rollout = rows.filter(update=update).first()
    return reading.state_of(rollout) if rollout is not None else None


def _may_grow(update: Update) -> bool:
    if update.state == _S.LIVE:
        return True
    state = _rollout_of(update)
    return update.state == _S.ROLLING and state is not None and state.healthy


def _may_promote(update: Update) -> bool:
    return update.state == _S.LIVE


QUESTIONS: Mapping[str, Callable[[Update], bool]] = {
    "confirm-rollout": lambda update: update.state in _ALLOWED,
    "confirm-traffic-increase": _may_grow,
    "confirm-promotion": _may_promote,
    "rollback": lambda update: update.state in _ENDED,
}
"""Flagger's hooks; each is answered with 200 for yes and 403 for no."""
