"""Imports: every row's error, all or valid rows, unchanged the second time, each model proven by a real call."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import yaml
from django.utils import timezone

from controlplane.base import access, revision
from controlplane.base.audit import chain as audit
from controlplane.base.jobs import engine
from controlplane.base.jobs import verbs as jobs
from controlplane.base.models import Change, Job, JobState, User
from controlplane.base.refusals import Invalid
from registry.catalog import importing, probing
from registry.catalog import verbs as catalog
from registry.models import Model, ModelState, Release
from registry.specfile import file as spec_file
from tests.upstreams import Upstreams

pytestmark = pytest.mark.django_db(transaction=True)
HANDLERS: engine.Handlers = {"import": importing.run, "probe": probing.run}


@pytest.fixture
def engineer(person: Callable[..., User]) -> User:
    return person("engineer")


def run(job: Job) -> Job:
    engine.work(HANDLERS)
    job.refresh_from_db()
    return job


def changed(text: str, index: int, **fields: Any) -> str:
    document = yaml.safe_load(text)
    document["models"][index].update(fields)
    return yaml.safe_dump(document, sort_keys=False)


def test_every_model_is_proven_by_a_call(upstreams: Upstreams, engineer: User) -> None:
    before = revision.current()
    job = run(importing.start(engineer, upstreams.yaml(20), "fleet.yaml"))
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    assert job.result["counts"]["new"] == job.result["counts"]["ready"] == 20
    assert job.result["failed"] == []
    assert job.progress["done"] == 20
    assert job.progress["left"] == 0
    assert set(Model.objects.values_list("state", flat=True)) == {ModelState.READY}
    assert Model.objects.filter(probe_ms__gt=0, probed_at__isnull=False).count() == 20
    assert revision.current() == before + 2
    assert Change.objects.filter(verb="model.import").count() == 2
    assert audit.verify()[0]


def test_the_same_file_again_changes_nothing(upstreams: Upstreams, engineer: User) -> None:
    text = upstreams.yaml(20)
    run(importing.start(engineer, text))
    before, calls = revision.current(), sum(upstreams.fleet.counters.values())
    job = run(importing.start(engineer, text.encode()))
    assert job.result["counts"]["unchanged"] == 20
    assert (revision.current(), sum(upstreams.fleet.counters.values())) == (before, calls)
    assert Release.objects.count() == 20
    job = run(importing.start(engineer, changed(text, 3, owner="somebody else")))
    assert (job.result["counts"]["changed"], job.result["counts"]["unchanged"]) == (1, 19)
    assert Release.objects.count() == 21


def test_the_same_file_again_proves_what_did_not_answer_before(upstreams: Upstreams, engineer: User) -> None:
    text = upstreams.yaml(5)
    run(importing.start(engineer, text))
    Model.objects.filter(pk__in=list(Model.objects.values_list("pk", flat=True)[:2])).update(
        state=ModelState.UNREACHABLE, state_reason="connection refused"
    )
    job = run(importing.start(engineer, text))
    assert (job.result["counts"]["unchanged"], job.result["counts"]["ready"]) == (5, 5)


def test_a_dry_run_tells_every_error_with_its_line_and_writes_nothing(upstreams: Upstreams, engineer: User) -> None:
    text = changed(upstreams.yaml(5), 1, type="nonsense", params={"x": {"type": "fload"}})
    text = changed(text, 4, credential="nobody")
    plan = importing.plan(engineer, text, "fleet.yaml")
    assert [row.action for row in plan.rows] == ["new", "invalid", "new", "new", "invalid"]
    assert plan.counts == {"new": 3, "changed": 0, "unchanged": 0, "invalid": 2, "total": 5}
    assert {error.path for error in plan.rows[1].errors} >= {"models[1].type", "models[1].params.x.type"}
    (error,) = plan.rows[4].errors
    assert (error.path, error.line > 1, "nobody" in error.message) == ("models[4].credential", True, True)
    assert not Model.objects.exists()


def test_a_row_that_holds_a_secret_is_left_out_and_the_rest_is_written(upstreams: Upstreams, engineer: User) -> None:
    text = upstreams.yaml(3).replace("  type:", "  api_key: abcdef-123456\n  type:", 1)
    job = run(importing.start(engineer, text, mode="valid"))
    assert job.error is None
    assert job.result["counts"]["new"] == 2
    assert "abcdef" not in str(job.input)


def test_atomic_writes_all_or_nothing_and_valid_writes_the_rest(upstreams: Upstreams, engineer: User) -> None:
    text = changed(upstreams.yaml(5), 1, type="nonsense")
    with pytest.raises(Invalid, match="1 of 5 rows are invalid, nothing was imported"):
        importing.start(engineer, text, mode="atomic")
    assert not Job.objects.exists()
    job = run(importing.start(engineer, text, mode="valid"))
    assert job.result["counts"]["new"] == 4
    assert [item["line"] for item in job.result["failed"]] == [importing.plan(engineer, text).rows[1].line]
    assert "nonsense" in importing.failed_yaml(job)
    assert len(yaml.safe_load(importing.failed_yaml(job))["models"]) == 1


def test_the_upstream_s_own_words_are_kept(upstreams: Upstreams, engineer: User) -> None:
    text = upstreams.yaml(3)
    first = yaml.safe_load(text)["models"][0]["endpoint"]
    text = changed(changed(text, 0, endpoint=f"{first}~500"), 1, endpoint="http://127.0.0.1:9")
    text = changed(text, 2, endpoint="http://169.254.169.254/")
    job = run(importing.start(engineer, text))
    reasons = {row.name: row.state_reason for row in Model.objects.all()}
    assert job.result["counts"]["unreachable"] == len(job.result["failed"]) == 3
    assert [bool(item["reason"]) for item in job.result["failed"]] == [True, True, True]
    assert all(words.startswith(f"Model '{name}': ") for name, words in reasons.items())
    words = " ".join(reasons.values())
    assert "metadata" in words
    assert "500" in words
    assert len(yaml.safe_load(importing.failed_yaml(job))["models"]) == 3


def test_a_worker_that_dies_after_writing_is_followed_by_one_that_probes(upstreams: Upstreams, engineer: User) -> None:
    job = importing.start(engineer, upstreams.yaml(10))
    (lease,) = engine.claim()
    importing._apply(lease, spec_file.parse(job.input["text"]), "atomic")
    assert Model.objects.filter(state=ModelState.PROBING).count() == 10
    Job.objects.update(lease_until=job.created_at)
    job = run(job)
    assert (job.attempts, job.result["counts"]["new"], job.result["counts"]["ready"]) == (2, 10, 10)
    assert Release.objects.count() == 10


def test_a_late_worker_does_not_write_rows(upstreams: Upstreams, engineer: User) -> None:
    job = importing.start(engineer, upstreams.yaml(10))
    (late,) = engine.claim()
    Job.objects.update(lease_until=job.created_at)
    engine.claim()
    with pytest.raises(engine.LeaseLost):
        importing._apply(late, spec_file.parse(job.input["text"]), "atomic")
    assert not Model.objects.exists()


def test_an_import_can_be_cancelled(upstreams: Upstreams, engineer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    job = importing.start(engineer, upstreams.yaml(200))
    stop = threading.Event()

    def cancelled(lease: engine.Lease) -> bool:
        if not stop.is_set():
            jobs.cancel(engineer, job.pk)
            stop.set()
        lease._cancelled = True
        return True

    monkeypatch.setattr(engine.Lease, "cancelled", cancelled)
    job = run(job)
    assert job.state == JobState.CANCELLED
    assert Model.objects.count() == 200


def test_rights_are_checked_again_when_the_job_runs(upstreams: Upstreams, engineer: User) -> None:
    job = importing.start(engineer, upstreams.yaml(2))
    User.objects.filter(pk=engineer.pk).update(role="viewer")
    job = run(job)
    assert (job.state, job.error["code"]) == (JobState.FAILED, "forbidden")
    assert not Model.objects.exists()
    engineer.role = "viewer"
    with pytest.raises(access.Forbidden):
        importing.plan(engineer, "models: []")


def test_an_unreachable_model_recovers_by_itself(upstreams: Upstreams, engineer: User) -> None:
    run(importing.start(engineer, upstreams.yaml(3)))
    Model.objects.update(state=ModelState.UNREACHABLE, state_reason="was away", probed_at=timezone.now())
    assert probing.recover() == 0
    Model.objects.update(probed_at="2020-01-01T00:00:00Z", failed_probes=9)
    assert probing.recover() == 3
    assert probing.recover() == 0
    engine.work(HANDLERS)
    assert set(Model.objects.values_list("state", "state_reason")) == {(ModelState.READY, "")}
    assert set(Model.objects.values_list("failed_probes", flat=True)) == {0}
    assert probing.recover() == 0
    assert Job.objects.filter(title=probing.RECOVERY).count() == 1


def test_a_dead_model_is_probed_ever_more_rarely_and_leaves_no_jobs(upstreams: Upstreams, engineer: User) -> None:
    run(importing.start(engineer, changed(upstreams.yaml(1), 0, endpoint="http://127.0.0.1:9")))
    people_s = set(Job.objects.values_list("pk", flat=True))
    assert Model.objects.get().failed_probes == 1
    revisions = set()
    for failures, wait in enumerate((30, 60, 120, 240, 480, 900, 900), 1):
        Model.objects.update(probed_at=timezone.now() - timedelta(seconds=wait - 5))
        assert probing.recover() == 0
        Model.objects.update(probed_at=timezone.now() - timedelta(seconds=wait + 5))
        assert probing.recover() == 1
        engine.work(HANDLERS)
        assert Model.objects.get().failed_probes == failures + 1
        revisions.add(revision.current())
    assert probing.recover() == 0
    assert set(Job.objects.values_list("pk", flat=True)) == people_s
    assert len(revisions) == 1


def test_a_changed_model_starts_to_rest_anew(upstreams: Upstreams, engineer: User) -> None:
    text = changed(upstreams.yaml(1), 0, endpoint="http://127.0.0.1:9")
    run(importing.start(engineer, text))
    Model.objects.update(failed_probes=40)
    run(importing.start(engineer, changed(text, 0, endpoint="http://127.0.0.1:10")))
    assert Model.objects.get().failed_probes == 1


def test_a_probe_does_not_overrule_people(upstreams: Upstreams, engineer: User) -> None:
    run(importing.start(engineer, upstreams.yaml(2)))
    first, second = Model.objects.order_by("pk")
    assert first.release_id is not None
    assert second.release_id is not None
    catalog.disable(engineer, [first.pk])
    probing.store([probing.ProbeOutcome(first.pk, first.release_id, True, "", 1.0)])
    probing.store([probing.ProbeOutcome(second.pk, second.release_id + 999, False, "old release", 1.0)])
    assert set(Model.objects.values_list("state", flat=True)) == {ModelState.DISABLED, ModelState.READY}


@pytest.mark.parametrize(
    "text",
    [b"\xff\xfe", "", "a: &a [*a]", "models: 7", "x" * 21_000_000, "models: [\x00]", "models:\n  - {name: a"],
    ids=["encoding", "empty", "alias", "no list", "large", "nul", "cut"],
)
def test_files_that_cannot_be_read_are_refused_in_words(engineer: User, text: str | bytes) -> None:
    plan = importing.plan(engineer, text, "bad.yaml")
    assert plan.errors
    with pytest.raises(Invalid, match="cannot be read"):
        importing.start(engineer, text, mode="valid")
    assert not Job.objects.exists()
