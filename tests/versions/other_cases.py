"""One pair at least for each rule about protobuf files and model facts."""

from typing import Any

from tests.versions.words import B, C, R

SPEC = {"name": "m", "type": "llm", "protocol": "openai", "endpoint": "http://h:8000"}


def proto(text: str) -> dict[str, str]:
    """One proto3 file."""
    return {"a.proto": f'syntax = "proto3"; package p; {text}'}


def call(**words: Any) -> dict[str, Any]:
    """Model metadata."""
    return {"context_length": 8000, **words}


def dify(**words: Any) -> dict[str, Any]:
    """A Dify model file."""
    return {"model": "m", "model_type": "llm", "parameter_rules": [{"name": "top_p", "use_template": "top_p"}], **words}


OTHERS: list[tuple[str, int, str, Any, Any, str]] = [
    (
        "proto",
        1,
        "proto-removed",
        proto("message A { string a = 1; } message B {}"),
        proto("message A { string a = 1; }"),
        B,
    ),
    (
        "proto",
        7,
        "proto-code-only",
        proto("message A { int64 a = 1 [jstype = JS_STRING]; }"),
        proto("message A { int64 a = 1 [jstype = JS_NUMBER]; }"),
        B,
    ),
    ("proto", 16, "response-required-removed", proto("message A { string a = 1; }"), proto("message A { }"), B),
    (
        "proto",
        15,
        "required-removed",
        proto("message A { string a = 1; }"),
        proto('message A { reserved 1; reserved "a"; }'),
        R,
    ),
    ("proto", 9, "optional-added", proto("message A { }"), proto("message A { string a = 1; }"), C),
    ("proto", 18, "renamed", proto("message A { string a = 1; }"), proto("message A { string b = 1; }"), B),
    ("proto", 25, "type-swapped", proto("message A { int32 a = 1; }"), proto("message A { string a = 1; }"), B),
    ("proto", 42, "enum-value-added", proto("enum E { Z = 0; }"), proto("enum E { Z = 0; Y = 1; }"), R),
    (
        "proto",
        62,
        "streaming-changed",
        proto("message A {} service S { rpc F (A) returns (A); }"),
        proto("message A {} service S { rpc F (A) returns (stream A); }"),
        B,
    ),
    ("dify", 25, "model-type-changed", dify(), dify(model_type="rerank"), B),
    (
        "dify",
        28,
        "rewritten",
        dify(),
        dify(parameter_rules=[{"name": "top_p", "type": "float", "min": 0, "max": 1, "default": 1}]),
        C,
    ),
    (
        "dify",
        65,
        "prose-changed",
        dify(),
        dify(parameter_rules=[{"name": "top_p", "use_template": "top_p", "help": {"en_US": "x"}}]),
        C,
    ),
    ("dify", 66, "parameter-removed", dify(), dify(parameter_rules=[]), B),
    (
        "dify",
        67,
        "limit-lowered",
        dify(model_properties={"context_size": 8000}),
        dify(model_properties={"context_size": 4000}),
        B,
    ),
    ("dify", 68, "modality-dropped", dify(features=["vision"]), dify(features=[]), B),
    ("dify", 68, "modality-added", dify(features=[]), dify(features=["vision"]), C),
    ("dify", 69, "capability-lost", dify(features=["tool-call"]), dify(features=[]), B),
    ("dify", 69, "capability-gained", dify(features=[]), dify(features=["tool-call"]), C),
    (
        "dify",
        69,
        "fact-option-removed",
        dify(model_properties={"voices": [{"mode": "a"}, {"mode": "b"}]}),
        dify(model_properties={"voices": [{"mode": "a"}]}),
        B,
    ),
    (
        "dify",
        69,
        "fact-option-added",
        dify(model_properties={"voices": [{"mode": "a"}]}),
        dify(model_properties={"voices": [{"mode": "a"}, {"mode": "b"}]}),
        C,
    ),
    (
        "dify",
        71,
        "price-raised",
        dify(pricing={"input": "1", "unit": "0.001", "currency": "USD"}),
        dify(pricing={"input": "1.2", "unit": "0.001", "currency": "USD"}),
        R,
    ),
    (
        "dify",
        71,
        "price-changed",
        dify(pricing={"input": "1", "unit": "0.001", "currency": "USD"}),
        dify(pricing={"input": "900", "unit": "0.000001", "currency": "USD"}),
        C,
    ),
    (
        "dify",
        71,
        "price-unknown",
        dify(pricing={"input": "1", "currency": "USD"}),
        dify(pricing={"input": "1", "currency": "RMB"}),
        R,
    ),
    ("model", 67, "limit-raised", call(), call(context_length=9000), C),
    ("model", 67, "limit-stated", call(), call(max_output_tokens=100), R),
    ("model", 67, "limit-unstated", call(max_output_tokens=100), call(), R),
    ("model", 70, "snapshot-changed", call(sha="a"), call(sha="b"), R),
    ("model", 72, "shutdown-set", call(), call(shutdown_date="9999-01-01"), C),
    ("model", 72, "shutdown-near", call(), call(shutdown_date="2026-01-01"), B),
    ("spec", 72, "end-date-changed", SPEC, {**SPEC, "sunset": "2020-01-01"}, C),
    ("spec", 72, "end-date-changed", {**SPEC, "sunset": "2027-06-30"}, {**SPEC, "sunset": "2027-01-01"}, C),
    ("spec", 72, "end-date-changed", {**SPEC, "deprecated": "2027-01-01"}, SPEC, C),
    ("model", 73, "tokenizer-changed", call(tokenizer="a"), call(tokenizer="b"), R),
]
