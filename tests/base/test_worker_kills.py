"""Real workers, killed with SIGKILL in the middle of an import: nothing is lost, nothing is stored twice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from controlplane.base.models import Change, Job, JobState, User
from registry.catalog import importing
from registry.models import Model, ModelState, Release
from tests.upstreams import Upstreams
from tests.workers import WORKER, Start, kill, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
RESUMED_WITHIN = 35.0


def test_an_import_outlives_its_worker(
    start_celery: Start,
    tmp_path: Path,
    upstreams: Upstreams,
    person: Callable[..., User],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start_celery("beat", "--schedule", str(tmp_path / "beat"))
    first = start_celery(*WORKER)
    monkeypatch.setattr(upstreams.fleet.latency, "first_ms", 400)
    job = importing.start(person("engineer"), upstreams.yaml(300))

    def probing() -> bool:
        return Model.objects.exclude(state=ModelState.PROBING).exists()

    until(probing, 60)
    kill(first)
    job.refresh_from_db()
    before = Model.objects.filter(state=ModelState.PROBING).count()
    assert (job.state, job.attempts, before > 0) == (JobState.RUNNING, 1, True)
    start_celery(*WORKER)

    def resumed() -> bool:
        return Job.objects.filter(pk=job.pk, attempts=2).exists()

    took = until(resumed, RESUMED_WITHIN + 20)
    until(lambda: Job.objects.filter(pk=job.pk, state=JobState.SUCCEEDED).exists(), 60)
    job.refresh_from_db()
    assert took <= RESUMED_WITHIN
    assert (job.attempts, job.result["counts"]["new"], job.result["counts"]["ready"]) == (2, 300, 300)
    assert Release.objects.count() == Model.objects.count() == 300
    assert Change.objects.filter(verb="model.import", object_type="model").count() == 1
