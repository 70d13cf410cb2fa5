"""Dify model YAML: parameter rules, shared templates, model properties, features and pricing."""

from typing import Any

from versions.diff.model.contract import Contract
from versions.diff.model.facts import Facts, number
from versions.diff.unreadable import Issue
from versions.diff.values import short

TEMPLATES: dict[str, dict[str, Any]] = {
    "temperature": {"type": "float", "default": 0.0, "min": 0.0, "max": 1.0},
    "top_p": {"type": "float", "default": 1.0, "min": 0.0, "max": 1.0},
    "top_k": {"type": "int", "default": 50, "min": 1, "max": 100},
    "presence_penalty": {"type": "float", "default": 0.0, "min": 0.0, "max": 1.0},
    "frequency_penalty": {"type": "float", "default": 0.0, "min": 0.0, "max": 1.0},
    "max_tokens": {"type": "int", "default": 64, "min": 1, "max": 2048},
    "response_format": {"type": "string", "options": ["JSON", "XML"]},
    "json_schema": {"type": "text"},
}
"""Dify's shared parameter rules, which a rule names with `use_template` and overrides key by key."""

TYPES = {"float": "number", "int": "integer", "string": "string", "boolean": "boolean", "text": "string"}
MODALITIES = frozenset({"vision", "audio", "video", "document"})
SHOWN = frozenset({"model", "label", "help", "placeholder", "icon_small", "icon_large", "icon", "description"})
LIMITS = frozenset(
    {"context_size", "max_chunks", "word_limit", "file_upload_limit", "max_characters_per_chunk", "max_workers"}
)
DEFAULTS = frozenset({"default_voice", "audio_type"})
RULE_WORDS = frozenset({
    "name", "use_template", "label", "help", "placeholder", "type", "default", "min", "max", "precision",
    "required", "options", "show_on",
})  # fmt: skip
KNOWN = SHOWN | {
    "model_type", "features", "model_properties", "parameter_rules", "pricing", "deprecated", "fetch_from",
    "parameters",
}  # fmt: skip


def looks_like_dify(data: Any) -> bool:
    """Whether data is a Dify model file."""
    return isinstance(data, dict) and "model" in data and ("model_type" in data or "parameter_rules" in data)


def read_dify(data: Any) -> Contract:
    """The contract of a Dify model file."""
    contract = Contract({"type": "object", "properties": {}, "additionalProperties": False}, Facts())
    if not isinstance(data, dict):
        contract.issues.append(Issue("", f"not a model file: {short(data)}", data))
        return contract
    rules = data.get("parameter_rules") or []
    if not isinstance(rules, list):
        contract.issues.append(Issue("/parameter_rules", f"parameter_rules is no list: {short(rules)}", rules))
        rules = []
    for index, rule in enumerate(rules):
        _rule(contract, rule, f"/parameter_rules/{index}")
    _facts(contract, data)
    return contract


def _rule(contract: Contract, raw: Any, pointer: str) -> None:
    if not isinstance(raw, dict) or not isinstance(raw.get("name"), str):
        contract.issues.append(Issue(pointer, f"a parameter rule without a name: {short(raw)}", raw))
        return
    name = raw["name"]
    if name in contract.pointers:
        contract.issues.append(Issue(pointer, f"a second rule for {name}", raw))
    template = raw.get("use_template")
    shared = TEMPLATES.get(str(template), {})
    if template is not None and not shared:
        contract.issues.append(Issue(pointer, f"{name} uses an unknown template {template}", raw))
    rule = {**shared, **{key: value for key, value in raw.items() if value is not None}}
    contract.pointers[name] = pointer
    contract.written[name] = raw
    schema = _schema(contract, rule, f"{pointer} {name}")
    contract.schema["properties"][name] = schema
    if rule.get("required") is True:
        contract.schema.setdefault("required", []).append(name)


def _schema(contract: Contract, rule: dict[str, Any], where: str) -> dict[str, Any]:
    """The values that one rule allows; options of a rule with a range are only suggestions, as Dify treats them."""
    kind = rule.get("type")
    if kind is not None and kind not in TYPES:
        contract.issues.append(Issue(where, f"unknown type {kind}", kind))
    schema: dict[str, Any] = {"type": TYPES[kind]} if kind in TYPES else {}
    for word, keyword in (("min", "minimum"), ("max", "maximum")):
        if word in rule:
            value = number(rule[word])
            if value is None:
                contract.issues.append(Issue(where, f"{word} is no number: {short(rule[word])}", rule[word]))
            else:
                schema[keyword] = int(value) if value == value.to_integral_value() else float(value)
    options = rule.get("options")
    if isinstance(options, list) and options:
        schema["enum"] = options
    elif options:
        contract.issues.append(Issue(where, f"options is no list: {short(options)}", options))
    if rule.get("default") is not None:
        schema["default"] = _default(rule["default"], kind)
    schema.update({f"dify {word}": rule[word] for word in rule if word not in RULE_WORDS})
    if rule.get("show_on"):
        schema["x-show-on"] = rule["show_on"]
    return schema


def _default(value: Any, kind: Any) -> Any:
    exact = number(value) if kind in ("float", "int") else None
    if exact is None:
        return value
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def _facts(contract: Contract, data: dict[str, Any]) -> None:
    facts = contract.facts
    facts.type = str(data.get("model_type") or "")
    facts.deprecated = data.get("deprecated") is True
    features = data.get("features") or []
    named = {str(feature) for feature in features} if isinstance(features, list) else set()
    facts.modalities["input"] = frozenset(named & MODALITIES)
    facts.capabilities = frozenset(named - MODALITIES)
    facts.snapshot["model"] = data.get("model")
    _properties(contract, data.get("model_properties") or {})
    pricing = data.get("pricing")
    if isinstance(pricing, dict):
        facts.unit, facts.currency = pricing.get("unit"), str(pricing.get("currency") or "").strip()
        facts.prices = {
            str(k): v for k, v in pricing.items() if k not in ("unit", "currency") and not isinstance(v, dict | list)
        }
        facts.other.update({f"pricing {k}": v for k, v in pricing.items() if isinstance(v, dict | list)})
    facts.other.update({str(name): value for name, value in data.items() if name not in KNOWN})


def _properties(contract: Contract, properties: Any) -> None:
    facts = contract.facts
    if not isinstance(properties, dict):
        contract.issues.append(
            Issue("/model_properties", f"model_properties is no mapping: {short(properties)}", properties)
        )
        return
    for name, value in properties.items():
        contract.pointers[str(name)] = f"/model_properties/{name}"
        if name == "mode":
            facts.mode = str(value)
        elif name in LIMITS:
            facts.limits[name] = value
        elif name in DEFAULTS:
            facts.defaults[name] = value
        elif isinstance(value, list):
            facts.options[name] = frozenset(_option(item) for item in value)
            details = {
                _option(item): {k: v for k, v in item.items() if k not in SHOWN}
                for item in value
                if isinstance(item, dict)
            }
            facts.other[f"{name} details"] = details or None
        else:
            facts.other[str(name)] = value


def _option(item: Any) -> str:
    return str(item.get("mode") or item.get("name") or item) if isinstance(item, dict) else str(item)
