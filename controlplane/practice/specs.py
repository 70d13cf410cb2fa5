"""Specs of the models of a practice month: parameters as the upstream's rules say, endpoint of a version or plain."""

import json
from collections.abc import Mapping
from typing import Any

from controlplane.base.yaml_writer import write_yaml
from controlplane.practice.changes import Rules
from registry.emulators.roster import KINDS, emulated

_TYPES = {"float": "float", "int": "int", "boolean": "bool", "string": "string"}
_SPEAK_OPENAI = ("openai", "huggingface", "ollama")


def changing(size: int) -> list[int]:
    """Numbers of the fleet's language models that answer OpenAI's wire: those that change in a practice month."""
    kinds = [(number, *KINDS[(number - 1) % len(KINDS)]) for number in range(1, size + 1)]
    return [number for number, _, protocol, kind in kinds if kind == "llm" and protocol in _SPEAK_OPENAI]


def document(number: int, version: int, rules: Rules, fleet: str, hosted: bool) -> dict[str, Any]:
    """The spec of one version of a model of the fleet at `fleet`."""
    name = emulated(number).name
    address = f"{fleet}/m/{number}" if hosted else f"{fleet}/m/{number}@v{version}"
    found: dict[str, Any] = {
        "name": name,
        "type": "LLM",
        "protocol": "OPENAI",
        "endpoint": address,
        "upstream_model": name,
        "description": f"practice fleet (emulated): version {version}",
        "tags": ["practice"],
    }
    params = {name: _parameter(rule) for name, rule in rules.items()}
    return {**found, "params": params} if params else found


def text(documents: list[dict[str, Any]]) -> str:
    """A spec file. Values are copied, as the dumper writes an anchor where two rules share one list."""
    return write_yaml(json.loads(json.dumps({"models": documents})))


def _parameter(rule: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": _TYPES[rule["type"]]}
    if "min" in rule and "max" in rule:
        found["range"] = [rule["min"], rule["max"]]
    for name in ("options", "default", "required"):
        if name in rule:
            found[name] = rule[name]
    return found
