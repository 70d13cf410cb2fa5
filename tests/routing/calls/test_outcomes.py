"""One word for how a call ended: the same from Python, from the database, on pages, in the API and in sums."""

import uuid
from collections.abc import Callable, Iterable

import pytest
from django.test import Client
from django.utils import timezone

from controlplane.base.models import User
from routing import outcomes
from routing.calls import traffic
from routing.models import CallRecord

Visitor = Callable[..., Client]
Person = Callable[..., User]
CASES = [(status, failure) for status in (0, 100, 200, 202, 302, 399, *range(400, 600)) for failure in ("", "odd")]


def write(cases: Iterable[tuple[int, str]], ms: float = 100.0, model: str = "one") -> None:
    """A record of each status and failure."""
    now = timezone.now()
    CallRecord.objects.bulk_create(
        CallRecord(
            id=uuid.uuid4(),
            at=now,
            model=model,
            task="chat",
            status=status,
            failure=failure,
            message=failure,
            duration_ms=ms,
            revision=1,
        )
        for status, failure in cases
    )


@pytest.mark.parametrize(
    ("status", "failure", "word"),
    [
        (200, "", "answered"),
        (202, "", "answered"),
        (400, "invalid_request", "refused"),
        (401, "authentication", "refused"),
        (404, "not_found", "refused"),
        (429, "rate_limited", "refused"),
        (499, "cancelled", "left"),
        (500, "internal", "failed"),
        (502, "upstream_error", "failed"),
        (504, "timeout", "failed"),
        (200, "upstream_error", "failed"),
        (0, "", "failed"),
    ],
)
def test_word_of_a_status(status: int, failure: str, word: str) -> None:
    assert outcomes.outcome(status, failure) == word


def test_database_and_python_agree_on_every_status(db: None) -> None:
    write(CASES)
    found = [row for name in outcomes.OUTCOMES for row in CallRecord.objects.filter(outcomes.WHERE[name])]
    assert len(found) == len(CASES)
    for name in outcomes.OUTCOMES:
        assert {row.outcome for row in CallRecord.objects.filter(outcomes.WHERE[name])} <= {name}


def test_sums_tell_refused_from_failed_and_time_answered_calls_alone(person: Person) -> None:
    reader = person("viewer")
    write([(200, "")] * 3, ms=1000.0)
    write([(401, "authentication")] * 50, ms=2.0)
    write([(502, "upstream_error"), (499, "cancelled")], ms=2.0)
    found = traffic.of_models(reader, ["one"])["one"]
    assert (found.calls_per_min, found.calls, found.error_percent, found.p95_ms) == (55, 55, 20.0, 1000.0)
    summary = traffic.summary(reader)
    assert summary is not None
    assert (summary.calls, summary.error_percent, summary.p95_ms) == (55, 20.0, 1000.0)


def test_models_that_fail_are_named_with_their_commonest_cause(person: Person) -> None:
    reader = person("viewer")
    write([(502, "no route"), (502, "no route"), (502, "odd"), (200, "")], model="worse")
    write([(504, "too slow"), (429, "refused")], model="bad")
    write([(401, "denied"), (200, "")], model="fine")
    found = traffic.failing(reader).rows
    assert [(one.name, one.failed, one.calls, one.cause) for one in found] == [
        ("worse", 3, 4, "no route"),
        ("bad", 1, 2, "too slow"),
    ]


def test_list_and_api_use_the_same_words(visitor: Visitor) -> None:
    write([(200, ""), (429, "rate_limited"), (499, "cancelled"), (502, "upstream_error")])
    viewer = visitor("viewer")
    for name, word in (
        ("answered", "Answered"),
        ("refused", "Refused"),
        ("failed", "Failed"),
        ("left", "Caller left"),
    ):
        body = viewer.get(f"/calls?status={name}").content.decode()
        assert body.count('<tr id="c-') == 1
        assert f'is-{name}">{word}<' in body
        (row,) = viewer.get(f"/api/calls?outcome={name}").json()["results"]
        assert row["outcome"] == name


def test_newer_calls_are_counted_beyond_a_page(visitor: Visitor) -> None:
    before = timezone.now()
    write([(200, "")] * 130)
    viewer = visitor("viewer")
    assert viewer.get("/calls/newer", {"after": before.isoformat()}).json()["count"] == 130
    assert viewer.get("/calls/newer", {"after": before.isoformat(), "status": "failed"}).json()["count"] == 0
    assert viewer.get("/calls/newer", {"after": "nonsense"}).json()["count"] == 0
