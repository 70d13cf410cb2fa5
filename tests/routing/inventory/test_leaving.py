"""A drained or vanished device: its replicas leave, calls go elsewhere if they can, memory is free after the last."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from msgspec.structs import replace

from controlplane.base import revision
from controlplane.base.models import User
from registry.models import Model
from routing.inventory import discovery, leaving, replicas, verbs
from routing.inventory.discovery import SeenDevice, SeenNode
from routing.models import CallRecord, Device, Node, Placement, ReplicaState, StoredReplica
from routing.rows import Rows
from tests.registry.transports.faults import serving
from tests.routing.serving import gateway_for, model_row, snapshot
from tests.routing.upstreams import answering, failing

Person = Callable[..., User]
ENDS = ("http://one:8000/v1", "http://two:8000/v1")
MOVES: dict[str, Callable[[User, Device], Any]] = {
    "a device is drained": lambda actor, device: verbs.move(Device, actor, device.pk, "drain"),
    "its node is drained": lambda actor, device: verbs.move(Node, actor, device.node_id, "drain"),
    "a device vanishes": lambda actor, device: discovery.discovered(SeenNode("n"), [SeenDevice("g1", "amd", "X")]),
}
BACK: dict[str, Callable[[User, Device], Any]] = {
    "a device is drained": lambda actor, device: verbs.move(Device, actor, device.pk, "uncordon"),
    "its node is drained": lambda actor, device: verbs.move(Node, actor, device.node_id, "cordon"),
    "a device vanishes": lambda actor, device: seen(),
}


def seen() -> None:
    discovery.discovered(SeenNode("n"), [SeenDevice(f"g{n}", "amd", "X", memory_bytes=10**11) for n in range(2)])


def seated(spec: dict[str, Any] | None = None) -> tuple[Device, StoredReplica, StoredReplica]:
    """A model with two warm replicas, one on each device of a node; the first device, and both replicas."""
    seen()
    model = Model.objects.create(name="chat", type="chat", protocol="openai", endpoint=ENDS[0])
    model.release = model.releases.create(digest="d", spec=spec or {}, number=1)
    model.save()
    rows = []
    for place, end in enumerate(ENDS):
        row = replicas.known("chat", end)
        replicas.place(row.pk, {Device.objects.get(uuid=f"g{place}").pk: 10**9})
        replicas.move(row.pk, "cold", "loading")
        replicas.move(row.pk, "loading", "warm")
        rows.append(row)
    return Device.objects.get(uuid="g0"), rows[0], rows[1]


def state(row: StoredReplica) -> str:
    row.refresh_from_db()
    return row.state


def called(endpoint: str, at: Any) -> None:
    """A record of a call."""
    CallRecord.objects.create(
        id=uuid.uuid4(), at=at, model="chat", task="chat", endpoint=endpoint, status=200, duration_ms=5.0, revision=1
    )


@pytest.mark.django_db
@pytest.mark.parametrize("how", MOVES)
def test_replicas_leave_a_device_and_stay_again(person: Person, how: str) -> None:
    device, there, other = seated()
    actor, before = person("engineer"), revision.current()
    MOVES[how](actor, device)
    expected = ReplicaState.DRAINING if how == "its node is drained" else ReplicaState.WARM
    assert (state(there), state(other)) == (ReplicaState.DRAINING, expected)
    assert ENDS[0] in leaving.endpoints()["chat"]
    assert revision.current() > before, "gateways read the table again"
    BACK[how](actor, device)
    assert (state(there), state(other), leaving.endpoints()) == (ReplicaState.WARM, ReplicaState.WARM, {})
    before = revision.current()
    seen()
    assert revision.current() == before


@pytest.mark.django_db
def test_memory_is_free_once_the_last_call_must_have_ended(person: Person) -> None:
    device, there, other = seated({"timeouts": {"total": 60}})
    verbs.move(Node, person("engineer"), device.node_id, "drain")
    assert leaving.empty() == 0
    now = timezone.now()
    StoredReplica.objects.update(changed_at=now - timedelta(seconds=69))
    assert leaving.empty() == 0, "a call of 60 s may be running"
    StoredReplica.objects.update(changed_at=now - timedelta(seconds=200))
    called("http://one:8000", now - timedelta(seconds=195))
    called("http://two:8000", now - timedelta(seconds=100))
    assert leaving.empty() == 1
    assert (state(there), state(other)) == (ReplicaState.COLD, ReplicaState.DRAINING)
    assert not Placement.objects.filter(replica=there).exists()
    verbs.remove(Device, person("engineer"), device.pk)


@pytest.mark.django_db(transaction=True)
def test_the_data_plane_is_told_which_endpoints_leave(person: Person) -> None:
    device, _, _ = seated()
    rows = Rows()
    (before,) = rows.read(None).models  # type: ignore[union-attr]
    verbs.move(Device, person("engineer"), device.pk, "drain")
    (after,) = rows.read(None).models  # type: ignore[union-attr]
    assert (before.leaving, after.leaving) == ((), (ENDS[0],))


@pytest.mark.parametrize("others", [True, False])
async def test_calls_go_to_replicas_that_stay_as_long_as_one_answers(others: bool) -> None:
    asked: list[list[bytes]] = [[], []]
    staying = answering(seen=asked[1]) if others else failing(500)
    async with serving(answering(seen=asked[0])) as one, serving(staying) as two:
        row = model_row("m", one.port, two.port)
        leaves = replace(row, leaving=(f"http://127.0.0.1:{one.port}",))
        async with gateway_for([row]) as g, g.http() as http:
            g.serve(snapshot([leaves], revision=8))
            for _ in range(6):
                answer = await http.post("/v1/chat/completions", json={"model": "m", "messages": [{"role": "user"}]})
                assert answer.status_code == 200
    assert (len(asked[0]), len(asked[1])) == ((0, 6) if others else (6, 0))


async def test_a_model_whose_only_replica_leaves_is_still_called() -> None:
    async with serving(answering()) as one:
        row = model_row("m", one.port)
        async with gateway_for([replace(row, leaving=(f"http://127.0.0.1:{one.port}",))]) as g, g.http() as http:
            answer = await http.post("/v1/chat/completions", json={"model": "m", "messages": [{"role": "user"}]})
            assert answer.status_code == 200
