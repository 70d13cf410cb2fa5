"""The oracle: whatever is called compatible lets no old value escape, and every witness is one for `jsonschema` too."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.versions import schemas
from versions.diff.classify import classify
from versions.diff.findings import Report, Severity
from versions.diff.plan import apply

calm = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


def names_in(value: Any) -> set[str]:
    """Every object key inside a value."""
    if isinstance(value, dict):
        return set(value).union(*map(names_in, value.values()))
    return set().union(*map(names_in, value)) if isinstance(value, list) else set()


def declared(schema: Any) -> set[str]:
    """Every property name that a schema declares somewhere."""
    if isinstance(schema, dict):
        return set(schema.get("properties", {})).union(*map(declared, schema.values()))
    return set().union(*map(declared, schema)) if isinstance(schema, list) else set()


def escaping(old: Any, new: Any, values: list[Any]) -> list[Any]:
    """The values that the old schema accepts and the new one refuses."""
    before, after = Draft202012Validator(old), Draft202012Validator(new)
    return [value for value in values if before.is_valid(value) and not after.is_valid(value)]


def check_witnesses(report: Report, accepting: Any, refusing: Any) -> None:
    for finding in report.findings:
        witness = finding.witness
        if witness is not None and witness.whole:
            assert escaping(accepting, refusing, [witness.value]) == [witness.value]


@calm
@given(schemas.edited(schemas.closed()))
def test_no_value_escapes_a_compatible_request(pair: tuple[Any, Any]) -> None:
    old, new = pair
    report = classify(old, new, "jsonschema", "request")
    check_witnesses(report, old, new)
    if report.verdict is Severity.COMPATIBLE:
        assert escaping(old, new, schemas.VALUES) == []


@calm
@given(schemas.edited(schemas.closed()))
def test_no_value_escapes_a_compatible_response(pair: tuple[Any, Any]) -> None:
    old, new = pair
    report = classify(old, new, "jsonschema", "response")
    check_witnesses(report, new, old)
    if report.verdict is Severity.COMPATIBLE:
        assert escaping(new, old, schemas.VALUES) == []


@calm
@given(schemas.edited(schemas.open_objects()))
def test_no_declared_name_escapes_a_compatible_request(pair: tuple[Any, Any]) -> None:
    """Open objects by convention: names that the old schema does not declare are not sent."""
    old, new = pair
    if classify(old, new, "jsonschema", "request").verdict is Severity.COMPATIBLE:
        known = [value for value in schemas.VALUES if names_in(value) <= declared(old)]
        assert escaping(old, new, known) == []


@calm
@given(schemas.edited(st.one_of(schemas.open_objects(), schemas.closed())))
def test_adaptable_requests_become_valid(pair: tuple[Any, Any]) -> None:
    old, new = pair
    report = classify(old, new, "jsonschema", "request")
    if report.adaptable:
        before, after = Draft202012Validator(old), Draft202012Validator(new)
        sent = [value for value in schemas.VALUES if before.is_valid(value) and names_in(value) <= declared(old)]
        assert [value for value in sent if not after.is_valid(apply(report.plan, value))] == []


@calm
@given(schemas.closed())
def test_a_schema_is_compatible_with_itself(schema: Any) -> None:
    assert classify(schema, schema, "jsonschema").verdict is Severity.COMPATIBLE
