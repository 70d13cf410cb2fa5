"""Model metadata as catalogues publish it (OpenRouter, LiteLLM, our own words): facts beside accepted parameters."""

from typing import Any

from versions.diff.model.contract import Contract
from versions.diff.model.facts import Facts
from versions.diff.unreadable import Issue
from versions.diff.values import short

LIMITS = {
    "context_length": "context length", "context_window": "context length", "max_model_len": "context length",
    "context_size": "context length", "max_input_tokens": "input limit", "max_output_tokens": "output limit",
    "max_completion_tokens": "output limit", "max_tokens": "output limit",
}  # fmt: skip
MODALITIES = {
    "input_modalities": "input", "modalities": "input", "supported_modalities": "input",
    "output_modalities": "output", "supported_output_modalities": "output",
}  # fmt: skip
SHUTDOWN = ("shutdown_date", "deprecation_date", "sunset", "expiration_date")
SNAPSHOT = ("snapshot", "weights", "revision", "sha", "digest", "canonical_slug", "version")
TOKENIZER = ("tokenizer", "chat_template", "instruct_type", "tokenizer_digest", "chat_template_digest")
CAPABILITIES = ("capabilities", "features")
IGNORED = frozenset(
    {"name", "id", "description", "created", "label", "owned_by", "object", "mode", "type", "model_type", "deprecated"}
)


def looks_like_metadata(data: Any) -> bool:
    """Whether data speaks of a model's limits, price or modalities."""
    if not isinstance(data, dict) or "properties" in data or "paths" in data:
        return False
    return any(
        name in data for name in (*LIMITS, *MODALITIES, *SHUTDOWN, "pricing", "capabilities", "supported_parameters")
    )


def read_metadata(data: Any) -> Contract:
    """The contract of a metadata record: accepted parameters as a closed object, everything else as facts."""
    facts = Facts()
    contract = Contract({}, facts)
    if not isinstance(data, dict):
        contract.issues.append(Issue("", f"not model metadata: {short(data)}", data))
        return contract
    accepted = data.get("supported_parameters")
    if isinstance(accepted, list):
        properties: dict[str, Any] = {str(name): {} for name in accepted}
        contract.schema = {"type": "object", "properties": properties, "additionalProperties": False}
    facts.type = str(data.get("type") or data.get("model_type") or "")
    facts.mode = str(data.get("mode") or "")
    facts.deprecated = data.get("deprecated") is True
    for name, value in data.items():
        contract.pointers[str(name)] = f"/{name}"
        _one(contract, str(name), value)
    return contract


def _one(contract: Contract, name: str, value: Any) -> None:
    facts = contract.facts
    if name in LIMITS:
        facts.limits[LIMITS[name]] = value
        contract.pointers[LIMITS[name]] = f"/{name}"
    elif name in MODALITIES:
        facts.modalities[MODALITIES[name]] = frozenset(map(str, value)) if isinstance(value, list) else frozenset()
    elif name in SHUTDOWN:
        facts.shutdown = str(value) if value else None
    elif name in SNAPSHOT:
        facts.snapshot[name] = value
    elif name in TOKENIZER:
        facts.tokenizer[name] = value
    elif name in CAPABILITIES:
        facts.capabilities |= _names(value)
    elif name.startswith("supports_"):
        facts.capabilities |= {name.removeprefix("supports_")} if value is True else frozenset()
    elif name == "pricing" and isinstance(value, dict):
        _prices(facts, value)
    elif name == "architecture" and isinstance(value, dict):
        for inner, item in value.items():
            _one(contract, inner, item)
    elif name.endswith("_cost_per_token"):
        facts.prices[name.removesuffix("_cost_per_token")] = value
    elif name not in IGNORED and name != "supported_parameters":
        facts.other[name] = value


def _names(value: Any) -> frozenset[str]:
    if isinstance(value, dict):
        return frozenset(str(name) for name, held in value.items() if held is True)
    return frozenset(map(str, value)) if isinstance(value, list) else frozenset()


def _prices(facts: Facts, value: dict[str, Any]) -> None:
    facts.unit, facts.currency = value.get("unit"), str(value.get("currency") or "").strip()
    facts.prices = {str(name): price for name, price in value.items() if name not in ("unit", "currency")}
