"""Fixtures and shortcuts for tests of sources: rows, an emulated hub, and jobs run in the test's own thread."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from controlplane.base import config
from controlplane.base.jobs import engine
from controlplane.base.models import Job
from registry.models import Model, Release
from tests.versions.sources.conftest import RunningHub, hub_on_a_socket
from versions import scanning
from versions.models import Source

FILES = {"config.json": b'{"a": 1}', "model.safetensors": b"w" * 5000}


def a_model(name: str = "m") -> Model:
    """A model with one release."""
    spec = {"name": name, "type": "llm", "protocol": "openai", "endpoint": "http://127.0.0.1:1"}
    model = Model.objects.create(name=name, type="llm", protocol="openai", endpoint="http://127.0.0.1:1")
    model.release = Release.objects.create(model=model, number=1, spec=spec, digest="a" * 64)
    model.save()
    return model


def a_source(kind: str, location: str, **fields: Any) -> Source:
    """A source that is due now."""
    name = f"{kind}-{uuid.uuid4().hex[:8]}"
    model = fields.pop("model", None) or a_model(name)
    return Source.objects.create(name=name, kind=kind, location=location, model=model, due_at=timezone.now(), **fields)


def scanned(source: Source, *, full: bool = False) -> Job:
    """Have a source scanned, and run every scan that is due."""
    job = scanning.enqueue(source, "person", full=full)
    engine.work({scanning.KIND: scanning.run})
    job.refresh_from_db()
    source.refresh_from_db()
    return job


@pytest.fixture
def hub(db: None) -> Iterator[RunningHub]:
    """An emulated hub that the egress guard allows, with one repository."""
    config.store_egress_allow(None, ["127.0.0.0/8"])
    with hub_on_a_socket() as running:
        running.hub.push("org/model", FILES)
        yield running


@pytest.fixture
def folder(db: None, tmp_path: Path, settings: Any) -> Path:
    """A folder that may be watched, with two files."""
    settings.SOURCE_FOLDERS = (str(tmp_path),)
    made = tmp_path / "model"
    made.mkdir()
    for name, data in FILES.items():
        (made / name).write_bytes(data)
    return made
