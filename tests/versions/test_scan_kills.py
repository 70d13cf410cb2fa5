"""A real worker, killed with SIGKILL in the middle of a scan: the next one goes on, and the manifest is whole."""

import os
from pathlib import Path

import pytest

from controlplane.base.models import Job, JobState
from tests.versions.watched import a_source
from tests.workers import WORKER, Start, kill, until
from versions import scanning
from versions.models import Scan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(240)]
RESUMED_WITHIN = 35.0
COUNT, SIZE = 28, 256 << 20


@pytest.fixture
def huge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of seven sparse gigabytes, which workers may watch."""
    folder = tmp_path / "model"
    folder.mkdir()
    for number in range(COUNT):
        with (folder / f"part-{number:02d}.safetensors").open("wb") as file:
            os.truncate(file.fileno(), SIZE)
    monkeypatch.setenv("SOURCE_FOLDERS", str(folder))
    return folder


def test_a_scan_outlives_its_worker(huge: Path, start_celery: Start, tmp_path: Path) -> None:
    """It is killed once it has saved its progress."""
    start_celery("beat", "--schedule", str(tmp_path / "beat"))
    first = start_celery(*WORKER)
    source = a_source("directory", str(huge), enabled=False)
    job = scanning.enqueue(source, "person")

    def saved() -> bool:
        row = Scan.objects.filter(source=source).first()
        return row is not None and 0 < len(row.progress) < COUNT

    until(saved, 60)
    kill(first)
    before = len(Scan.objects.get().progress)
    start_celery(*WORKER)
    took = until(lambda: Job.objects.filter(pk=job.pk, attempts=2).exists(), RESUMED_WITHIN + 20)
    until(lambda: Job.objects.filter(pk=job.pk, state=JobState.SUCCEEDED).exists(), 90)
    row = Scan.objects.get()
    assert took <= RESUMED_WITHIN
    assert row.manifest is not None
    assert (row.manifest.file_count, row.manifest.total_bytes) == (COUNT, COUNT * SIZE)
    assert row.bytes_read <= (COUNT - before) * SIZE, "what was saved was not read again"
