"""The inventory as YAML: written out, read with every error and its line, planned, and brought in as a whole.

What a file leaves out stays as it is: no node, no device and no field goes because a file does not name it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controlplane.base.messages import Sentence, message_of
from controlplane.base.yaml_reader import YamlInvalid
from controlplane.base.yaml_writer import write_yaml
from registry.specfile.errors import Finding, Findings, Path, SpecError
from registry.specfile.rules import SizeKind
from registry.specfile.text import Tree, load
from registry.specfile.values import size
from routing.inventory import fields
from routing.inventory.endpoints import ENDPOINT
from routing.inventory.fields import Reader, Unfit
from routing.models import DeviceState

HELD = (DeviceState.READY.value, DeviceState.CORDONED.value, DeviceState.DRAINING.value)
KEYS = ("nodes", "telemetry")
NODE_KEYS = ("name", "address", "labels", "emulated", "state", "devices")
DEVICE_KEYS = (
    *("uuid", "vendor", "model", "serial", "index", "memory", "power_limit_w", "links", "labels", "state", "parent"),
)
MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """One node of a file; `held` is empty if the file does not say."""

    path: Path
    name: str
    values: Mapping[str, Any]
    held: str


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """One device of a file; `parent` is a uuid, empty for a whole device."""

    path: Path
    uuid: str
    node: str
    parent: str
    values: Mapping[str, Any]
    held: str


@dataclass(frozen=True, slots=True)
class EndpointEntry:
    """One telemetry source of a file."""

    path: Path
    name: str
    values: Mapping[str, Any]
    held: str = ""


@dataclass(frozen=True, slots=True)
class FleetFile:
    """What a file holds, in its order but whole devices before slices. Without `errors` every entry can be read."""

    nodes: tuple[NodeEntry, ...]
    devices: tuple[DeviceEntry, ...]
    endpoints: tuple[EndpointEntry, ...]
    errors: tuple[SpecError, ...]
    tree: Tree | None = None
    file: str = "<paste>"

    def wrong(self, path: Path, message: str) -> SpecError:
        """An error that shows only against what is there already."""
        line = self.tree.line(path) if self.tree else 0
        return Finding(path, "", "", message).at(self.file, line, "")


@dataclass(slots=True)
class _Reading:
    """What has been read of a file so far."""

    findings: Findings = field(default_factory=Findings)
    nodes: list[NodeEntry] = field(default_factory=list)
    devices: list[DeviceEntry] = field(default_factory=list)
    endpoints: list[EndpointEntry] = field(default_factory=list)
    taken: set[tuple[str, str]] = field(default_factory=set)

    def node(self, path: Path, given: Any) -> None:
        """Read a node and its devices."""
        values = self.values(path, given, NODE_KEYS, fields.NODE)
        name = values.pop("name", None)
        if not isinstance(given, dict) or not self.own(path, "name", name, given):
            return
        self.nodes.append(NodeEntry(path, str(name), values, self.held(path, given)))
        devices = given.get("devices", [])
        if not isinstance(devices, list):
            self.findings.add((*path, "devices"), devices, Sentence("a list of devices"))
            return
        for index, one in enumerate(devices):
            self.device((*path, "devices", index), one, str(name))

    def device(self, path: Path, given: Any, node: str) -> None:
        """Read a device of `node`."""
        readers = {"uuid": fields.UUID, "parent": fields.UUID, **fields.DEVICE}
        values = self.values(path, given, DEVICE_KEYS, readers)
        uuid, parent = values.pop("uuid", None), values.pop("parent", "")
        if not isinstance(given, dict) or not self.own(path, "uuid", uuid, given):
            return
        if given.get("memory") is not None:
            amount = size(given["memory"], (*path, "memory"), self.findings, SizeKind())
            values["memory_bytes"] = amount or None
        self.devices.append(DeviceEntry(path, str(uuid), node, parent, values, self.held(path, given)))

    def endpoint(self, path: Path, given: Any) -> None:
        """Read a telemetry source."""
        values = self.values(path, given, tuple(ENDPOINT), ENDPOINT)
        name = values.pop("name", None)
        if isinstance(given, dict) and self.own(path, "name", name, given, "telemetry"):
            self.endpoints.append(EndpointEntry(path, str(name), values))

    def values(self, path: Path, given: Any, keys: tuple[str, ...], readers: Mapping[str, Reader]) -> dict[str, Any]:
        """Every field that can be read; what is wrong is noted."""
        if not isinstance(given, dict):
            self.findings.add(path, given, Sentence("a mapping with {keys}", keys=", ".join(keys)))
            return {}
        found = {}
        for key, value in given.items():
            if key not in keys:
                self.findings.unknown((*path, str(key)), keys)
            elif key in readers:
                try:
                    found[key] = readers[key](value)
                except Unfit as error:
                    self.findings.add((*path, key), value, error.expected)
        return found

    def own(self, path: Path, key: str, value: Any, given: Mapping[str, Any], kind: str = "") -> bool:
        """Whether an entry has a name of its own."""
        if value is None:
            if key not in given:
                self.findings.add(path, given, Sentence("a mapping with {keys}", keys=key))
            return False
        if (kind or key, value) in self.taken:
            self.findings.add((*path, key), value, Sentence("a name that occurs once in the file"))
            return False
        self.taken.add((kind or key, value))
        return True

    def held(self, path: Path, given: Mapping[str, Any]) -> str:
        """The state that the file wants, empty if it does not say."""
        state = given.get("state")
        if state is None or state in HELD:
            return state or ""
        self.findings.add((*path, "state"), state, Sentence("one of {known}", known=", ".join(HELD)))
        return ""


def parse(text: str | bytes, file: str = "<paste>") -> FleetFile:
    """Read a fleet's file. Never raises: what is wrong is in `errors`."""
    try:
        tree = load(text)
    except YamlInvalid as error:
        told = SpecError(file, error.line, "", error.given, error.expected, message_of(error))
        return FleetFile((), (), (), (told,))
    reading = _Reading(Findings(tree.findings))
    value = tree.value
    lists: dict[str, Any] = {key: value.get(key) for key in KEYS if key in value} if isinstance(value, dict) else {}
    if not lists or not all(isinstance(one, list) for one in lists.values()):
        reading.findings.add((), value, Sentence("a mapping with the key nodes: or telemetry: and a list of them"))
    else:
        for key in value.keys() - KEYS:
            reading.findings.unknown((str(key),), KEYS)
        for index, one in enumerate(lists.get("nodes", [])[:MOST_ROWS]):
            reading.node(("nodes", index), one)
        for index, one in enumerate(lists.get("telemetry", [])[:MOST_ROWS]):
            reading.endpoint(("telemetry", index), one)
    errors = tuple(item.at(file, tree.line(item.path), "") for item in reading.findings[:500])
    devices = sorted(reading.devices, key=lambda one: bool(one.parent))
    return FleetFile(tuple(reading.nodes), tuple(devices), tuple(reading.endpoints), errors, tree, file)


def written(nodes: list[dict[str, Any]], telemetry: Sequence[dict[str, Any]] = ()) -> str:
    """The file that holds these nodes and telemetry sources."""
    return write_yaml({"nodes": nodes, **({"telemetry": list(telemetry)} if telemetry else {})}, width=110)
