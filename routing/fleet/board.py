"""The Fleet page's board: cells in groups, in the reader's words, with what is known at this moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext

from controlplane.base import access
from controlplane.base.stream_frames import StreamTable
from controlplane.base.web.words import word
from routing.fleet.devices import STATES
from routing.fleet.heat import DASH, HEAT, HeatMetric, LiveReading, grouped, readings
from routing.inventory import listing
from routing.models import Device, Node, Placement

MOST_CELLS = 2_000
"""Cells of one page; a larger fleet is shown in parts, by a filter."""
SILENT = LiveReading(dict.fromkeys(HEAT, DASH), STATES[0], False)
"""A device that the live table does not have yet."""
LABEL = "label:"
SHOWN = (
    *("uuid", "vendor", "model", "index", "labels", "state", "node__name", "node__held", "node__labels"),
    *("node__emulated", "parent__index"),
)
"""What cells need: the other fields of 1,000 devices would cost as much again."""


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One device as a cell. `about` is told of the cell that has the focus; `find` are its labels, for the filter."""

    id: int
    href: str
    css: str
    text: str
    label: str
    name: str
    about: str
    find: str


@dataclass(frozen=True, slots=True)
class CellGroup:
    """Cells under one name. `node` is the node's row if the group is a node."""

    name: str
    node: Node | None
    cells: list[HeatCell]


@dataclass(frozen=True, slots=True)
class HeatBoard:
    """All cells, how many devices there are beyond them, and the names of labels that devices have."""

    groups: list[CellGroup]
    shown: int
    total: int
    labels: list[str]


def board(
    actor: access.Actor | None, wanted: Mapping[str, str], group: str, metric: str, live: StreamTable
) -> HeatBoard:
    """The board of the devices that match. `group`: node, kind, model, or label:NAME. Raises Forbidden."""
    found = list(listing.ordered(listing.matching(actor, wanted)).only(*SHOWN))
    rows, known = found[:MOST_CELLS], readings(live)
    called = metric_word(metric)
    cells = {row.pk: cell(row, known.get(row.pk, SILENT), HEAT[metric], called) for row in rows}
    nodes = {row.node.name: row.node for row in rows} if group == "node" else {}
    groups = [
        CellGroup(name, nodes.get(name), [cells[one.pk] for one in of])
        for name, of in grouped(rows, _keys(rows, group))
    ]
    labels = sorted({name for row in found for name in (*row.labels, *row.node.labels)})
    return HeatBoard(groups, len(rows), len(found), labels)


def cell(row: Device, reading: LiveReading, metric: HeatMetric, called: str) -> HeatCell:
    """A device's cell; `called` is the metric's word. static/js/fleet.js keeps it up to date in the same words."""
    state = row.state if row.state != STATES[0] else row.node.held
    name, about = name_of(row), row.titled
    if row.node.emulated:
        about += f" · {gettext('emulated')}"
    marks = ["stale"] if reading.stale else []
    if state != STATES[0]:
        marks.append(f"at-{state}")
    told = [f"{name}, {called} {reading.told(metric.name)}"]
    told += [word("state", state)] if state != STATES[0] else []
    told += [gettext("stale")] if reading.stale else []
    labels = {**row.node.labels, **row.labels}
    find = " ".join(f"{key}={value}" for key, value in labels.items())
    css = " ".join(["cell", reading.level(metric.name), *marks])
    href = f"/gpus/{quote(row.uuid)}"
    return HeatCell(row.pk, href, css, reading.shown[metric.name], ", ".join(told), name, about, find)


def name_of(row: Device) -> str:
    """A device in a few letters: its node, its number there, and whether it is a slice."""
    number = row.parent.index if row.parent is not None else row.index
    short = f"{row.node.name} #{number}" if number is not None else f"{row.node.name} {row.uuid}"
    return f"{short} {gettext('slice')} {row.uuid}" if row.parent is not None else short


def metric_word(name: str) -> str:
    """What a metric is called."""
    return {
        "utilization": gettext("Utilisation"),
        "memory": gettext("Memory"),
        "temperature": gettext("Temperature"),
        "power": gettext("Power"),
        "queue": gettext("Queue"),
    }[name]


def metric_hint(name: str) -> str:
    """What a metric means."""
    return {
        "utilization": gettext("Share of time in which at least one kernel ran."),
        "memory": gettext("Share of the device's memory that is used."),
        "temperature": gettext("Temperature of the chip."),
        "power": gettext("Electrical power that the device draws now."),
        "queue": gettext("Calls that wait for a model on this device."),
    }[name]


def _keys(rows: Sequence[Device], group: str) -> Mapping[int, Sequence[str]]:
    if group == "kind":
        return {row.pk: (row.titled,) for row in rows}
    if group == "model":
        return _models(row.pk for row in rows)
    if group.startswith(LABEL):
        name = group.removeprefix(LABEL)
        merged = ((row.pk, {**row.node.labels, **row.labels}) for row in rows)
        return {pk: (f"{name}={labels[name]}",) for pk, labels in merged if name in labels}
    return {row.pk: (row.node.name,) for row in rows}


def _models(ids: Iterable[int]) -> Mapping[int, Sequence[str]]:
    found: dict[int, list[str]] = {}
    placed = Placement.objects.filter(device__in=list(ids)).values_list("device", "replica__model__name")
    for device, model in placed.order_by("replica__model__name").distinct():
        found.setdefault(device, []).append(model)
    return found


def metrics_for_script() -> dict[str, Any]:
    """What the page's script needs to show a number as the server does."""
    return {
        one.name: {"word": metric_word(one.name), "unit": one.unit, "factor": one.factor, "steps": one.steps}
        for one in HEAT.values()
    }


def totals_told(totals: Mapping[str, Any]) -> dict[str, str]:
    """The sums of the live table as the page shows them; static/js/fleet.js shows them alike."""
    used = totals["utilization"]
    return {
        "devices": str(totals["devices"]),
        "reporting": str(totals["reporting"]),
        "utilization": DASH if used is None else f"{used * 100:.0f} %",
        "memory_used": scaled(totals["memory_used"], ("GB", "TB"), 10**9),
        "memory_total": scaled(totals["memory_total"], ("GB", "TB"), 10**9),
        "power_w": scaled(totals["power_w"], ("W", "kW"), 1),
    }


def scaled(value: float | None, units: tuple[str, str], step: float) -> str:
    """A sum in the unit that leaves few digits: whole numbers of the first, tenths of the second from 1,000 on."""
    if value is None:
        return DASH
    return f"{value / step:.0f} {units[0]}" if value < 1000 * step else f"{value / step / 1000:.1f} {units[1]}"
