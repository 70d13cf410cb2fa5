"""Model files of three makers become one contract: accepted parameters as a schema, everything else as facts."""

from typing import Any

import pytest

from versions.diff.classify import classify
from versions.diff.findings import Severity
from versions.diff.model.dify import TEMPLATES, looks_like_dify, read_dify
from versions.diff.model.metadata import looks_like_metadata, read_metadata
from versions.diff.model.specs import looks_like_spec, read_spec

DIFY: dict[str, Any] = {"model": "m", "model_type": "llm"}
SPEC: dict[str, Any] = {"name": "m", "type": "LLM", "protocol": "openai", "endpoint": "http://a"}


def rule(**words: Any) -> dict[str, Any]:
    """A Dify file with one parameter rule."""
    return {**DIFY, "parameter_rules": [{"name": "a", **words}]}


@pytest.mark.parametrize(
    ("words", "schema"),
    [
        ({}, {}),
        ({"type": "int", "min": 1, "max": "9"}, {"type": "integer", "minimum": 1, "maximum": 9}),
        ({"type": "float", "min": 0.5, "default": "0.7"}, {"type": "number", "minimum": 0.5, "default": 0.7}),
        ({"type": "string", "options": ["x", "y"]}, {"type": "string", "enum": ["x", "y"]}),
        ({"type": "boolean", "default": False}, {"type": "boolean", "default": False}),
        ({"type": "text", "label": {"en": "A"}, "help": {}}, {"type": "string"}),
        ({"use_template": "top_k"}, {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
        ({"use_template": "top_k", "max": 10}, {"type": "integer", "minimum": 1, "maximum": 10, "default": 50}),
        ({"use_template": "top_k", "max": None}, {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
        ({"show_on": [{"variable": "b"}]}, {"x-show-on": [{"variable": "b"}]}),
        ({"unit": "s"}, {"dify unit": "s"}),
    ],
)
def test_a_rule_of_dify_is_a_schema(words: dict[str, Any], schema: dict[str, Any]) -> None:
    contract = read_dify(rule(**words))
    assert contract.issues == []
    assert contract.schema["properties"] == {"a": schema}
    assert contract.schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("text", "not a model file"),
        ({**DIFY, "parameter_rules": {}}, ""),
        ({**DIFY, "parameter_rules": "a"}, "parameter_rules is no list"),
        ({**DIFY, "parameter_rules": [{"type": "int"}]}, "a parameter rule without a name"),
        ({**DIFY, "parameter_rules": [{"name": "a"}, {"name": "a"}]}, "a second rule for a"),
        (rule(use_template="other"), "a uses an unknown template other"),
        (rule(type="date"), "unknown type date"),
        (rule(min="low"), "min is no number"),
        (rule(options="x"), "options is no list"),
        ({**DIFY, "model_properties": []}, ""),
        ({**DIFY, "model_properties": ["a"]}, "model_properties is no mapping"),
    ],
)
def test_what_a_dify_file_hides_is_told(data: Any, text: str) -> None:
    issues = [issue.text.partition(": ")[0] for issue in read_dify(data).issues]
    assert issues == ([text] if text else [])


def test_facts_of_a_dify_file() -> None:
    properties = {
        "mode": "chat",
        "context_size": 8000,
        "default_voice": "v",
        "voices": [{"mode": "v", "lang": "en"}],
        "odd": 1,
    }
    pricing = {"input": "1", "output": "2", "unit": "0.001", "currency": " USD ", "tiers": [1]}
    more = {"features": ["vision", "tool-call"], "model_properties": properties, "pricing": pricing, "other": 7}
    facts = read_dify({**DIFY, **more, "deprecated": True}).facts
    assert (facts.type, facts.mode, facts.deprecated) == ("llm", "chat", True)
    assert facts.modalities["input"] == {"vision"}
    assert facts.capabilities == {"tool-call"}
    assert facts.limits == {"context_size": 8000}
    assert facts.defaults == {"default_voice": "v"}
    assert facts.options["voices"] == {"v"}
    assert (facts.prices, facts.unit, facts.currency) == ({"input": "1", "output": "2"}, "0.001", "USD")
    assert facts.other["pricing tiers"] == [1]
    assert facts.other["other"] == 7
    assert facts.other["odd"] == 1
    assert facts.other["voices details"] == {"v": {"mode": "v", "lang": "en"}}


def test_a_template_of_dify_holds_itself() -> None:
    for name in TEMPLATES:
        assert read_dify(rule(use_template=name)).issues == []


@pytest.mark.parametrize(
    ("raw", "schema"),
    [
        ({"type": "float", "range": [0, 2]}, {"type": "number", "minimum": 0, "maximum": 2}),
        ({"type": "float", "range": [0, 2], "outside": "clamp"}, {"type": "number"}),
        ({"type": "int", "range": [None, 5]}, {"type": "integer", "maximum": 5}),
        ({"type": "str", "options": ["a"]}, {"type": "string", "enum": ["a"]}),
        ({"type": "list", "default": []}, {"type": "array", "default": []}),
        ({"default": 0.5}, {"default": 0.5}),
        ({}, {}),
    ],
)
def test_a_parameter_of_a_spec_is_a_schema(raw: dict[str, Any], schema: dict[str, Any]) -> None:
    contract = read_spec({**SPEC, "params": {"t": raw}})
    assert contract.issues == []
    assert contract.schema["properties"] == {"t": schema}
    assert contract.pointers["t"] == "/params/t"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (7, "not a spec"),
        ({**SPEC, "params": ["a"]}, "params is no mapping"),
        ({**SPEC, "params": {"t": 7}}, "parameter t is no mapping"),
        ({**SPEC, "params": {"t": {"type": "date"}}}, "unknown type date"),
        ({**SPEC, "params": {"t": {"range": [1]}}}, "range is no pair"),
    ],
)
def test_what_a_spec_hides_is_told(data: Any, text: str) -> None:
    assert [issue.text.partition(": ")[0] for issue in read_spec(data).issues] == [text]


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        ({"endpoint": "http://b"}, set()),
        ({"owner": "o", "tags": ["t"], "description": "d", "timeouts": {}}, set()),
        ({"upstream_model": "m2"}, {"snapshot-changed"}),
        ({"protocol": "anthropic"}, {"snapshot-changed"}),
        ({"type": "rerank"}, {"model-type-changed"}),
        ({"aliases": ["n"]}, {"fact-option-added"}),
        ({"strict": True}, {"capability-lost"}),
        ({"constraints": [{"if": 1}]}, {"unknown-keyword"}),
        ({"novel": 1}, {"unknown-keyword"}),
    ],
)
def test_what_callers_see_of_a_changed_spec(change: dict[str, Any], keys: set[str]) -> None:
    assert {finding.key for finding in classify(SPEC, {**SPEC, **change}, "spec").findings} == keys


def test_facts_of_metadata() -> None:
    architecture = {"tokenizer": "T", "input_modalities": ["text", "image"]}
    record = {
        "id": "m", "context_length": 8000, "max_completion_tokens": 100, "architecture": architecture, "odd": 1,
        "capabilities": {"tools": True, "json": False}, "supports_vision": True, "supports_audio": False,
        "pricing": {"prompt": "1", "currency": "USD"}, "input_cost_per_token": 1e-6, "deprecation_date": "2026-01-01",
        "canonical_slug": "m-1",
    }  # fmt: skip
    facts = read_metadata(record).facts
    assert facts.limits == {"context length": 8000, "output limit": 100}
    assert facts.modalities == {"input": frozenset({"text", "image"})}
    assert facts.capabilities == {"tools", "vision"}
    assert facts.tokenizer == {"tokenizer": "T"}
    assert facts.prices["input"] == 1e-6
    assert facts.shutdown == "2026-01-01"
    assert facts.snapshot == {"canonical_slug": "m-1"}
    assert facts.other == {"odd": 1}


def test_accepted_parameters_of_metadata_are_a_closed_object() -> None:
    old = {"context_length": 1, "supported_parameters": ["top_k", "top_p"]}
    found = classify(old, {**old, "supported_parameters": ["top_p", "seed"]}, "model")
    assert {finding.key for finding in found.findings} == {"parameter-removed", "optional-added-closed"}
    assert found.verdict is Severity.BREAKING


@pytest.mark.parametrize(
    ("data", "kinds"),
    [
        (DIFY, {"dify"}),
        (SPEC, {"spec"}),
        ({"context_length": 1}, {"metadata"}),
        ({"properties": {}, "context_length": 1}, set()),
        ({"model": "m"}, set()),
        ({"protocol": "openai"}, set()),
        ("text", set()),
        (None, set()),
    ],
)
def test_a_model_file_is_recognised(data: Any, kinds: set[str]) -> None:
    known = {"dify": looks_like_dify, "spec": looks_like_spec, "metadata": looks_like_metadata}
    assert {kind for kind, looks in known.items() if looks(data)} == kinds


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        (rule(type="int", label="a"), rule(type="int", label="b"), "prose-changed"),
        (rule(use_template="top_k"), rule(use_template="top_k", min=1), "rewritten"),
        (rule(type="int"), {**DIFY, "parameter_rules": []}, "parameter-removed"),
        (rule(type="int", max=5), rule(type="int", max=4), "bound-tightened"),
    ],
)
def test_no_edit_of_a_rule_goes_without_a_word(old: Any, new: Any, key: str) -> None:
    (finding,) = classify(old, new, "dify").findings
    assert (finding.key, finding.path) == (key, "a")
    assert finding.old_pointer == "/parameter_rules/0"
