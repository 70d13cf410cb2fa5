"""The ledger: an outage is caller errors above the objective within hours after a change of that model."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from controlplane.base.access import Forbidden
from controlplane.base.audit import chain as audit
from routing.models import CallRecord
from tests.versions.review.test_decisions import in_review, person
from versions import ledger
from versions.models import Outage, Rollout, Update, UpdateState

pytestmark = pytest.mark.django_db


def calls(model: str, at: datetime, count: int, status: int = 200, failure: str = "") -> None:
    CallRecord.objects.bulk_create(
        CallRecord(
            id=uuid.uuid4(), at=at, model=model, task="chat", status=status, failure=failure, duration_ms=5, revision=1
        )
        for _ in range(count)
    )


def rolled(hours_ago: float) -> tuple[Update, datetime]:
    update = in_review(state=UpdateState.ROLLING)
    rollout = Rollout.objects.create(update=update, steps=[100], bake_seconds=[1])
    at = timezone.now() - timedelta(hours=hours_ago)
    Rollout.objects.filter(pk=rollout.pk).update(started_at=at)
    return update, at


def test_errors_after_a_rollout_are_an_outage_of_it() -> None:
    update, at = rolled(2)
    calls(update.model.name, at - timedelta(hours=1), 100)
    calls(update.model.name, at + timedelta(minutes=5), 95)
    calls(update.model.name, at + timedelta(minutes=6), 5, 400, "upstream_refused")
    ledger.keep()
    outage = Outage.objects.get()
    assert (outage.model, outage.cause, outage.update_id) == (update.model.name, "update", update.pk)
    assert (outage.calls, outage.errors) == (100, 5)
    assert outage.ended_at is not None, "the last ten minutes were quiet"
    ledger.keep()
    assert Outage.objects.count() == 1


def test_an_outage_stays_open_while_it_fails() -> None:
    update, _ = rolled(1)
    calls(update.model.name, timezone.now() - timedelta(minutes=2), 50, 502, "upstream_error")
    assert ledger.keep() == 1
    assert Outage.objects.get().ended_at is None
    assert ledger.keep(timezone.now() + timedelta(hours=7)) == 0
    assert Outage.objects.get().ended_at is not None


@pytest.mark.parametrize(
    ("status", "failure"),
    [(200, ""), (499, "caller_left"), (401, "authentication"), (429, "rate_limited"), (404, "not_found")],
)
def test_what_is_no_error_of_the_change_is_no_outage(status: int, failure: str) -> None:
    update, at = rolled(1)
    calls(update.model.name, at + timedelta(minutes=1), 100)
    calls(update.model.name, at + timedelta(minutes=1), 30, status, failure)
    ledger.keep()
    assert not Outage.objects.exists()


def test_a_model_that_failed_before_is_no_outage_of_its_change() -> None:
    update, at = rolled(1)
    for moment in (at - timedelta(minutes=5), at + timedelta(minutes=5)):
        calls(update.model.name, moment, 90)
        calls(update.model.name, moment, 10, 502, "upstream_error")
    ledger.keep()
    assert not Outage.objects.exists()


def test_few_calls_prove_nothing() -> None:
    update, at = rolled(1)
    calls(update.model.name, at + timedelta(minutes=1), 5, 502, "upstream_error")
    ledger.keep()
    assert not Outage.objects.exists()


def test_an_edit_by_a_person_is_a_cause_too() -> None:
    ann = person("ann", "engineer")
    audit.record(ann, "model.change", "model", "mine", {})
    calls("mine", timezone.now(), 40, 400, "invalid_request")
    ledger.keep(timezone.now() + timedelta(minutes=1))
    assert Outage.objects.get().cause == "edit"


def test_months_tell_outages_and_what_callers_were_spared() -> None:
    update, at = rolled(1)
    calls(update.model.name, at + timedelta(minutes=1), 30, 502, "upstream_error")
    ledger.keep()
    in_review(state=UpdateState.REJECTED, callers_hurt=2, calls_hurt=300)
    in_review(state=UpdateState.LIVE, callers_hurt=1, calls_hurt=20, plan=[{"do": "clamp", "path": ["x"]}])
    in_review(state=UpdateState.LIVE, callers_hurt=0, calls_hurt=0)
    months = ledger.listing(person("ann", "viewer"))
    assert sum(month.outages for month in months) == 1
    assert sum(month.spared for month in months) == 2
    assert sum(month.calls_spared for month in months) == 320
    assert {cause: count for month in months for cause, count in month.by_cause.items()} == {"update": 1}
    with pytest.raises(Forbidden):
        ledger.listing(None)
