"""The emulated GPUs of a run: their exporters are registered, and what the collector discovers there gets its models.

Nodes and devices are never inserted: they appear when the collector reads the exporters. What was done is kept in a
note, so that a second run brings back nothing that a person took away.
"""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from django.db import transaction

from controlplane.base import access
from controlplane.base.models import User
from controlplane.base.refusals import Conflict
from controlplane.services.files import write_private
from registry.emulators.gpus.engines import engine_of
from registry.emulators.gpus.rack import EmulatedNode, rack
from registry.emulators.gpus.seating import popularity, seating
from registry.emulators.roster import emulated, weights_bytes
from routing.inventory import endpoints, replicas, verbs
from routing.inventory.replicas import ReplicaSeat
from routing.models import Device, Node, ReplicaState, StoredReplica, TelemetryEndpoint

PREFIX = "emulated-"
"""What the names of all nodes and telemetry sources of the emulated fleet begin with."""
ENGINES = 32
"""Model servers whose own metrics are read, the most called ones of those that have any."""
UNNAMED = ("tgi", "llamacpp")
"""Model servers that do not tell the name of their model."""
DISCOVERED_WITHIN = 60.0


def read(note: Path) -> dict[str, Any]:
    """What an earlier run registered; empty if that is gone or damaged."""
    try:
        found = json.loads(note.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def register(actor: User, note: Path, address: str, models: int, devices: int) -> bool:
    """Have the exporters of so many emulated devices at `address` scraped, and no others of an earlier run.

    Whether anything changed since the run that wrote `note`; one on another database does not count. Raises Forbidden,
    Invalid.
    """
    database = actor.date_joined.isoformat()
    wanted = {"address": address, "models": models, "devices": devices, "database": database}
    before = read(note)
    if {name: before.get(name) for name in wanted} == wanted:
        return False
    if devices or before:
        with transaction.atomic():
            _reconcile(actor, _drafts(address, models, devices))
            _withdraw(actor, {node.name for node in rack(devices)})
        write_private(note, json.dumps({**wanted, "seated": not devices}))
    return True


def seat(actor: access.Actor, note: Path, within: float = DISCOVERED_WITHIN) -> str:
    """Write down which practice models sit where, once the collector has discovered the devices; what was done.

    It waits so many seconds for the collector, and is to be called again if that was too short.
    """
    given = read(note)
    if not given or given.get("seated"):
        return ""
    models, devices = int(given["models"]), int(given["devices"])
    nodes = rack(devices)
    if not _discovered(nodes, within):
        return f"the emulated GPUs were not discovered within {within:g} s; models are seated on them once they are"
    _label(actor, nodes)
    seats = list(_seats(models, devices))
    try:
        replicas.settle(seats)
    except Conflict as problem:
        return f"the practice models were not placed: {problem}"
    write_private(note, json.dumps({**given, "seated": True}))
    hot, asleep = (sum(one.state == state for one in seats) for state in (ReplicaState.WARM, ReplicaState.ASLEEP))
    cold = len(seats) - hot - asleep
    there = f"{devices} devices on {len(nodes)} nodes"
    return f"GPU fleet (emulated): {there}; models: {hot} hot, {asleep} asleep, {cold} cold"


def _drafts(address: str, models: int, devices: int) -> dict[str, dict[str, Any]]:
    """The telemetry sources, by name."""
    base = f"http://{address}"
    exporters = {
        node.name: {"kind": node.kind.vendor, "url": f"{base}/gpus/{node.name}/metrics", "node": node.name}
        for node in rack(devices)
    }
    hot = seating(models, devices).hot if devices else {}
    told = [number for number in popularity(models) if number in hot and engine_of(number)][:ENGINES]
    engines = {
        f"{PREFIX}{engine_of(number)}-{number:03d}": {
            "kind": engine_of(number), "url": f"{base}/m/{number}/metrics", "node": "",
            "serves": {"": emulated(number).name} if engine_of(number) in UNNAMED else {},
        }
        for number in told
    }  # fmt: skip
    return {name: {**draft, "name": name, "emulated": True} for name, draft in (exporters | engines).items()}


def _reconcile(actor: access.Actor, wanted: Mapping[str, dict[str, Any]]) -> None:
    rows = {row.name: row for row in TelemetryEndpoint.objects.filter(emulated=True, name__startswith=PREFIX)}
    for name in rows.keys() - wanted.keys():
        endpoints.remove(actor, rows[name].pk)
    for name, draft in wanted.items():
        if name in rows:
            endpoints.edit(actor, rows[name].pk, draft)
        else:
            endpoints.add(actor, draft)


def _withdraw(actor: access.Actor, kept: set[str]) -> None:
    """Take every practice model from its seat, and forget nodes that are no more."""
    rows = StoredReplica.objects.filter(placements__device__node__name__startswith=PREFIX)
    names = rows.values_list("model__name", flat=True).distinct()
    replicas.settle([ReplicaSeat(name, ReplicaState.COLD) for name in names])
    for node in Node.objects.filter(emulated=True, name__startswith=PREFIX).exclude(name__in=kept):
        verbs.remove(Node, actor, node.pk)


def _discovered(nodes: Iterable[EmulatedNode], within: float) -> bool:
    """Whether every device is in the inventory; waits so many seconds for it."""
    wanted = {one.uuid for node in nodes for one in node.devices}
    deadline = time.monotonic() + within
    while Device.objects.filter(uuid__in=wanted).count() < len(wanted):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.25)
    return True


def _label(actor: access.Actor, nodes: Iterable[EmulatedNode]) -> None:
    labels = {node.name: node.labels for node in nodes}
    for row in Node.objects.filter(emulated=True, name__in=labels, labels={}):
        verbs.edit_node(actor, row.pk, {"labels": labels[row.name]})


def _seats(models: int, devices: int) -> Iterable[ReplicaSeat]:
    found = seating(models, devices)
    for number in range(1, models + 1):
        group = found.hot.get(number, ())
        if group:
            share = weights_bytes(number) // len(group)
            yield ReplicaSeat(emulated(number).name, ReplicaState.WARM, {one.uuid: share for one in group})
        else:
            state = ReplicaState.ASLEEP if number in found.asleep else ReplicaState.COLD
            yield ReplicaSeat(emulated(number).name, state)
