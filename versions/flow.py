"""The state table of updates, and the only code that moves one.

Every move is a compare-and-swap in PostgreSQL: of fifty parallel ones one wins, the others are told the state that they
met. A move is audited and announced in its transaction.
"""

import uuid
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from controlplane.base import events
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Conflict, Missing
from versions.models import Update, UpdateState


class UpdateEvent(StrEnum):
    """What can happen to an update."""

    JUDGE = "judge"
    FAIL_TO_READ = "fail_to_read"
    CLEAR = "clear"
    ASK = "ask"
    APPROVE = "approve"
    REJECT = "reject"
    LAPSE = "lapse"
    VOID = "void"
    REOPEN = "reopen"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    SUPERSEDE = "supersede"


STATES: Mapping[UpdateState, Sentence] = {
    UpdateState.SEEN: Sentence("seen"),
    UpdateState.UNREADABLE: Sentence("unreadable"),
    UpdateState.TESTING: Sentence("being tested"),
    UpdateState.REVIEW: Sentence("in review"),
    UpdateState.APPROVED: Sentence("approved"),
    UpdateState.ROLLING: Sentence("rolling out"),
    UpdateState.PAUSED: Sentence("paused"),
    UpdateState.LIVE: Sentence("live"),
    UpdateState.REJECTED: Sentence("rejected"),
    UpdateState.EXPIRED: Sentence("expired"),
    UpdateState.SUPERSEDED: Sentence("superseded"),
    UpdateState.ROLLED_BACK: Sentence("rolled back"),
}
"""What an update is in each state."""
EVENTS: Mapping[UpdateEvent, Sentence] = {
    UpdateEvent.JUDGE: Sentence("be judged"),
    UpdateEvent.FAIL_TO_READ: Sentence("be called unreadable"),
    UpdateEvent.CLEAR: Sentence("be approved by its tests"),
    UpdateEvent.ASK: Sentence("be put into review"),
    UpdateEvent.APPROVE: Sentence("be approved"),
    UpdateEvent.REJECT: Sentence("be rejected"),
    UpdateEvent.LAPSE: Sentence("expire"),
    UpdateEvent.VOID: Sentence("lose its approvals"),
    UpdateEvent.REOPEN: Sentence("be opened again"),
    UpdateEvent.START: Sentence("be rolled out"),
    UpdateEvent.PAUSE: Sentence("be paused"),
    UpdateEvent.RESUME: Sentence("go on"),
    UpdateEvent.PROMOTE: Sentence("be promoted"),
    UpdateEvent.ROLL_BACK: Sentence("be rolled back"),
    UpdateEvent.SUPERSEDE: Sentence("be superseded"),
}
"""What an update does at each event."""
_S, _E = UpdateState, UpdateEvent
TABLE: Mapping[tuple[UpdateState, UpdateEvent], UpdateState] = {
    (_S.SEEN, _E.FAIL_TO_READ): _S.UNREADABLE,
    (_S.SEEN, _E.JUDGE): _S.TESTING,
    (_S.TESTING, _E.CLEAR): _S.APPROVED,
    (_S.TESTING, _E.ASK): _S.REVIEW,
    (_S.REVIEW, _E.JUDGE): _S.TESTING,
    (_S.REVIEW, _E.APPROVE): _S.APPROVED,
    (_S.REVIEW, _E.REJECT): _S.REJECTED,
    (_S.REVIEW, _E.LAPSE): _S.EXPIRED,
    (_S.APPROVED, _E.VOID): _S.REVIEW,
    (_S.APPROVED, _E.START): _S.ROLLING,
    (_S.APPROVED, _E.REJECT): _S.REJECTED,
    (_S.ROLLING, _E.PAUSE): _S.PAUSED,
    (_S.PAUSED, _E.RESUME): _S.ROLLING,
    (_S.ROLLING, _E.PROMOTE): _S.LIVE,
    (_S.PAUSED, _E.PROMOTE): _S.LIVE,
    (_S.ROLLING, _E.ROLL_BACK): _S.ROLLED_BACK,
    (_S.PAUSED, _E.ROLL_BACK): _S.ROLLED_BACK,
    (_S.LIVE, _E.ROLL_BACK): _S.ROLLED_BACK,
    (_S.UNREADABLE, _E.REJECT): _S.REJECTED,
    (_S.REJECTED, _E.REOPEN): _S.REVIEW,
    (_S.EXPIRED, _E.REOPEN): _S.REVIEW,
    (_S.ROLLED_BACK, _E.REOPEN): _S.REVIEW,
    (_S.SEEN, _E.SUPERSEDE): _S.SUPERSEDED,
    (_S.UNREADABLE, _E.SUPERSEDE): _S.SUPERSEDED,
    (_S.TESTING, _E.SUPERSEDE): _S.SUPERSEDED,
    (_S.REVIEW, _E.SUPERSEDE): _S.SUPERSEDED,
    (_S.APPROVED, _E.SUPERSEDE): _S.SUPERSEDED,
    (_S.EXPIRED, _E.SUPERSEDE): _S.SUPERSEDED,
    (_S.LIVE, _E.SUPERSEDE): _S.SUPERSEDED,
}
"""From a state, by an event, to a state. What is not here cannot happen."""
OPEN = (_S.SEEN, _S.UNREADABLE, _S.TESTING, _S.REVIEW, _S.APPROVED, _S.ROLLING, _S.PAUSED)
"""States in which something is still to happen."""


def sources_of(event: UpdateEvent) -> tuple[UpdateState, ...]:
    """The states from which `event` can happen."""
    return tuple(state for state, possible in TABLE if possible == event)


@transaction.atomic
def move(
    update_id: uuid.UUID,
    event: UpdateEvent,
    *,
    actor: Any = None,
    reason: str = "",
    request_id: str = "",
    **fields: Any,
) -> Update:
    """Move an update, writing `fields` in the same statement. Raises Missing, and Conflict in a state without `event`.

    The caller has checked the actor's permission. `reason` is kept on the update and in the audit log.
    """
    update = (
        Update.objects.select_for_update(of=("self",)).select_related("model", "release").filter(pk=update_id).first()
    )
    if update is None:
        raise Missing("update", Sentence("there is no update {update}", update=repr(str(update_id)[:60])))
    before = UpdateState(update.state)
    after = TABLE.get((before, event))
    if after is None:
        raise Conflict(
            "update_state",
            Sentence(
                "the update of {model} is {state}, so it cannot {event}; load the page again",
                model=update.model.name,
                state=label_of(update),
                event=EVENTS[event],
            ),
            {"state": before.value, "event": event.value},
        )
    times = {"live_at": Now()} if after == UpdateState.LIVE else {}
    swapped = Update.objects.filter(pk=update.pk, state=before).update(
        state=after, reason=reason, moved_at=Now(), **times, **fields
    )
    assert swapped == 1, "the row is locked"
    update.refresh_from_db()
    detail: dict[str, Any] = {"name": update.model.name, "from": before.value, "to": after.value}
    if update.release is not None:
        detail["release"] = update.release.number
    if reason:
        detail["reason"] = reason
    audit.record(actor, f"update.{event.value}", "update", update.pk, detail, request_id)
    announce(update)
    return update


def label_of(update: Update) -> Sentence:
    """An update's state, for a sentence."""
    return STATES[UpdateState(update.state)]


def announce(update: Update) -> None:
    """Tell open pages that an update moved."""
    events.publish("updates", {"id": str(update.pk), "model": update.model.name, "state": update.state})
