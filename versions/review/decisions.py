"""Decisions of people on updates in review: who may, how many it takes, and what each decision is bound to.

A break that live callers would notice takes two people. Nobody decides on a change or an adaptation of their own. A
decision is bound to three digests (old release, new release, plan) and is void when one of them moves; it counts for
72 hours, and only while its person still may approve.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from controlplane.base import access
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Conflict, Invalid, Missing, Refused, Stale
from versions import flow
from versions.flow import UpdateEvent
from versions.models import Approval, Update, UpdateState

VALID = timedelta(hours=72)
LONGEST_DEFERRAL = timedelta(days=30)
MOST_AT_ONCE = 500
LONGEST_REASON = 2000
SEEN_AGAIN = timedelta(hours=1)


@dataclass(frozen=True)
class Digests:
    """What a person saw: the old release's address, the new one's, and the adaptation plan's digest."""

    old: str
    new: str
    plan: str


@dataclass(frozen=True)
class Tally:
    """How far a decision has come. `open` are fingerprints of findings that too few people approved."""

    needed: int
    approvers: tuple[str, ...]
    open: tuple[str, ...]

    @property
    def enough(self) -> bool:
        """Whether every finding has as many approvals as it takes."""
        return not self.open


def digests_of(update: Update) -> Digests:
    """The digests that a decision on `update` is bound to now."""
    old = update.base.address if update.base else ""
    return Digests(old, update.release.address if update.release else "", update.plan_digest)


def serious(update: Update) -> tuple[str, ...]:
    """Fingerprints of the findings that a person decides; the whole update ("") if it has none."""
    findings: Sequence[Mapping[str, Any]] = update.report.get("findings", ())
    found = [str(item["fingerprint"]) for item in findings if item.get("severity") != "compatible"]
    return tuple(dict.fromkeys(found)) or ("",)


def needed(update: Update) -> int:
    """How many people it takes: two for a break that live callers would notice, else one."""
    return 2 if update.verdict == "breaking" and update.callers_hurt else 1


def tally(update: Update) -> Tally:
    """What the decisions that count now add up to."""
    seen = digests_of(update)
    rows = update.approvals.filter(
        approves=True, voided_at=None, expires_at__gt=Now(),
        old_digest=seen.old, new_digest=seen.new, plan_digest=seen.plan,
    ).select_related("user").order_by("at")  # fmt: skip
    counted = [row for row in rows if access.can(row.user, "review.approve") and not _own(row.user, update)]
    most = needed(update)
    by_finding = {
        finding: {row.user_id for row in counted if row.finding in ("", finding)} for finding in serious(update)
    }
    still = tuple(finding for finding, people in by_finding.items() if len(people) < most)
    return Tally(most, tuple(dict.fromkeys(row.user.username for row in counted)), still)


@transaction.atomic
def approve(
    actor: Any, update_id: uuid.UUID, seen: Digests, findings: Sequence[str] = (), *, reason: str = "",
    request_id: str = "",
) -> Update:  # fmt: skip
    """Approve an update, or some of its findings by fingerprint; the last approval that it takes moves it on.

    Raises Forbidden, Missing, Conflict in another state or for an own change, and Stale if what was seen has moved.
    """
    access.require(actor, "review.approve")
    update = _decidable(actor, update_id, seen)
    known = serious(update)
    for finding in findings or ("",):
        if finding and finding not in known:
            raise Invalid("finding", Sentence("the update has no finding {finding}", finding=repr(finding[:64])))
        _write(actor, update, seen, finding, True, reason)
    detail = {"name": update.model.name, "old": seen.old, "new": seen.new, "plan": seen.plan, "findings": [*findings]}
    audit.record(actor, "update.approval", "update", update.pk, detail, request_id)
    result = tally(update)
    if result.enough:
        return flow.move(update.pk, UpdateEvent.APPROVE, actor=actor, reason=reason, request_id=request_id)
    flow.announce(update)
    return update


def approve_equal(
    actor: Any, fingerprint: str, seen: Mapping[uuid.UUID, Digests], *, request_id: str = ""
) -> tuple[int, dict[uuid.UUID, str]]:
    """One decision for the same change of many models: each is bound to the digests that were shown for it.

    Returns how many were approved, and why the others were not. Raises Forbidden, Invalid for too many at once.
    """
    access.require(actor, "review.approve")
    if len(seen) > MOST_AT_ONCE:
        raise Invalid(
            "too_many",
            Sentence("{count} updates at once; at most {most} are allowed", count=len(seen), most=MOST_AT_ONCE),
        )
    refused: dict[uuid.UUID, str] = {}
    for update_id, digests in seen.items():
        try:
            _approve_one(actor, update_id, digests, fingerprint, request_id)
        except Refused as refusal:
            refused[update_id] = refusal.message
    return len(seen) - len(refused), refused


@transaction.atomic
def _approve_one(actor: Any, update_id: uuid.UUID, seen: Digests, fingerprint: str, request_id: str) -> None:
    if _locked(update_id, UpdateState.REVIEW).fingerprint != fingerprint:
        raise Conflict("other_change", Sentence("this update is another change than the one decided on"))
    approve(actor, update_id, seen, request_id=request_id)


@transaction.atomic
def reject(actor: Any, update_id: uuid.UUID, seen: Digests, reason: str, *, request_id: str = "") -> Update:
    """Reject an update for a reason that its owners will read. Raises Forbidden, Missing, Conflict, Stale, Invalid."""
    access.require(actor, "review.approve")
    reason = _checked_reason(reason)
    update = _decidable(actor, update_id, seen)
    _write(actor, update, seen, "", False, reason)
    return flow.move(update.pk, UpdateEvent.REJECT, actor=actor, reason=reason, request_id=request_id)


@transaction.atomic
def approve_in_emergency(
    actor: Any, update_id: uuid.UUID, seen: Digests, reason: str, *, request_id: str = ""
) -> Update:
    """One admin's approval, which everybody is told of and another person must look at afterwards.

    Raises Forbidden, Missing, Conflict, Stale, Invalid without a reason.
    """
    access.require(actor, "review.emergency")
    reason = _checked_reason(reason)
    update = _locked(update_id, UpdateState.REVIEW)
    _compare(update, seen)
    _write(actor, update, seen, "", True, reason)
    return flow.move(update.pk, UpdateEvent.APPROVE, actor=actor, reason=reason, request_id=request_id, emergency=True)


@transaction.atomic
def look_at_emergency(actor: Any, update_id: uuid.UUID, verdict: str, *, request_id: str = "") -> Update:
    """Another person on an emergency approval, which is shown until then. Raises Forbidden, Missing, Conflict."""
    access.require(actor, "review.approve")
    verdict = _checked_reason(verdict)
    update = _locked(update_id)
    if not update.emergency:
        raise Conflict("no_emergency", Sentence("nobody approved this update in an emergency"))
    first = update.approvals.filter(approves=True).order_by("-at").first()
    if first is not None and first.user_id == actor.id:
        raise Conflict("own_decision", Sentence("you approved it yourself; another person must look at it"))
    if update.state == UpdateState.APPROVED:
        # It is approved as any other from now on, and not void because one of two people is missing.
        _write(actor, update, digests_of(update), "", True, verdict)
    Update.objects.filter(pk=update.pk).update(emergency=False)
    audit.record(
        actor, "update.looked_at", "update", update.pk, {"name": update.model.name, "reason": verdict}, request_id
    )
    flow.announce(update)
    return update


@transaction.atomic
def defer(actor: Any, update_id: uuid.UUID, until: datetime, *, request_id: str = "") -> Update:
    """Move the deadline, at most 30 days ahead. Raises Forbidden, Missing, Conflict, Invalid."""
    access.require(actor, "review.approve")
    update = _locked(update_id, UpdateState.REVIEW)
    if not timezone.now() < until <= timezone.now() + LONGEST_DEFERRAL:
        raise Invalid(
            "until",
            Sentence(
                "{until} is no moment of the next {days} days; choose one of them",
                until=until.isoformat(timespec="minutes"),
                days=LONGEST_DEFERRAL.days,
            ),
        )
    Update.objects.filter(pk=update.pk).update(deadline=until)
    detail = {"name": update.model.name, "until": until.isoformat()}
    audit.record(actor, "update.defer", "update", update.pk, detail, request_id)
    update.refresh_from_db(fields=["deadline"])
    flow.announce(update)
    return update


@transaction.atomic
def ask_owner(actor: Any, update_id: uuid.UUID, question: str, *, request_id: str = "") -> Update:
    """Leave a question for the model's owner in the update's trail. Raises Forbidden, Missing, Conflict, Invalid."""
    access.require(actor, "update.read")
    question = _checked_reason(question)
    update = _locked(update_id)
    detail = {"name": update.model.name, "owner": update.model.owner, "question": question}
    audit.record(actor, "update.question", "update", update.pk, detail, request_id)
    flow.announce(update)
    return update


@transaction.atomic
def reopen(actor: Any, update_id: uuid.UUID, *, request_id: str = "") -> Update:
    """Put a rejected, expired or rolled back update into review again. Raises Forbidden, Missing, Conflict."""
    access.require(actor, "review.approve")
    update = _locked(update_id)
    _void(update)
    deadline = timezone.now() + VALID
    return flow.move(update.pk, UpdateEvent.REOPEN, actor=actor, request_id=request_id, deadline=deadline)


def saw(actor: Any, update: Update) -> None:
    """Note once an hour that a person who may decide looked at these digests of an update in review."""
    if update.state != UpdateState.REVIEW or not access.can(actor, "review.approve"):
        return
    seen = digests_of(update)
    detail = {"name": update.model.name, "old": seen.old, "new": seen.new, "plan": seen.plan}
    if not audit.known(actor, "update.seen", "update", update.pk, detail, SEEN_AGAIN):
        with transaction.atomic():
            audit.record(actor, "update.seen", "update", update.pk, detail)


def lapse() -> int:
    """Expire what nobody decided in time, and void approvals that no longer count. Returns how many moved."""
    moved = 0
    late = Update.objects.filter(state=UpdateState.REVIEW, deadline__lt=Now()).values_list("pk", flat=True)
    for update_id in [*late]:
        moved += _moved(update_id, UpdateEvent.LAPSE, Sentence("nobody decided until its deadline"))
    approved = Update.objects.filter(state=UpdateState.APPROVED, hot_fix=False, emergency=False)
    for update in approved.select_related("base", "release", "author", "plan_author"):
        if not tally(update).enough:
            with transaction.atomic():
                _void(update)
                moved += _moved(
                    update.pk,
                    UpdateEvent.VOID,
                    Sentence("its approvals count no longer: too old, or what they were bound to has moved"),
                )
    return moved


def _moved(update_id: uuid.UUID, event: UpdateEvent, reason: str) -> int:
    """Move unless somebody else just did."""
    try:
        flow.move(update_id, event, reason=reason, deadline=timezone.now() + VALID)
    except (Conflict, Missing):
        return 0
    return 1


def _decidable(actor: Any, update_id: uuid.UUID, seen: Digests) -> Update:
    update = _locked(update_id, UpdateState.REVIEW)
    _compare(update, seen)
    if _own(actor, update):
        raise Conflict(
            "own_change",
            Sentence("you wrote this change or its adaptation; another reviewer must decide on it"),
        )
    return update


def _locked(update_id: uuid.UUID, state: UpdateState | None = None) -> Update:
    rows = Update.objects.select_for_update(of=("self",)).select_related("model", "base", "release")
    update = rows.filter(pk=update_id).first()
    if update is None:
        raise Missing("update", Sentence("there is no update {update}", update=repr(str(update_id)[:60])))
    if state is not None and update.state != state:
        raise Conflict(
            "update_state",
            Sentence(
                "the update of {model} is {state} and not {expected}; load the page again",
                model=update.model.name,
                state=flow.label_of(update),
                expected=flow.STATES[state],
            ),
            {"state": update.state},
        )
    return update


def _compare(update: Update, seen: Digests) -> None:
    now = digests_of(update)
    if seen != now:
        raise Stale(
            "update_moved",
            Sentence(
                "the update of {model} is not what you saw any more; read it again, then decide",
                model=update.model.name,
            ),
            {"old": now.old, "new": now.new, "plan": now.plan},
        )


def _own(person: Any, update: Update) -> bool:
    mine = getattr(person, "id", None)
    return mine is not None and mine in (update.author_id, update.plan_author_id)


def _write(actor: Any, update: Update, seen: Digests, finding: str, approves: bool, reason: str) -> None:
    earlier = update.approvals.filter(user_id=actor.id, finding=finding, voided_at=None)
    earlier.update(voided_at=Now())
    Approval.objects.create(
        update=update,
        user_id=actor.id,
        finding=finding,
        approves=approves,
        old_digest=seen.old,
        new_digest=seen.new,
        plan_digest=seen.plan,
        reason=reason[:LONGEST_REASON],
        expires_at=timezone.now() + VALID,
    )


def _void(update: Update) -> None:
    update.approvals.filter(voided_at=None).update(voided_at=Now())


def _checked_reason(reason: str) -> str:
    found = reason.replace("\x00", "").strip()
    if not found:
        raise Invalid("reason", Sentence("a reason is missing; say in a sentence why, for those who read it later"))
    return found[:LONGEST_REASON]
