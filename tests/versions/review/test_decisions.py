"""Who may decide on an update, how many it takes, and what makes a decision void."""

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from controlplane.base.access import Forbidden
from controlplane.base.models import Change, User
from controlplane.base.refusals import Conflict, Invalid, Refused, Stale
from registry.models import Model, Release
from versions.models import Approval, Update, UpdateState
from versions.review import decisions
from versions.review.decisions import Digests

BREAK = {
    "verdict": "breaking",
    "findings": [{"fingerprint": "f1", "severity": "breaking"}, {"fingerprint": "f2", "severity": "review"}],
}


def person(name: str, role: str = "reviewer") -> User:
    return User.objects.create(username=name, role=role)


def in_review(**fields: Any) -> Update:
    name = f"m-{uuid.uuid4().hex[:8]}"
    model = Model.objects.create(name=name, type="llm", protocol="openai", endpoint="http://x")
    base = Release.objects.create(model=model, number=1, spec={}, digest="a" * 64)
    release = Release.objects.create(model=model, number=2, spec={}, digest="b" * 64)
    given = {
        "state": UpdateState.REVIEW, "verdict": "breaking", "report": BREAK, "callers_hurt": 3, "plan_digest": "p",
        "deadline": timezone.now() + timedelta(hours=72), "fingerprint": "same", **fields,
    }  # fmt: skip
    return Update.objects.create(model=model, base=base, release=release, origin="scan", **given)


def state_of(update: Update) -> str:
    return Update.objects.get(pk=update.pk).state


@pytest.mark.django_db
class TestPeople:
    """How many and who."""

    def test_a_break_with_live_callers_takes_two(self) -> None:
        update = in_review()
        seen = decisions.digests_of(update)
        ann, bob = person("ann"), person("bob")
        assert decisions.approve(ann, update.pk, seen).state == UpdateState.REVIEW
        assert decisions.approve(ann, update.pk, seen).state == UpdateState.REVIEW, "the same person counts once"
        assert decisions.approve(bob, update.pk, seen).state == UpdateState.APPROVED

    @pytest.mark.parametrize("fields", [{"callers_hurt": 0}, {"verdict": "review"}])
    def test_anything_else_takes_one(self, fields: dict[str, Any]) -> None:
        update = in_review(**fields)
        assert decisions.approve(person("ann"), update.pk, decisions.digests_of(update)).state == UpdateState.APPROVED

    @pytest.mark.parametrize("role", ["author", "plan_author"])
    def test_nobody_decides_on_their_own_change(self, role: str) -> None:
        ann = person("ann")
        update = in_review(callers_hurt=0, **{role: ann})
        with pytest.raises(Conflict, match="another reviewer"):
            decisions.approve(ann, update.pk, decisions.digests_of(update))
        with pytest.raises(Conflict, match="another reviewer"):
            decisions.reject(ann, update.pk, decisions.digests_of(update), "no")

    def test_an_engineer_may_not(self) -> None:
        update = in_review()
        with pytest.raises(Forbidden):
            decisions.approve(person("eve", "engineer"), update.pk, decisions.digests_of(update))

    def test_an_approver_who_loses_the_role_counts_no_longer(self) -> None:
        update = in_review()
        seen = decisions.digests_of(update)
        ann = person("ann")
        decisions.approve(ann, update.pk, seen)
        User.objects.filter(pk=ann.pk).update(role="viewer")
        assert decisions.approve(person("bob"), update.pk, seen).state == UpdateState.REVIEW
        assert decisions.approve(person("cid"), update.pk, seen).state == UpdateState.APPROVED

    def test_a_shut_out_approver_counts_no_longer(self) -> None:
        update = in_review()
        ann = person("ann")
        decisions.approve(ann, update.pk, decisions.digests_of(update))
        User.objects.filter(pk=ann.pk).update(is_active=False)
        assert decisions.tally(update).open == ("f1", "f2")

    def test_findings_may_be_approved_one_by_one(self) -> None:
        update = in_review(callers_hurt=0)
        seen, ann = decisions.digests_of(update), person("ann")
        decisions.approve(ann, update.pk, seen, ["f1"])
        assert decisions.tally(update).open == ("f2",)
        with pytest.raises(Invalid, match="no finding 'f9'"):
            decisions.approve(ann, update.pk, seen, ["f9"])
        assert decisions.approve(ann, update.pk, seen, ["f2"]).state == UpdateState.APPROVED


@pytest.mark.django_db
class TestBinding:
    """What a decision is bound to."""

    @pytest.mark.parametrize("moved", ["old", "new", "plan"])
    def test_what_moved_is_stale(self, moved: str) -> None:
        update = in_review()
        seen = decisions.digests_of(update)
        other = Digests(**{"old": seen.old, "new": seen.new, "plan": seen.plan, moved: "x"})
        with pytest.raises(Stale, match="read it again"):
            decisions.approve(person("ann"), update.pk, other)
        assert Approval.objects.count() == 0

    def test_a_moved_plan_voids_what_was_approved(self) -> None:
        update = in_review()
        decisions.approve(person("ann"), update.pk, decisions.digests_of(update))
        Update.objects.filter(pk=update.pk).update(plan_digest="q")
        update.refresh_from_db()
        assert decisions.tally(update).approvers == ()

    def test_approvals_expire_and_the_update_returns_to_review(self) -> None:
        update = in_review(callers_hurt=0)
        decisions.approve(person("ann"), update.pk, decisions.digests_of(update))
        assert decisions.lapse() == 0
        Approval.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert decisions.lapse() == 1
        assert state_of(update) == UpdateState.REVIEW

    def test_what_nobody_decides_expires_and_can_be_opened_again(self) -> None:
        update = in_review(deadline=timezone.now() - timedelta(seconds=1))
        assert decisions.lapse() == 1
        assert state_of(update) == UpdateState.EXPIRED
        assert decisions.reopen(person("ann"), update.pk).state == UpdateState.REVIEW

    def test_a_deferred_deadline_is_bounded(self) -> None:
        update, ann = in_review(), person("ann")
        later = timezone.now() + timedelta(days=10)
        assert decisions.defer(ann, update.pk, later).deadline == later
        for wrong in (timezone.now() - timedelta(hours=1), timezone.now() + timedelta(days=31)):
            with pytest.raises(Invalid, match="next 30 days"):
                decisions.defer(ann, update.pk, wrong)


@pytest.mark.django_db
class TestOtherWays:
    """Rejection, emergencies, equal changes, and the trail."""

    def test_a_rejection_needs_a_reason(self) -> None:
        update = in_review()
        seen, ann = decisions.digests_of(update), person("ann")
        with pytest.raises(Invalid, match="a reason is missing"):
            decisions.reject(ann, update.pk, seen, " \x00")
        rejected = decisions.reject(ann, update.pk, seen, "callers still send it")
        assert (rejected.state, rejected.reason) == (UpdateState.REJECTED, "callers still send it")

    def test_an_emergency_is_for_an_admin_and_is_looked_at_by_another(self) -> None:
        update = in_review()
        seen, ann, root = decisions.digests_of(update), person("ann"), person("root", "admin")
        with pytest.raises(Forbidden):
            decisions.approve_in_emergency(ann, update.pk, seen, "down")
        moved = decisions.approve_in_emergency(root, update.pk, seen, "callers are down")
        assert (moved.state, moved.emergency) == (UpdateState.APPROVED, True)
        with pytest.raises(Conflict, match="another person"):
            decisions.look_at_emergency(root, update.pk, "fine")
        decisions.look_at_emergency(ann, update.pk, "it was right")
        assert not Update.objects.get(pk=update.pk).emergency
        assert decisions.lapse() == 0, "what was looked at is as good as approved by two"

    def test_equal_changes_are_decided_once(self) -> None:
        equal = [in_review(callers_hurt=0) for _ in range(3)]
        other = in_review(callers_hurt=0, fingerprint="other")
        seen = {update.pk: decisions.digests_of(update) for update in (*equal, other)}
        seen[equal[0].pk] = Digests("x", "y", "z")
        count, refused = decisions.approve_equal(person("ann"), "same", seen)
        assert count == 2
        assert set(refused) == {equal[0].pk, other.pk}
        assert [state_of(update) for update in equal] == ["review", "approved", "approved"]

    def test_looks_are_noted_once_an_hour(self) -> None:
        update, ann = in_review(), person("ann")
        for _ in range(3):
            decisions.saw(ann, update)
        decisions.saw(person("eve", "engineer"), update)
        entries = Change.objects.filter(verb="update.seen", object_id=str(update.pk))
        assert [entry.actor for entry in entries] == ["ann"]
        assert entries[0].detail["new"] == decisions.digests_of(update).new

    def test_a_question_stays_in_the_trail(self) -> None:
        update = in_review()
        decisions.ask_owner(person("ann"), update.pk, "do you still need it?")
        assert Change.objects.get(verb="update.question").detail["question"] == "do you still need it?"


@pytest.mark.django_db(transaction=True)
def test_fifty_parallel_approvals_move_it_once() -> None:
    update = in_review()
    seen = decisions.digests_of(update)
    people = [person(f"p{number}") for number in range(50)]
    start, outcomes = threading.Barrier(50), []

    def decide(user: User) -> None:
        start.wait()
        try:
            outcomes.append(decisions.approve(user, update.pk, seen).state)
        except Refused as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=(user,)) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == sorted(["review", "approved", *["update_state"] * 48])
    assert Change.objects.filter(object_id=str(update.pk), verb="update.approve").count() == 1
