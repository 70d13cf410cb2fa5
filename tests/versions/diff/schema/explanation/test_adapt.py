"""The step that makes an old request fit again, and whether the steps together do."""

from typing import Any

import pytest

from versions.diff.classify import classify
from versions.diff.findings import Report
from versions.diff.plan import apply

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}


def thing(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": properties}
    return {**found, "required": required} if required else found


def report(old: Any, new: Any, direction: str = "request") -> Report:
    return classify(old, new, "jsonschema", direction)


ADAPTED = [
    (thing(top_k=WHOLE), thing(topK=WHOLE), {"do": "rename", "path": ["top_k"], "to": "topK"}),
    (
        {**thing(a=TEXT, zone=WHOLE), "additionalProperties": False},
        {**thing(a=TEXT), "additionalProperties": False},
        {"do": "drop", "path": ["zone"]},
    ),
    (
        thing(a=TEXT),
        thing(["zone"], a=TEXT, zone={**WHOLE, "default": 3}),
        {"do": "inject", "path": ["zone"], "value": 3},
    ),
    (
        thing(a={**WHOLE, "maximum": 9}),
        thing(a={**WHOLE, "maximum": 5}),
        {"do": "clamp", "path": ["a"], "high": 5},
    ),
    (
        thing(a={**WHOLE, "minimum": 0}),
        thing(a={**WHOLE, "minimum": 2}),
        {"do": "clamp", "path": ["a"], "low": 2},
    ),
    (
        thing(a={"enum": ["LOW", "high"]}),
        thing(a={"enum": ["low", "high"]}),
        {"do": "map", "path": ["a"], "pairs": (("LOW", "low"),)},
    ),
    (
        thing(a={"type": ["string", "null"]}),
        thing(a=TEXT),
        {"do": "drop_null", "path": ["a"]},
    ),
    (thing(a=TEXT), thing(a={"type": "array", "items": TEXT}), {"do": "wrap", "path": ["a"]}),
    (
        thing(a={"type": "array", "items": TEXT, "minItems": 1, "maxItems": 1}),
        thing(a=TEXT),
        {"do": "unwrap", "path": ["a"]},
    ),
    (
        thing(o=thing(a={**WHOLE, "maximum": 9})),
        thing(o=thing(a={**WHOLE, "maximum": 5})),
        {"do": "clamp", "path": ["o", "a"], "high": 5},
    ),
    (
        thing(o={"type": "array", "items": thing(a={**WHOLE, "maximum": 9})}),
        thing(o={"type": "array", "items": thing(a={**WHOLE, "maximum": 5})}),
        {"do": "clamp", "path": ["o", "*", "a"], "high": 5},
    ),
]


@pytest.mark.parametrize(("old", "new", "step"), ADAPTED, ids=lambda one: str(one.get("do", "")))
def test_a_step_adapts_an_old_request(old: Any, new: Any, step: dict[str, Any]) -> None:
    found = report(old, new)
    assert [one.data() for one in found.plan] == [step]
    assert found.adaptable


@pytest.mark.parametrize(("old", "new", "_step"), ADAPTED)
def test_a_reply_is_not_adapted(old: Any, new: Any, _step: dict[str, Any]) -> None:
    found = report(new, old, "response")
    assert found.plan == ()
    assert not found.adaptable


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (thing(a=TEXT), thing(a=WHOLE)),
        (thing(a=TEXT), thing(["zone"], a=TEXT, zone=WHOLE)),
        (thing(a={"enum": ["a", "b"]}), thing(a={"enum": ["a", "c"]})),
        (thing(a={"enum": ["A", "x"]}), thing(a={"enum": ["a", "a_", "x"]})),
        (thing(a={**TEXT, "maxLength": 9}), thing(a={**TEXT, "maxLength": 5})),
        (thing(a={**WHOLE, "maximum": 9}), thing(a={**WHOLE, "maximum": 5, "multipleOf": 3})),
        (thing(a={"type": "number"}), thing(a={"type": "number", "exclusiveMinimum": 0})),
        (thing(["a"], a={"type": ["string", "null"]}), thing(["a"], a=TEXT)),
        (
            {**thing(a=TEXT, zone=WHOLE), "additionalProperties": False},
            {**thing(a=TEXT), "additionalProperties": False, "minProperties": 1},
        ),
        ({"type": "integer", "maximum": 9}, {"type": "integer", "maximum": 5}),
        (
            {"anyOf": [thing(["k"], k={"const": 1}, a={**WHOLE, "maximum": 9}), thing(["k"], k={"const": 2})]},
            {"anyOf": [thing(["k"], k={"const": 1}, a={**WHOLE, "maximum": 5}), thing(["k"], k={"const": 2})]},
        ),
        (thing(a={"type": "array", "items": TEXT}), thing(a=TEXT)),
        (thing(a=TEXT), thing(a={"type": "array", "items": WHOLE})),
        (thing(a=TEXT), thing(a={"type": "array", "items": TEXT, "minItems": 2})),
    ],
)
def test_a_request_that_no_step_adapts(old: Any, new: Any) -> None:
    assert not report(old, new).adaptable


def test_one_difference_without_a_step_spoils_the_plan() -> None:
    old = thing(top_k=WHOLE, a=TEXT)
    assert report(old, thing(topK=WHOLE, a=TEXT)).adaptable
    assert not report(old, thing(topK=WHOLE, a={"type": "boolean"})).adaptable


def test_a_default_that_changed_is_pinned() -> None:
    old, new = thing(a={**WHOLE, "default": 1}), thing(a={**WHOLE, "default": 2})
    found = report(old, new)
    assert [step.data() for step in found.plan] == [{"do": "pin", "path": ["a"], "value": 1}]
    assert apply(found.plan, {}) == {"a": 1}
    assert apply(found.plan, {"a": 7}) == {"a": 7}


def test_several_steps_adapt_one_request() -> None:
    old = thing(max_tokens={**WHOLE, "maximum": 99}, mode={"enum": ["A"]}, extra=TEXT)
    new = {
        **thing(["kind"], maxTokens={**WHOLE, "maximum": 99}, mode={"enum": ["a"]}, kind={**TEXT, "default": "x"}),
        "additionalProperties": False,
    }
    found = report(old, new)
    adapted = apply(found.plan, {"max_tokens": 5, "mode": "A", "extra": "e"})
    assert adapted == {"maxTokens": 5, "mode": "a", "kind": "x"}
