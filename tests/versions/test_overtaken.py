"""Updates whose model serves another release by now: judged again once for each such release, by nobody's hand."""

import pytest

from controlplane.base.models import Job
from registry.models import Model, Release
from tests.versions.review.test_decisions import in_review
from versions import flow, judging
from versions.flow import UpdateEvent
from versions.models import Update, UpdateState

pytestmark = pytest.mark.django_db


def overtaken() -> Update:
    update = in_review()
    other = Release.objects.create(model=update.model, number=7, spec={}, digest="f" * 64)
    Model.objects.filter(pk=update.model_id).update(release=other)
    return update


def test_it_is_judged_again_once_for_each_release() -> None:
    update = overtaken()
    for _ in range(3):
        judging.catch_up()
    assert [job.input["update"] for job in Job.objects.filter(kind="update")] == [str(update.pk)]
    another = Release.objects.create(model=update.model, number=8, spec={}, digest="9" * 64)
    Model.objects.filter(pk=update.model_id).update(release=another)
    judging.catch_up()
    assert Job.objects.filter(kind="update").count() == 2


def test_one_that_was_approved_meanwhile_and_came_back_is_judged_again() -> None:
    update = overtaken()
    judging.catch_up()
    flow.move(update.pk, UpdateEvent.APPROVE)
    flow.move(update.pk, UpdateEvent.VOID)
    judging.catch_up()
    assert Job.objects.filter(kind="update").count() == 2


@pytest.mark.parametrize("state", [UpdateState.APPROVED, UpdateState.REJECTED, UpdateState.LIVE])
def test_only_what_waits_for_a_decision_is(state: UpdateState) -> None:
    update = overtaken()
    Update.objects.filter(pk=update.pk).update(state=state)
    assert judging.catch_up() == 0


def test_what_was_judged_against_the_live_release_is_left_alone() -> None:
    update = in_review()
    Model.objects.filter(pk=update.model_id).update(release=update.base)
    assert judging.catch_up() == 0
    assert not Job.objects.filter(kind="update").exists()
