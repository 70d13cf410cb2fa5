"""What an agent's key stands for: its node in the inventory, the devices that it may speak of, and its run."""

import time
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from controlplane.base.messages import Sentence
from routing.inventory.discovery import MOVE_AFTER, SeenDevice, SeenNode, discovered
from routing.models import AgentKey, Device, Node
from routing.pushed.keys import source_of
from routing.samples.pushes import DeviceFacts, NodeFacts


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """Whose key it is."""

    key_id: int
    name: str

    @property
    def source(self) -> str:
        """The source that its frames are written to."""
        return source_of(self.name)


def in_use() -> dict[str, AgentIdentity]:
    """Every key that is not revoked, by its hash."""
    rows = AgentKey.objects.filter(revoked_at=None).values_list("key_hash", "pk", "name")
    return {hashed: AgentIdentity(key_id, name) for hashed, key_id, name in rows}


def owned(agent: AgentIdentity) -> frozenset[str]:
    """The devices of the agent's node, by uuid: it may speak of no others."""
    node = AgentKey.objects.filter(pk=agent.key_id).values("node")
    return frozenset(Device.objects.filter(node__in=node).values_list("uuid", flat=True))


def new_run(agent: AgentIdentity) -> int:
    """A run that lies behind every earlier one of this agent, whatever its own clock says."""
    with connection.cursor() as cursor:
        cursor.execute("select run from telemetry_source where source = %s", [agent.source])
        row = cursor.fetchone()
    return max(run_by_clock(), row[0] + 1 if row else 0)


def run_by_clock() -> int:
    """A run for when the store cannot be asked: milliseconds of Unix time."""
    return time.time_ns() // 1_000_000


@transaction.atomic
def keep_facts(agent: AgentIdentity, facts: NodeFacts) -> list[str]:
    """Bring what an agent says of its node into the inventory. Returns what made no sense.

    An agent cannot take over the node of another agent, nor devices that another one still reports.
    """
    key = AgentKey.objects.select_for_update().get(pk=agent.key_id)
    now = timezone.now()
    others = AgentKey.objects.filter(revoked_at=None, node__isnull=False).exclude(pk=key.pk)
    taken = _taken(key, facts, others)
    if taken is not None:
        return [str(taken)]
    foreign = _foreign([one.uuid for one in facts.devices], others, now)
    seen = [_seen(one) for one in facts.devices if one.uuid not in foreign]
    report = discovered(SeenNode(key.name, facts.machine_id, facts.address, facts.labels), seen, now)
    if report.node:
        key.node = Node.objects.filter(name=report.node).first()
        key.save(update_fields=["node"])
    told = [Sentence("{uuid} is reported by another agent and stays with it", uuid=uuid) for uuid in sorted(foreign)]
    return [*map(str, report.complaints), *map(str, told)]


def _taken(key: AgentKey, facts: NodeFacts, others: QuerySet[AgentKey]) -> str | None:
    """Why this agent is not believed to be on its node; None if it is."""
    same = Q(name=key.name) | (Q(machine_id=facts.machine_id) if facts.machine_id else Q())
    node = Node.objects.filter(same, pk__in=others.values("node")).first()
    if node is None:
        return None
    other = others.filter(node=node).first()
    return Sentence(
        "the agent {other} reports as {node}, which has this name or this machine id too; revoke one of the two keys, "
        "or give the machine an id of its own (systemd-machine-id-setup)",
        other=other.name if other else "",
        node=node.name,
    )


def _foreign(uuids: list[str], others: QuerySet[AgentKey], now: datetime) -> set[str]:
    """Those devices that another agent reported just now."""
    rows = Device.objects.filter(
        uuid__in=uuids, node__in=others.values("node"), gone_at=None, seen_at__gt=now - MOVE_AFTER
    )
    return set(rows.values_list("uuid", flat=True))


def _seen(one: DeviceFacts) -> SeenDevice:
    return SeenDevice(
        uuid=one.uuid, vendor=one.vendor, model=one.model, serial=one.serial, index=one.index,
        memory_bytes=one.memory_bytes, power_limit_w=one.power_limit_w, links=one.links, labels=one.labels or None,
        parent=one.parent,
    )  # fmt: skip
