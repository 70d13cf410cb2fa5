"""The door of agents: whose key, for which devices, how often, and what becomes of it."""

import time
from collections.abc import Callable
from unittest.mock import patch

import pytest
from django.db import OperationalError
from redis import RedisError

from controlplane.base import events, redis_names
from controlplane.base.models import User
from routing.history import latest, store
from routing.inventory import verbs as inventory
from routing.models import AgentKey, Device, Node
from routing.pushed import budget, keys, standing
from routing.pushed.hearing import news
from routing.samples import pushes
from routing.samples.frames import decode
from routing.samples.pushes import DeviceFacts, NodeFacts
from tests.routing.pushed.conftest import Knocking, packed

pytestmark = pytest.mark.django_db(transaction=True)
Agent = Callable[[str], str]


def stored() -> dict[str, dict[str, float]]:
    """The latest values by device, once the store has run."""
    store.keep()
    found, now = latest.read(events.store())
    return {uuid: one.values for uuid, one in latest.by_subject(found, now).items()}


def test_a_push_reaches_the_latest_values_under_the_name_of_its_key(door: Knocking, agent: Agent) -> None:
    secret = agent("node-a")
    run = door.begin(secret, "G1", "G2", machine="m-1")
    assert Node.objects.get().name == "node-a"
    assert {one.uuid for one in Device.objects.all()} == {"G1", "G2"}
    status, _, answer = door.push(secret, run=run, frames=[packed(1, G1=100.0), packed(2, G1=200.0, G2=50.0)])
    assert (status, answer) == (200, {"run": run, "kept": 2, "complaints": [], "facts": False})
    assert stored() == {"G1": {"power_watts": 200.0}, "G2": {"power_watts": 50.0}}
    assert set(news(["node-a", "node-b"])) == {"node-a"}
    assert news(["node-a"])["node-a"].tells_of == ("G1", "G2")


def test_a_frame_that_is_pushed_twice_counts_once_and_a_new_run_goes_on(door: Knocking, agent: Agent) -> None:
    secret = agent("node-a")
    run = door.begin(secret, "G1")
    for _ in range(2):
        door.push(secret, run=run, frames=[packed(1, G1=1.0), packed(2, G1=2.0)])
    assert store.keep() == 2
    again = door.begin(secret, "G1")
    assert again > run
    door.push(secret, run=again, frames=[packed(1, G1=3.0)])
    assert store.keep() == 1
    with patch("time.time_ns", return_value=1):
        assert door.begin(secret, "G1") == again + 1


def test_who_has_no_agents_key_is_refused(door: Knocking, agent: Agent, person: Callable[..., User]) -> None:
    secret = agent("node-a")
    assert door.push(secret)[0] == 200
    for wrong in ("", "pb-nothing", "x" * 500):
        status, headers, answer = door.push(wrong)
        assert (status, answer["error"]["code"]) == (401, "not_authenticated")
        assert headers["www-authenticate"].startswith("Bearer")
    keys.revoke(person("engineer"), AgentKey.objects.get().pk)
    begun = time.monotonic()
    while door.push(secret)[0] != 401:
        assert time.monotonic() - begun < 2.0


def test_an_agent_speaks_for_its_own_devices_only(door: Knocking, agent: Agent) -> None:
    first, second = agent("node-a"), agent("node-b")
    door.begin(first, "G1")
    run = door.begin(second, "G2")
    _, _, answer = door.push(second, run=run, frames=[packed(1, G1=9.0, G2=1.0)])
    assert answer["complaints"] == ["G1 is not a device of this node, so its values are left out"]
    assert stored() == {"G2": {"power_watts": 1.0}}


def test_an_agent_takes_over_no_other_agents_node_nor_its_devices(door: Knocking, agent: Agent) -> None:
    first, second = agent("node-a"), agent("node-b")
    door.begin(first, "G1", machine="m-1")
    stolen = NodeFacts("", "", {}, [DeviceFacts("G1", "nvidia", "H100")])
    assert "G1 is reported by another agent and stays with it" in door.push(second, facts=stolen)[2]["complaints"]
    same = NodeFacts("m-1", "", {}, [DeviceFacts("G9", "nvidia", "H100")])
    told = door.push(second, facts=same)[2]["complaints"]
    assert told[0].startswith("the agent node-a reports as node-a, which has this name or this machine id too")
    assert {one.uuid: one.node.name for one in Device.objects.select_related("node")} == {"G1": "node-a"}


def test_a_node_that_a_person_renamed_or_removed_goes_on(
    door: Knocking, agent: Agent, person: Callable[..., User]
) -> None:
    secret, engineer = agent("node-a"), person("engineer")
    run = door.begin(secret, "G1")
    inventory.edit_node(engineer, Node.objects.get().pk, {"name": "rack-7"})
    assert door.push(secret, facts=NodeFacts("", "", {}, [DeviceFacts("G1", "nvidia", "H100")]))[2]["complaints"] == []
    assert [one.name for one in Node.objects.all()] == ["rack-7"]
    assert door.push(secret, run=run, frames=[packed(1, G1=1.0)])[2] == {
        "run": run, "kept": 1, "complaints": [], "facts": False,
    }  # fmt: skip
    inventory.remove(Node, engineer, Node.objects.get().pk)
    door.begin(secret, "G1")
    assert [one.name for one in Node.objects.all()] == ["node-a"]


def test_ten_times_the_rate_is_refused_and_the_others_go_on(door: Knocking, agent: Agent) -> None:
    loud, quiet = agent("node-a"), agent("node-b")
    run = door.begin(quiet, "G2")
    answers = [door.push(loud) for _ in range(int(budget.REQUESTS_AT_ONCE) + 20)]
    refused = [headers for status, headers, _ in answers if status == 429]
    assert len(refused) >= 15
    assert all(1 <= int(headers["retry-after"]) <= 10 for headers in refused)
    assert door.push(quiet, run=run, frames=[packed(1, G2=1.0)])[0] == 200


def test_more_frames_than_an_agent_can_have_kept_are_refused(door: Knocking, agent: Agent) -> None:
    secret = agent("node-a")
    run = door.begin(secret, "G1")
    body = [packed(one, G1=1.0) for one in range(pushes.MOST_FRAMES)]
    statuses = [door.push(secret, run=run, frames=body)[0] for _ in range(7)]
    assert statuses == [200] * 6 + [429]
    assert door.push(secret, run=run, frames=[*body, body[0]])[0] == 400


def test_a_value_that_cannot_be_is_absent_and_told(door: Knocking, agent: Agent) -> None:
    secret = agent("node-a")
    run = door.begin(secret, "G1", "G2", "G3")
    door.push(secret, run=run, frames=[packed(1, G1=-5.0, G2=float("inf"), G3=float("nan"))])
    assert stored() == {"G1": {}, "G2": {}, "G3": {}}
    assert [(one.fault, one.subject, one.value) for one in news(["node-a"])["node-a"].complaints] == [
        ("negative", "G1", "-5.0"), ("not a number", "G2", "inf"),
    ]  # fmt: skip


def test_what_an_agent_may_push_is_counted_over_all_consoles(door: Knocking, agent: Agent) -> None:
    secret, other = agent("node-a"), Knocking()
    run = door.begin(secret, "G1")
    body = [packed(one, G1=1.0) for one in range(pushes.MOST_FRAMES)]
    statuses = [(door, other)[place % 2].push(secret, run=run, frames=body)[0] for place in range(7)]
    assert statuses == [200] * 6 + [429]
    other.close()


def test_a_clock_that_is_a_day_off_is_told_and_its_frames_count_when_they_were_taken(
    door: Knocking, agent: Agent
) -> None:
    secret = agent("node-a")
    run = door.begin(secret, "G1")
    now, day = time.time(), 86_400.0
    frames = [packed(1, now + day - 30, G1=1.0), packed(2, now + day, G1=2.0)]
    _, _, answer = door.push(secret, run=run, sent_at=now + day, frames=frames)
    assert answer["complaints"] == ["the clock of this machine is off by +86400 s"]
    messages = events.store().xrange(redis_names.TELEMETRY)
    kept = [decode(fields[b"f"]) for _, fields in messages]  # type: ignore[union-attr]
    assert [one.at for one in kept] == pytest.approx([now - 30, now], abs=1)
    assert kept[0].complaints == [("clock off", "", "", "+86400 s")]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid"),
        (b"<html>", 400, "invalid"),
        (b"\x93\x01\x02\x03", 400, "invalid"),
        (b"\x00" * (pushes.MOST_BYTES + 1), 413, "too_large"),
    ],
)
def test_what_is_no_push_is_refused_in_words(door: Knocking, agent: Agent, body: bytes, status: int, code: str) -> None:
    answer = door.send(agent("node-a"), body)
    assert (answer[0], answer[2]["error"]["code"]) == (status, code)


def test_a_frame_that_is_none_is_left_out_and_the_others_stay(door: Knocking, agent: Agent) -> None:
    secret = agent("node-a")
    run = door.begin(secret, "G1")
    wrong = [b"", b"\xff" * 40, packed(2**41, G1=1.0), packed(1, G1=1.0)[:-3]]
    _, _, answer = door.push(secret, run=run, frames=[*wrong, packed(7, G1=float("nan")), packed(8, G1=-5.0)])
    assert answer["kept"] == 2
    assert len(answer["complaints"]) == len(wrong)
    assert stored() == {"G1": {}}
    assert door.push(secret, run=2**62, frames=[packed(9, G1=1.0)])[2]["kept"] == 0


def test_what_makes_no_sense_in_facts_is_told(door: Knocking, agent: Agent) -> None:
    facts = NodeFacts("m", "", {}, [DeviceFacts("G1", "acme", "H100", memory_bytes=-1), DeviceFacts("", "nvidia", "x")])
    status, _, answer = door.push(agent("node-a"), facts=facts)
    assert (status, len(answer["complaints"])) == (200, 3)


def test_without_postgresql_known_agents_go_on_and_unknown_ones_wait(door: Knocking, agent: Agent) -> None:
    secret = agent("node-a")
    run = door.begin(secret, "G1")
    door.push(secret, run=run, frames=[packed(1, G1=1.0)])
    door.stores._keys_at = float("-inf")
    with (
        patch.object(standing, "in_use", side_effect=OperationalError),
        patch.object(standing, "keep_facts", side_effect=OperationalError),
        patch.object(standing, "new_run", side_effect=OperationalError),
    ):
        _, _, answer = door.push(secret, run=run, frames=[packed(2, G1=1.0)], facts=NodeFacts())
        assert (answer["kept"], answer["facts"]) == (1, False)
        assert door.push(secret)[2]["run"] >= run
        door.stores._keys = None
        door.stores._keys_at = float("-inf")
        status, headers, answer = door.push(secret, run=run)
    assert (status, headers["retry-after"], answer["error"]["code"]) == (503, "2", "store_unavailable")


def test_without_redis_nothing_is_called_safe(door: Knocking, agent: Agent) -> None:
    secret = agent("node-a")
    run = door.begin(secret, "G1")
    with patch.object(store, "send", side_effect=RedisError):
        assert door.push(secret, run=run, frames=[packed(1, G1=1.0)])[0] == 503
    assert door.push(secret, run=run, frames=[packed(1, G1=1.0)])[2]["kept"] == 1
    assert store.keep() == 1


def test_a_node_has_one_key_and_only_engineers_make_it(person: Callable[..., User], agent: Agent) -> None:
    agent("node-a")
    with pytest.raises(Exception, match="the agent of 'node-a' has a key; revoke that one first"):
        agent("node-a")
    with pytest.raises(Exception, match=r"fleet\.change needs the role engineer"):
        keys.create(person("viewer"), "node-b")
    keys.revoke(person("engineer"), AgentKey.objects.get().pk)
    agent("node-a")
