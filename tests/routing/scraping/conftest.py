"""Fixtures: the real collecting process, and a person who may add endpoints."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from controlplane.base import config
from controlplane.base.models import User
from routing.inventory import endpoints
from routing.models import TelemetryEndpoint
from tests.workers import database_url

ROOT = Path(__file__).resolve().parent.parent.parent.parent
Collect = Callable[..., "subprocess.Popen[bytes]"]
Add = Callable[..., TelemetryEndpoint]


@pytest.fixture
def add(person: Callable[..., User]) -> Add:
    """Adds an endpoint: `add("node-a", exporter.url, kind="amd")`."""
    config.set_egress_allow(person("admin"), ["127.0.0.0/8"])
    engineer = person("engineer")

    def make(name: str, url: str, **more: Any) -> TelemetryEndpoint:
        return endpoints.add(engineer, {"name": name, "kind": "dcgm", "url": url, **more})

    return make


@pytest.fixture
def collect(tmp_path: Path) -> Iterator[Collect]:
    """Starts `manage.py collect` against the test's stores; ends every one afterwards."""
    running: list[subprocess.Popen[bytes]] = []
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DATA_DIR": str(settings.DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
        "LOG_LEVEL": "INFO",
    }

    def run(**more: str) -> "subprocess.Popen[bytes]":
        log = (tmp_path / f"collect-{len(running)}.log").open("wb")
        command = [sys.executable, "manage.py", "collect"]
        child = subprocess.Popen(command, env={**environment, **more}, stdout=log, stderr=log, cwd=ROOT)
        running.append(child)
        return child

    yield run
    for child in running:
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        child.wait(10)
