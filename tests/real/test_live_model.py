"""llama.cpp's real server with a GGUF file that changes: another SHA-256 in the folder, another sentence in answers."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controlplane.base import config
from registry.access import credentials
from registry.models import Model, Release
from tests.real import chain
from tests.versions.watched import a_source, scanned
from versions.models import Behaviour, Scan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
KEY = "sk-real"
ANOTHER = "Different weights now say something else behind one unchanged name ."
"""No word twice: each is a token of its own."""


@contextmanager
def served(path: Path) -> Iterator[str]:
    """llama.cpp's own server on a GGUF file."""
    command = [sys.executable, "-m", "tests.real.llama", str(path), KEY]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    yield process.stdout.readline().strip()
    process.communicate(timeout=20)


def findings() -> list[str]:
    newest = Scan.objects.order_by("pk").last()
    assert newest is not None
    return [one["key"] for one in newest.findings]


def test_weights_that_change_are_seen_in_the_folder_and_in_the_answers(
    tmp_path: Path, settings: Any, person: Any
) -> None:
    config.store_egress_allow(None, ["127.0.0.0/8"])
    settings.SOURCE_FOLDERS = (str(tmp_path),)
    folder = tmp_path / "weights"
    folder.mkdir()
    chain.write(folder / "chain.gguf")
    model = Model.objects.create(name="m", type="llm", protocol="openai", endpoint="http://127.0.0.1:1")
    on_disk = a_source("directory", str(folder), model=model)
    live = a_source("live", "", model=model, probe_budget=20)

    def move_to(url: str) -> None:
        spec = {
            "name": "m", "type": "llm", "protocol": "openai", "endpoint": url, "upstream_model": "tiny-chain",
            "params": {"temperature": {"type": "float", "range": [0, 2]}, "max_tokens": {"type": "int"}},
        }  # fmt: skip
        if model.release is None:
            model.release = Release.objects.create(model=model, number=1, spec=spec, digest="a" * 64)
        Release.objects.filter(pk=model.release.pk).update(spec=spec)
        model.credential = credentials.create(person("engineer"), url, url, KEY)
        model.endpoint = url
        model.save()

    with served(folder / "chain.gguf") as url:
        move_to(url)
        assert scanned(on_disk, full=True).state == "succeeded"
        for _ in range(4):
            job = scanned(live, full=True)
            assert job.state == "succeeded", job.error
    first = on_disk.revision
    assert findings() == []
    chain.write(folder / "chain.gguf", ANOTHER)
    with served(folder / "chain.gguf") as url:
        move_to(url)
        scanned(on_disk, full=True)
        assert on_disk.revision != first
        assert scanned(live, full=True).state == "succeeded"
    assert "behaviour.changed" in findings()
    last = Behaviour.objects.order_by("pk").last()
    assert last is not None
    assert last.evidence > 6.9
