"""Contracts of emulated models that change while they run: which parameters a version takes, and how it refuses others.

PUT /control/m/<n>/<version>  sets the contract of one version: {"parameters": {NAME: RULE}, "serves": true}
DELETE /control/m/<n>/<version>  ends a version: calls to it are answered 404
PUT /control/m/<n>            {"current": VERSION} is what /m/<n>/… answers by; {"spec": YAML text} its description
/m/<n>@<version>/…            one version; /m/<n>/spec.yaml the description, with an ETag

A rule is a mapping with type, min, max, options and required, in the upstream's own names.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.emulators.wire import NotJson, WireAnswer, WireCall, from_json, to_json

_PLACES = ("parameters", "options")
_CONTENT = frozenset({
    "model", "messages", "prompt", "input", "inputs", "system", "stream", "stream_options", "tools", "tool_choice",
    "raw", "keep_alive", "format", "suffix", "images", "think",
})  # fmt: skip
_NATIVE = frozenset({
    "temperature", "top_p", "top_k", "max_tokens", "max_new_tokens", "num_predict", "max_completion_tokens", "seed",
    "stop", "presence_penalty", "frequency_penalty", "n",
})  # fmt: skip
"""What the emulated wires know themselves; a contract's other parameters have no effect on an answer."""
_TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,), "float": (int, float), "boolean": (bool,), "string": (str,), "array": (list,), "object": (dict,),
}  # fmt: skip


@dataclass(slots=True)
class EmulatedContract:
    """The versions of one model: rules of parameters by version, and the version that its plain address answers by."""

    versions: dict[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    current: str = ""
    spec: bytes = b""

    def rules(self, version: str) -> Mapping[str, Mapping[str, Any]]:
        """The parameters of a version, of the current one without a name."""
        return self.versions.get(version or self.current, {})

    def refusal(self, version: str, body: bytes) -> str | None:
        """Why this version refuses the body; empty if the version has ended, None if it answers."""
        version = version or self.current
        if not version:
            return None
        rules = self.versions.get(version)
        return "" if rules is None else breach_of(rules, body)


def breach_of(rules: Mapping[str, Mapping[str, Any]], body: bytes) -> str | None:
    """The first parameter that breaks a rule, in a provider's words; None if there is none, or the body is no JSON."""
    try:
        given = from_json(body)
    except NotJson:
        return None
    if not isinstance(given, dict):
        return None
    sent = {name: value for name, value in given.items() if name not in _CONTENT and name not in _PLACES}
    for place in _PLACES:
        inner = given.get(place)
        sent |= inner if isinstance(inner, dict) else {}
    for name, value in sent.items():
        if name not in rules:
            return f"Unsupported parameter: '{name}' is not supported with this model."
        broken = _broken(name, value, rules[name])
        if broken:
            return broken
    missing = next((name for name, rule in rules.items() if rule.get("required") and name not in sent), None)
    return None if missing is None else f"Missing required parameter: '{missing}'."


def without_effect(rules: Mapping[str, Mapping[str, Any]], body: bytes) -> bytes:
    """The body without parameters that only the contract knows, for the wire to answer."""
    try:
        given = from_json(body)
    except NotJson:
        return body
    foreign = rules.keys() - _NATIVE
    if not isinstance(given, dict) or not foreign:
        return body
    kept = {name: value for name, value in given.items() if name not in foreign}
    for place in _PLACES:
        if isinstance(kept.get(place), dict):
            kept[place] = {name: value for name, value in kept[place].items() if name not in foreign}
    return to_json(kept)


def control(contracts: dict[int, EmulatedContract], size: int, call: WireCall) -> WireAnswer:
    """Change a contract as /control/… asks for."""
    parts = call.path.strip("/").split("/")
    if len(parts) not in (3, 4) or parts[1] != "m" or not parts[2].isdecimal() or not 0 < int(parts[2][:9]) <= size:
        return _told(404, "the control addresses are /control/m/<n> and /control/m/<n>/<version>")
    contract = contracts.setdefault(int(parts[2]), EmulatedContract())
    if call.method == "DELETE" and len(parts) == 4:
        contract.versions.pop(parts[3], None)
        return _told(200, "ended")
    try:
        given = from_json(call.body)
    except NotJson as error:
        return _told(400, f"the body is no JSON: {error}")
    if call.method != "PUT" or not isinstance(given, dict):
        return _told(405, "PUT a JSON object, or DELETE a version")
    if len(parts) == 4:
        contract.versions[parts[3]] = dict(given.get("parameters") or {})
    contract.current = str(given.get("current", contract.current))
    contract.spec = str(given["spec"]).encode() if "spec" in given else contract.spec
    return _told(200, "set")


def described(contract: EmulatedContract, call: WireCall) -> WireAnswer:
    """The model's published description, or 304 if the caller has it."""
    etag = f'"{hashlib.sha256(contract.spec).hexdigest()[:32]}"'
    headers = (("etag", etag), ("cache-control", "no-cache"))
    if not contract.spec:
        return _told(404, "no description was published")
    if call.headers.get("if-none-match") == etag:
        return WireAnswer(b"", 304, headers=headers)
    return WireAnswer(contract.spec, content_type="application/yaml", headers=headers)


def _broken(name: str, value: Any, rule: Mapping[str, Any]) -> str:
    types = _TYPES.get(str(rule.get("type", "")))
    if types and (not isinstance(value, types) or (isinstance(value, bool) and bool not in types)):
        return f"Invalid type for '{name}': expected {rule['type']}, but got {type(value).__name__} instead."
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    low, high = rule.get("min"), rule.get("max")
    if number is not None and low is not None and number < low:
        return f"Invalid '{name}': below minimum value. Expected a value >= {low}, but got {value} instead."
    if number is not None and high is not None and number > high:
        return f"Invalid '{name}': above maximum value. Expected a value <= {high}, but got {value} instead."
    options = rule.get("options")
    if options and value not in options:
        return f"Invalid value: '{value}' for '{name}'. Supported values are: {', '.join(map(repr, options))}."
    return ""


def _told(status: int, words: str) -> WireAnswer:
    return WireAnswer(to_json({"message": words}), status)
