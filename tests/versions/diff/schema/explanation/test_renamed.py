"""A field that went and one that came may be one field with a new name."""

from typing import Any

import pytest

from tests.versions.comparing import explainer
from tests.versions.nodes import read
from versions.diff.classify import classify
from versions.diff.findings import DiffFinding, Severity
from versions.diff.schema.explanation.renamed import with_renames
from versions.diff.schema.facets.place import SchemaPlace

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}


def findings(old: dict[str, Any], new: dict[str, Any], direction: str = "request") -> list[DiffFinding]:
    before, after = ({"type": "object", "properties": side} for side in (old, new))
    return list(classify(before, after, "jsonschema", direction).findings)


@pytest.mark.parametrize("direction", ["request", "response"])
def test_a_renamed_field_is_one_finding(direction: str) -> None:
    (finding,) = findings({"max_tokens": WHOLE}, {"maxTokens": WHOLE}, direction)
    assert (finding.key, finding.old, finding.new) == ("renamed", "max_tokens", "maxTokens")
    assert finding.score is not None
    assert finding.score > 0.9


def test_fields_of_other_types_are_not_one() -> None:
    assert "renamed" not in [one.key for one in findings({"max_tokens": WHOLE}, {"maxTokens": TEXT})]


def test_each_field_is_renamed_once() -> None:
    found = findings({"top_k": WHOLE, "top_p": {"type": "number"}}, {"topP": {"type": "number"}, "topK": WHOLE})
    assert {(one.old, one.new) for one in found if one.key == "renamed"} == {("top_k", "topK"), ("top_p", "topP")}
    assert len(found) == 2


def test_a_renamed_field_with_a_narrower_schema_has_no_step() -> None:
    found = findings({"max_tokens": WHOLE}, {"maxTokens": {**WHOLE, "maximum": 5}})
    renamed = next(one for one in found if one.key == "renamed")
    assert renamed.step is None


def test_fields_of_different_objects_are_not_one() -> None:
    def nested(name: str, other: dict[str, Any]) -> dict[str, Any]:
        return {name: {"type": "object", "properties": other}}

    old = {**nested("a", {"max_tokens": WHOLE}), **nested("b", {})}
    new = {**nested("a", {}), **nested("b", {"maxTokens": WHOLE})}
    assert "renamed" not in [one.key for one in findings(old, new)]


def test_a_required_field_that_is_renamed_is_told_once() -> None:
    old = {"type": "object", "properties": {"max_tokens": WHOLE}, "required": ["max_tokens"]}
    new = {"type": "object", "properties": {"maxTokens": WHOLE}, "required": ["maxTokens"]}
    (finding,) = classify(old, new, "jsonschema", "request").findings
    assert (finding.key, finding.severity) == ("renamed", Severity.BREAKING)


def test_a_renamed_field_names_every_use() -> None:
    visitor = explainer()
    old, new = read({"properties": {"max_tokens": WHOLE}}), read({"properties": {"maxTokens": WHOLE}})
    for use in ("post /a", "post /b"):
        visitor.use = use
        visitor.compare(SchemaPlace(old, new, ""))
    (draft,) = with_renames(visitor, visitor.drafts)
    assert (draft.key, draft.use, draft.also) == ("renamed", "post /a", ["post /b"])
