"""Who rules can speak of, with labels: devices of the inventory, models, engines and telemetry sources."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from registry.models import Model
from routing.alerts.language.evaluating import SubjectRoster
from routing.hosted import engines
from routing.hosted.engines import EngineOwners
from routing.models import Device, EndpointState, TelemetryEndpoint

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OTHER = re.compile(r"[^A-Za-z0-9_]")


@dataclass(frozen=True)
class Inventory:
    """What the tables say. `seen` is when a collector last named a device, in Unix time.

    `endpoints` are scraped sources by name, `owners` tells the models of engines. A label's name becomes a word of
    letters, digits and _, as Prometheus has it; labels that every device has win over a person's of the same name.
    """

    devices: SubjectRoster
    models: SubjectRoster
    seen: Mapping[str, float] = field(default_factory=dict)
    ready: Mapping[str, bool] = field(default_factory=dict)
    endpoints: Mapping[str, TelemetryEndpoint] = field(default_factory=dict)
    owners: EngineOwners = field(default_factory=EngineOwners)


def read(before: Inventory | None = None) -> Inventory:
    """The inventory as it is now; rosters that did not change are those of `before`, with what they keep."""
    rows = Device.objects.order_by("uuid").values_list(
        *("uuid", "node__name", "vendor", "model", "index", "state", "node__emulated", "labels", "node__labels"),
        *("seen_at",),
    )
    devices: dict[str, dict[str, str]] = {}
    seen: dict[str, float] = {}
    for uuid, node, vendor, model, index, state, emulated, own, above, seen_at in rows:
        fixed = {"node": node, "vendor": vendor, "model": model, "state": state, "emulated": str(emulated).lower()}
        fixed |= {} if index is None else {"index": str(index)}
        devices[uuid] = {**_words(above), **_words(own), **fixed, "subject": uuid}
        if seen_at is not None:
            seen[uuid] = seen_at.timestamp()
    columns = ("name", "type", "protocol", "owner", "state")
    models = {
        row[0]: {**dict(zip(columns, row, strict=True)), "model": row[0], "subject": row[0]}
        for row in Model.objects.order_by("name").values_list(*columns)
    }
    endpoints = {row.name: row for row in TelemetryEndpoint.objects.filter(enabled=True)}
    return Inventory(
        roster("device", devices, before.devices if before else None),
        roster("model", models, before.models if before else None),
        seen,
        {name: labels["state"] == "ready" for name, labels in models.items()},
        endpoints,
        engines.owners(),
    )


def roster(kind: str, found: Mapping[str, Mapping[str, str]], before: SubjectRoster | None) -> SubjectRoster:
    """A roster of these subjects; the one from `before` if nothing differs."""
    subjects, labels = tuple(found), tuple(found.values())
    if before is not None and (before.subjects, before.labels) == (subjects, labels):
        return before
    return SubjectRoster(kind, subjects, labels)  # type: ignore[arg-type]


def engine_labels(subjects: Iterable[tuple[str, str]], known: Inventory) -> dict[str, dict[str, str]]:
    """Labels of engines, given with their source; the model is what the engine calls it if it is none of ours."""
    found = {}
    for subject, source in sorted(subjects):
        endpoint = known.owners.endpoint(subject)
        name = endpoint.name if endpoint is not None else source
        model = known.owners.of(subject) or engines.served(subject)
        found[subject] = {"endpoint": name, "model": model, "source": source, "subject": subject}
    return found


def sources(names: Iterable[str], known: Inventory) -> dict[str, dict[str, str]]:
    """Labels of telemetry sources: those that send frames, and every scraped endpoint."""
    every = sorted({*names, *known.endpoints})
    emulated = {name: row.emulated for name, row in known.endpoints.items()}
    return {
        name: {"source": name, "emulated": str(emulated.get(name, False)).lower(), "subject": name} for name in every
    }


def complaints(endpoint: TelemetryEndpoint) -> tuple[bool, int]:
    """Whether a scraped endpoint does not answer, and how many complaints there are of its last answer."""
    return endpoint.state == EndpointState.UNREACHABLE, len(endpoint.complaints)


def looked(endpoint: TelemetryEndpoint) -> datetime:
    """When an endpoint was looked at last; when it was made if that never happened."""
    return endpoint.looked_at or endpoint.created_at


def _words(labels: Mapping[str, str]) -> dict[str, str]:
    named = {_OTHER.sub("_", name): str(value) for name, value in labels.items()}
    return {name: value for name, value in named.items() if _NAME.fullmatch(name)}
