"""Fixtures of alerts: an inventory with frames, rules alone, and looks at times of one's own."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from controlplane.base import config, events
from controlplane.base.jobs import engine
from controlplane.base.models import User
from routing.alerts import outbox, receivers, rules, sending, watch
from routing.alerts.models import Alert, AlertReceiver, AlertRule
from routing.history import store
from routing.models import Device, Node
from routing.samples.frames import Frame, pack
from routing.samples.readings import Complaint, Observed, SourceReading
from tests.routing.alerts.receiver_server import ReceiverServer, receiver_server


class PracticeFleet:
    """Eight devices on two nodes, whose sources say what a test wants. Looks go on by a minute each unless told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run, self.sequence = time.time_ns(), 0
        self.now = timezone.now()
        for number in range(2):
            node = Node.objects.create(name=f"node-{number}", labels={"rack": "r1"})
            Device.objects.bulk_create(
                Device(node=node, uuid=f"GPU-{number}{at}", vendor="nvidia", model="H100", index=at) for at in range(4)
            )

    def say(
        self, values: Mapping[str, Mapping[str, float]], complaints: tuple[Complaint, ...] = (), ago: float = 0
    ) -> None:
        """Each node's source says these values of its devices, of so many seconds ago."""
        store.send(events.store(), self.frames(values, complaints, time.time() - ago))
        store.keep()

    def frames(
        self, values: Mapping[str, Mapping[str, float]], complaints: tuple[Complaint, ...], at: float
    ) -> list[Frame]:
        """The next frame of each node's source."""
        self.sequence += 1
        frames = []
        for number in range(2):
            own = {name: Observed(values=dict(said)) for name, said in values.items() if name[4] == str(number)}
            reading = SourceReading(own, complaints)
            frames.append(pack(f"node-{number}", self.run, self.sequence, at, reading))
        return frames

    def send_hot(self, *names: str) -> int:
        """As `hot`, but a worker has to keep what is sent. Returns how many frames were sent."""
        everyone = [f"GPU-{node}{at}" for node in range(2) for at in range(4)]
        said = {name: {"temperature_celsius": 91.0 if name in names else 60.0} for name in everyone}
        frames = self.frames(said, (), time.time())
        store.send(events.store(), frames)
        time.sleep(0.2)
        return len(frames)

    def hot(self, *names: str, degrees: float = 91.0) -> None:
        """These devices are hot, all others are not."""
        everyone = Device.objects.values_list("uuid", flat=True)
        self.say({name: {"temperature_celsius": degrees if name in names else 60.0} for name in everyone})

    def look(self, seconds: float = 60.0) -> int:
        """Let time pass, then look."""
        self.now += timedelta(seconds=seconds)
        return watch.watch(self.now)


@pytest.fixture
def fleet(stores: None, db: None, tmp_path: Path) -> Iterator[PracticeFleet]:
    """The fleet, without frames yet; the process has seen nothing before."""
    watch.begin_anew()
    yield PracticeFleet(tmp_path)
    watch.begin_anew()


@pytest.fixture
def rule(db: None) -> Callable[..., AlertRule]:
    """Makes a rule; those that come with Patchbay are switched off."""
    rules.ensure_shipped()
    AlertRule.objects.update(enabled=False)

    def make(expr: str = "temperature_celsius > 85", **fields: object) -> AlertRule:
        labels = {"severity": "warning"}
        annotations = {"summary": "{{ $labels.subject }} is at {{ $value }} °C"}
        values = {"name": "Hot", "labels": labels, "annotations": annotations, **fields}
        return AlertRule.objects.create(expr=expr, **values)

    return make


def states() -> dict[str, str]:
    """The state of each subject's last alert."""
    return dict(Alert.objects.order_by("pk").values_list("subject", "state"))


@pytest.fixture
def server() -> Iterator[ReceiverServer]:
    """A receiver on this machine, which the egress list allows."""
    with receiver_server() as state:
        yield state


@pytest.fixture
def receiver(server: ReceiverServer, person: Callable[..., User]) -> Callable[..., AlertReceiver]:
    """Makes a receiver whose messages go to `server`, which knows its secret."""
    config.store_egress_allow(None, [f"127.0.0.1:{server.port}"])

    def make(**fields: object) -> AlertReceiver:
        given = {"name": "pager", "address": server.address, **fields}
        row, secret = receivers.create(person("engineer"), given)
        server.secret = secret if row.form == "standard" else ""
        return row

    return make


def send_all() -> int:
    """Run every job that waits, as a worker would."""
    return engine.work({outbox.JOB: sending.run})
