"""The manifests of deploy/kubernetes: they fit together, and what they start answers the probes that they name."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from django.conf import settings

from controlplane.services.children import wait_for
from controlplane.services.place import REPOSITORY
from tests.ports import reserved_port
from tests.workers import database_url

FOLDER = REPOSITORY / "deploy" / "kubernetes"
SECRETS = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "MASTER_KEY", "KEY_PEPPER"}
Manifest = dict[str, Any]


def manifests(kind: str) -> dict[str, Manifest]:
    """All manifests of a kind, by name."""
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    every = [each for name in listed for each in yaml.safe_load_all((FOLDER / name).read_text())]
    return {each["metadata"]["name"]: each for each in every if each["kind"] == kind}


DEPLOYMENTS = manifests("Deployment")
ENVIRONMENT: dict[str, str] = manifests("ConfigMap")["patchbay-settings"]["data"]


def pod(name: str) -> Manifest:
    found: Manifest = DEPLOYMENTS[name]["spec"]["template"]["spec"]
    return found


def program(name: str) -> Manifest:
    """The one container that a Deployment keeps running."""
    (container,) = pod(name)["containers"]
    found: Manifest = container
    return found


def test_every_file_is_listed() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    assert {"kustomization.yaml", *listed} == {path.name for path in FOLDER.iterdir()}
    assert set(DEPLOYMENTS) == {f"patchbay-{part}" for part in ("gateway", "console", "worker", "beat", "collector")}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_deployment_fits_its_pods(name: str) -> None:
    spec = DEPLOYMENTS[name]["spec"]
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
    volumes = {volume["name"] for volume in pod(name)["volumes"]}
    for container in (*pod(name)["containers"], *pod(name).get("initContainers", [])):
        assert container["image"] == "patchbay"
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
        sources = [*container["envFrom"][0].values(), *container["envFrom"][1].values()]
        assert sources == [{"name": "patchbay-settings"}, {"name": "patchbay-secrets"}]
    assert "limits" in program(name)["resources"]
    ports = {port["name"] for port in program(name).get("ports", [])}
    probes = [program(name)[probe] for probe in program(name) if probe.endswith("Probe")]
    assert all(probe["httpGet"]["port"] in ports for probe in probes if "httpGet" in probe)


def test_services_and_the_budget_reach_the_pods_that_they_mean() -> None:
    labels = {name: spec["spec"]["template"]["metadata"]["labels"] for name, spec in DEPLOYMENTS.items()}
    services = manifests("Service")
    assert services["patchbay"]["spec"]["selector"] == labels["patchbay-gateway"]
    assert services["patchbay-console"]["spec"]["selector"] == labels["patchbay-console"]
    (budget,) = manifests("PodDisruptionBudget").values()
    assert budget["spec"]["selector"]["matchLabels"] == labels["patchbay-gateway"]
    console = services["patchbay-console"]["spec"]["ports"][0]["port"]
    assert f"patchbay-console:{console}" in program("patchbay-gateway")["args"]
    assert ENVIRONMENT["GATEWAYS_RUNNING"] == str(DEPLOYMENTS["patchbay-gateway"]["spec"]["replicas"])


def test_a_gateway_has_the_time_that_it_gives_to_calls_in_flight() -> None:
    arguments = program("patchbay-gateway")["args"]
    drain = float(arguments[arguments.index("--drain") + 1])
    paused = float(program("patchbay-gateway")["lifecycle"]["preStop"]["exec"]["command"][1])
    assert drain + paused < pod("patchbay-gateway")["terminationGracePeriodSeconds"]


def test_no_secret_is_in_the_settings() -> None:
    assert not SECRETS & ENVIRONMENT.keys()


def environment(container: Manifest, folder: Path) -> dict[str, str]:
    """What a container finds, with the test's own stores and `folder` for its data."""
    own = {each["name"]: each["value"] for each in container.get("env", [])}
    given = {**os.environ, **ENVIRONMENT, **own, "DATABASE_URL": database_url(), "DATA_DIR": str(folder)}
    given |= {"DJANGO_SETTINGS_MODULE": "controlplane.settings", "SECRET_KEY": "s", "MASTER_KEY": "00" * 32}
    return given | {"REDIS_URL": settings.REDIS_URL, "KEY_PEPPER": "00" * 32, "READY_FILE": f"{folder}/worker.ready"}


def prepare(name: str, folder: Path) -> None:
    """Run what runs before the program of a Deployment."""
    (before,) = pod(name)["initContainers"]
    command = [sys.executable, *before["command"][1:]]
    subprocess.run(command, cwd=REPOSITORY, env=environment(before, folder), check=True)


@contextmanager
def started(name: str, folder: Path, places: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """The program of a Deployment, with `places` in the place of addresses that only a cluster has."""
    container = program(name)
    words = [*container["command"], *container["args"]]
    command = [sys.executable, *(places.get(word, word.replace("/data", str(folder))) for word in words[1:])]
    given = environment(container, folder)
    with (folder / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(command, cwd=REPOSITORY, env=given, stdout=log, stderr=log, start_new_session=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait(10)


def answers(name: str, port: int) -> bool:
    """Whether every probe of a program is answered."""
    paths = {program(name)[probe]["httpGet"]["path"] for probe in program(name) if probe.endswith("Probe")}
    assert paths == {"/healthz", "/readyz"}
    try:
        return all(
            httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=20).status_code == 200
            for path in paths
        )
    except httpx.TransportError:
        return False


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_gateway_and_console_answer_their_probes_and_pages_pass_through(tmp_path: Path) -> None:
    gateway, console = reserved_port(), reserved_port()
    places = {"8000": str(gateway), "8001": str(console), "patchbay-console:8001": f"127.0.0.1:{console}"}
    prepare("patchbay-console", tmp_path)
    prepare("patchbay-beat", tmp_path)
    with (
        started("patchbay-console", tmp_path, places),
        started("patchbay-gateway", tmp_path, places) as running,
        httpx.Client(base_url=f"http://127.0.0.1:{gateway}", trust_env=False, timeout=20) as browser,
    ):
        assert wait_for(partial(answers, "patchbay-console", console), 40), log_of(tmp_path, "patchbay-console")
        assert wait_for(partial(answers, "patchbay-gateway", gateway), 40), log_of(tmp_path, "patchbay-gateway")
        page = browser.get("/sign-in", headers={"host": ENVIRONMENT["ALLOWED_HOSTS"], "accept": "text/html"})
        assert (page.status_code, "password" in page.text) == (200, True)
        running.terminate()
        assert running.wait(20) == 0


def log_of(folder: Path, name: str) -> str:
    return (folder / f"{name}.log").read_text()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_worker_and_beat_start(tmp_path: Path) -> None:
    with started("patchbay-worker", tmp_path, {}), started("patchbay-beat", tmp_path, {}) as beat:
        assert wait_for((tmp_path / "worker.ready").exists, 40), log_of(tmp_path, "patchbay-worker")
        end = time.monotonic() + 40
        while not list(tmp_path.glob("beat-schedule*")) and time.monotonic() < end:
            assert beat.poll() is None, log_of(tmp_path, "patchbay-beat")
            time.sleep(0.1)
        assert list(tmp_path.glob("beat-schedule*"))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_collector_starts(tmp_path: Path) -> None:
    with started("patchbay-collector", tmp_path, {}) as collector:
        assert wait_for((tmp_path / "worker.ready").exists, 40), log_of(tmp_path, "patchbay-collector")
        collector.terminate()
        assert collector.wait(20) == 0, log_of(tmp_path, "patchbay-collector")
