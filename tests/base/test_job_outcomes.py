"""A job whose rows failed never reads as done, on no page, in no sum, in no API answer."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from controlplane.base import job_outcomes
from controlplane.base.models import Job, User

Visitor = Callable[..., Client]
PROGRESS = [
    {},
    {"done": 0, "failed": 0, "total": 0},
    {"done": 9, "failed": 0, "total": 9},
    {"done": 63, "failed": 437, "total": 500},
    {"done": 0, "failed": 437, "total": 437},
    {"failed": 1, "total": 1},
]
WORDS = ["done", "done", "done", "partly_failed", "failed", "failed"]


def write(state: str, progress: dict[str, int], owner: User | None = None, kind: str = "import") -> Job:
    """A job as the engine leaves it."""
    now = timezone.now()
    return Job.objects.create(
        kind=kind, title="fleet.yaml", state=state, progress=progress, due_at=now, finished_at=now, created_by=owner
    )


@pytest.mark.parametrize("state", ["queued", "running", "succeeded", "failed", "cancelled"])
def test_database_and_python_agree(db: None, state: str) -> None:
    for progress, word in zip(PROGRESS, WORDS, strict=True):
        job = write(state, progress)
        assert job.outcome == (word if state == "succeeded" else state)
        met = [name for name in job_outcomes.OUTCOMES if Job.objects.filter(job_outcomes.WHERE[name], pk=job.pk)]
        assert met == [job.outcome]


@pytest.mark.parametrize(
    ("progress", "word", "tone"),
    [
        (PROGRESS[2], "Done", "good"),
        (PROGRESS[3], "Partly failed", "warn"),
        (PROGRESS[4], "Failed", "bad"),
        (PROGRESS[5], "Failed", "bad"),
    ],
)
def test_job_with_failed_rows_is_never_green(visitor: Visitor, progress: dict[str, int], word: str, tone: str) -> None:
    admin = visitor("admin")
    job = write("succeeded", progress, User.objects.get())
    for address in ("/jobs", f"/jobs/{job.pk}"):
        body = admin.get(address).content.decode()
        assert f'is-{job.outcome}">{word}<' in body
        assert f"bar {tone}" in body or f"bar thick {tone}" in body
        assert "Succeeded" not in body
    assert admin.get(f"/api/jobs/{job.pk}").json()["outcome"] == job.outcome


def test_overview_asks_for_somebody_where_rows_failed(visitor: Visitor) -> None:
    admin = visitor("admin")
    owner = User.objects.get()
    write("succeeded", PROGRESS[3], owner)
    write("succeeded", PROGRESS[5], owner, kind="probe")
    old = write("succeeded", PROGRESS[4], owner)
    Job.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=2))
    body = admin.get("/").content.decode()
    assert "Import: 437 of 500 failed" in body
    assert "Probe: 1 of 1 failed" in body
    assert "437 of 437" not in body
    assert "No job failed" not in body


@pytest.mark.parametrize("word", ["done", "partly_failed", "failed"])
def test_list_and_api_are_filtered_by_outcome(visitor: Visitor, word: str) -> None:
    admin = visitor("admin")
    for progress in PROGRESS:
        write("succeeded", progress, User.objects.get())
    count = WORDS.count(word)
    assert admin.get(f"/jobs?state={word}").content.decode().count('<tr id="j-') == count
    assert {job["outcome"] for job in admin.get(f"/api/jobs?outcome={word}").json()["results"]} == {word}
