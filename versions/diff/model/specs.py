"""Our own model specs: `params` as a schema, the rest as facts."""

from typing import Any

from versions.diff.model.contract import Contract
from versions.diff.model.facts import Facts, number
from versions.diff.unreadable import Issue
from versions.diff.values import short

TYPES = {
    "float": "number", "number": "number", "int": "integer", "integer": "integer", "bool": "boolean",
    "boolean": "boolean", "string": "string", "str": "string", "array": "array", "list": "array", "object": "object",
}  # fmt: skip
CALLER_SEES_NOTHING = frozenset({
    "name", "endpoint", "endpoints", "credential", "tags", "owner", "description", "resources", "timeouts", "protocol",
    "params", "aliases", "type", "upstream_model", "strict", "constraints", "deprecated", "sunset",
})  # fmt: skip
ENDS = ("deprecated", "sunset")


def looks_like_spec(data: Any) -> bool:
    """Whether data is one of our specs."""
    return isinstance(data, dict) and "protocol" in data and ("endpoint" in data or "endpoints" in data)


def read_spec(data: Any) -> Contract:
    """The contract of one spec: what callers may send, and what stands behind the name."""
    contract = Contract({"type": "object", "properties": {}, "additionalProperties": False}, Facts())
    if not isinstance(data, dict):
        contract.issues.append(Issue("", f"not a spec: {short(data)}", data))
        return contract
    params = data.get("params") or {}
    if not isinstance(params, dict):
        contract.issues.append(Issue("/params", f"params is no mapping: {short(params)}", params))
        params = {}
    for name, raw in params.items():
        contract.pointers[str(name)] = f"/params/{name}"
        contract.written[str(name)] = raw
        contract.schema["properties"][str(name)] = _schema(contract, str(name), raw)
        if isinstance(raw, dict) and raw.get("required") is True:
            contract.schema.setdefault("required", []).append(str(name))
    _facts(contract, data)
    return contract


def _schema(contract: Contract, name: str, raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        contract.issues.append(Issue(f"/params/{name}", f"parameter {name} is no mapping: {short(raw)}", raw))
        return {}
    schema: dict[str, Any] = {}
    kind = str(raw.get("type", "")).lower()
    if kind in TYPES:
        schema["type"] = TYPES[kind]
    elif kind:
        contract.issues.append(Issue(f"/params/{name}/type", f"unknown type {kind}", kind))
    clamps = raw.get("outside") == "clamp"
    limits = raw.get("range")
    if isinstance(limits, list | tuple) and len(limits) == 2 and not clamps:
        for keyword, limit in zip(("minimum", "maximum"), limits, strict=True):
            value = number(limit)
            if value is not None:
                schema[keyword] = int(value) if value == value.to_integral_value() else float(value)
    elif limits is not None and not clamps:
        contract.issues.append(Issue(f"/params/{name}/range", f"range is no pair: {short(limits)}", limits))
    if isinstance(raw.get("options"), list) and raw["options"]:
        schema["enum"] = raw["options"]
    if raw.get("default") is not None:
        schema["default"] = raw["default"]
    return schema


def _facts(contract: Contract, data: dict[str, Any]) -> None:
    facts = contract.facts
    facts.type = str(data.get("type", "")).lower()
    facts.snapshot["upstream_model"] = data.get("upstream_model") or data.get("name")
    facts.snapshot["protocol"] = str(data.get("protocol", "")).lower()
    aliases = data.get("aliases") or []
    facts.options["alias"] = frozenset(map(str, aliases)) if isinstance(aliases, list) else frozenset()
    facts.snapshot["name"] = data.get("name")
    facts.ends = {name: data.get(name) for name in ENDS}
    facts.capabilities = frozenset() if data.get("strict") is True else frozenset({"lenient parameters"})
    constraints = data.get("constraints")
    facts.other["constraints"] = constraints or None
    facts.other.update({str(name): value for name, value in data.items() if name not in CALLER_SEES_NOTHING})
