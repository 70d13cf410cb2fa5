"""A real agent on an emulated NVML, real HTTP, real stores: what it says arrives once, whatever dies on the way."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.routing.plants import ROOT, Plant, until

pytestmark = pytest.mark.slow
POWER = 412.345


class Node:
    """A machine with two emulated devices and the agent."""

    def __init__(self, plant: Plant, folder: Path) -> None:
        self.plant, self.log, self.control, self.key = plant, folder / "log", folder / "control", folder / "key"
        self.processes: list[subprocess.Popen[Any]] = []
        self.worker: subprocess.Popen[str] | None = None
        self.lose()

    def lose(self, *uuids: str) -> None:
        """From now on these devices are lost, and no others."""
        told = self.control.with_suffix(".new")
        told.write_text(json.dumps({"devices": ["GPU-a", "GPU-b"], "lost": uuids}))
        told.rename(self.control)

    def start(self) -> None:
        """Start the agent."""
        command = [sys.executable, "-m", "tests.routing.pushed.emulated_agent", str(self.control)]
        options = ["--to", self.plant.url, "--key-file", str(self.key)]
        with self.log.open("ab") as log:
            self.processes.append(subprocess.Popen([*command, *options], cwd=ROOT, stdout=log, stderr=log))

    def kill(self) -> None:
        """kill -9."""
        self.processes[-1].kill()
        self.processes[-1].wait(10)

    def at_plant(self, *command: str) -> str:
        """What at_plant prints."""
        if self.worker is None:
            whole = [sys.executable, "-m", "tests.routing.pushed.at_plant"]
            self.worker = subprocess.Popen(
                whole, env=self.plant.environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            self.processes.insert(0, self.worker)
        assert self.worker.stdin
        assert self.worker.stdout
        self.worker.stdin.write(" ".join(command) + "\n")
        self.worker.stdin.flush()
        return self.worker.stdout.readline().strip()

    def until(self, condition: Callable[[dict[str, Any]], object], seconds: float = 40) -> dict[str, Any]:
        """Store what waits until a condition holds of what the store has; that."""
        deadline = time.monotonic() + seconds
        found: dict[str, Any]
        while not condition(found := json.loads(self.at_plant("keep"))):
            assert time.monotonic() < deadline, f"{found}\n{self.log.read_text()}\n{self.plant.log()}"
            time.sleep(0.1)
        return found


@pytest.fixture
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    plant = Plant(tmp_path_factory.mktemp("plant"))
    made = Node(plant, tmp_path_factory.mktemp("node"))
    try:
        plant.start()
        yield made
    finally:
        for process in made.processes:
            process.kill()
            process.wait(10)
        plant.stop()


def test_what_an_agent_says_arrives_once_whatever_dies(node: Node) -> None:
    node.key.write_text(node.at_plant("key", "node-a") + "\n")
    node.start()
    found = node.until(lambda found: "GPU-b" in found["latest"])
    assert found["devices"] == {"GPU-a": "ready", "GPU-b": "ready"}
    age, values = found["latest"]["GPU-a"]
    assert age < 5
    assert values["power_watts"] == pytest.approx(POWER)

    node.lose("GPU-b")
    found = node.until(lambda found: found["devices"]["GPU-b"] == "gone" and found["latest"].keys() == {"GPU-a"})
    assert found["complaints"] == [[["lost", "", "GPU-b", "GPU is lost"]]]
    node.lose()

    assert node.plant.web is not None
    node.plant.web.kill()
    node.plant.kill_stores()
    until(lambda: "not pushed: the site does not answer" in node.log.read_text(), 40, node.log.read_text)
    node.plant.start_stores()
    node.plant.start_web()
    reached = found["sources"][0][1]
    found = node.until(lambda found: found["sources"][0][1] > reached + 3 and found["devices"]["GPU-b"] == "ready")
    run, sequence, missed = found["sources"][0]
    assert found["rows"] + missed == sequence, node.log.read_text()
    assert missed <= 2, "a killed Redis may lose its last second, and nothing else is lost"

    node.kill()
    node.start()
    found = node.until(lambda found: found["sources"][0][0] > run)
    node.at_plant("revoke")
    until(lambda: "the site does not know this key, or it was revoked" in node.log.read_text(), 20, node.log.read_text)


def test_a_machine_without_a_gpu_says_so_and_ends() -> None:
    done = subprocess.run([sys.executable, "manage.py", "agent"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("agent: this machine has no NVIDIA GPU to watch: NVIDIA's driver ")
    assert done.stderr.count("\n") == 1
