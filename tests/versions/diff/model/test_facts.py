"""Facts about a model: limits, modalities, capabilities, price, shutdown."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from versions.diff.findings import Severity
from versions.diff.model.facts import Facts, compare_facts, number
from versions.diff.policy import DiffPolicy

POLICY = DiffPolicy(today=date(2026, 6, 1))


def told(old: dict[str, Any], new: dict[str, Any], policy: DiffPolicy = POLICY) -> list[tuple[str, str]]:
    """Key and severity of what is said of two sets of facts."""
    found = compare_facts(Facts(**old), Facts(**new), policy, {})
    return [(finding.key, finding.severity.value) for finding in found]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({}, {}, []),
        ({"type": "llm"}, {"type": "rerank"}, [("model-type-changed", "breaking")]),
        ({"mode": "chat"}, {"mode": "completion"}, [("model-type-changed", "breaking")]),
        ({}, {"deprecated": True}, [("deprecated", "compatible")]),
        ({"deprecated": True}, {}, [("reactivated", "compatible")]),
        ({"limits": {"c": 8000}}, {"limits": {"c": 4000}}, [("limit-lowered", "breaking")]),
        ({"limits": {"c": 8000}}, {"limits": {"c": "16_000"}}, [("limit-raised", "compatible")]),
        ({"limits": {"c": 8000}}, {"limits": {"c": "8000.0"}}, []),
        ({}, {"limits": {"c": 8000}}, [("limit-stated", "review")]),
        ({"limits": {"c": 8000}}, {}, [("limit-unstated", "review")]),
        ({"limits": {"c": 8000}}, {"limits": {"c": "large"}}, [("limit-unstated", "review")]),
        ({"limits": {"c": "a"}}, {"limits": {"c": "b"}}, []),
        ({"capabilities": frozenset({"a"})}, {}, [("capability-lost", "breaking")]),
        ({}, {"capabilities": frozenset({"a"})}, [("capability-gained", "compatible")]),
        ({"modalities": {"input": frozenset({"image"})}}, {}, [("modality-dropped", "breaking")]),
        ({}, {"modalities": {"output": frozenset({"image"})}}, [("modality-added", "compatible")]),
        ({"options": {"voice": frozenset({"a"})}}, {}, [("fact-option-removed", "breaking")]),
        ({}, {"options": {"voice": frozenset({"a"})}}, [("fact-option-added", "compatible")]),
        ({"defaults": {"voice": "a"}}, {"defaults": {"voice": "b"}}, [("default-changed", "review")]),
        ({"snapshot": {"sha": "a"}}, {"snapshot": {"sha": "b"}}, [("snapshot-changed", "review")]),
        ({"tokenizer": {"t": "a"}}, {"tokenizer": {"t": "b"}}, [("tokenizer-changed", "review")]),
        ({"address": {"url": "a"}}, {"address": {"url": "b"}}, [("server-moved", "breaking")]),
        ({"other": {"x": 1}}, {"other": {"x": True}}, [("unknown-keyword", "review")]),
        ({"other": {"x": 1}}, {"other": {"x": 1.0}}, []),
    ],
)
def test_what_is_said_of_facts(old: dict[str, Any], new: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert told(old, new) == found


def priced(unit: Any = None, currency: str = "USD", **prices: Any) -> dict[str, Any]:
    return {"prices": prices, "unit": unit, "currency": currency}


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        (priced(input="1"), priced(input="1.0"), []),
        (priced(input="1"), priced(input="1.05"), ["price-changed"]),
        (priced(input="1"), priced(input="1.2"), ["price-raised"]),
        (priced(input="1"), priced(input="0.5"), ["price-changed"]),
        (priced(input="0"), priced(input="0.01"), ["price-raised"]),
        (priced("0.001", input="1"), priced("0.000001", input="1000"), []),
        (priced("0.001", input="1"), priced("0.000001", input="2000"), ["price-raised"]),
        (priced(input="1"), priced(input="free"), ["price-unknown"]),
        (priced(input="free"), priced(input="free"), []),
        (priced(input="1"), priced(input="1", output="2"), ["price-unknown"]),
        (priced(input="1", output="2"), priced(input="1"), ["price-changed"]),
        (priced(), priced(input="1"), ["price-changed"]),
        (priced(input="1"), priced(currency="CNY", input="1"), ["price-unknown"]),
        (priced("a lot", input="1"), priced("a lot", input="1"), []),
    ],
)
def test_prices_are_compared_per_token(old: dict[str, Any], new: dict[str, Any], keys: list[str]) -> None:
    assert [key for key, _severity in told(old, new)] == keys


@pytest.mark.parametrize(("percent", "key"), [(5.0, "price-raised"), (30.0, "price-changed")])
def test_how_far_a_price_may_rise_is_a_knob(percent: float, key: str) -> None:
    policy = DiffPolicy(price_rise_percent=percent)
    assert [one for one, _severity in told(priced(input="1"), priced(input="1.2"), policy)] == [key]


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        (None, None, []),
        (None, "2026-06-20", ["shutdown-near"]),
        (None, "2026-05-01", ["shutdown-near"]),
        (None, "2026-09-01", ["shutdown-set"]),
        ("2026-09-01", "2026-10-01", ["shutdown-set"]),
        ("2026-09-01", "2026-06-10", ["shutdown-near"]),
        ("2026-09-01", None, ["reactivated"]),
        (None, "soon", ["unreadable"]),
    ],
)
def test_a_shutdown_that_is_near_is_a_break(before: str | None, after: str | None, keys: list[str]) -> None:
    found = told({"shutdown": before}, {"shutdown": after})
    assert [key for key, _severity in found] == keys
    if keys == ["shutdown-near"]:
        assert found[0][1] == Severity.BREAKING.value


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, Decimal(1)),
        (0.1, Decimal("0.1")),
        (" 1_000 ", Decimal(1000)),
        ("1e-6", Decimal("0.000001")),
        (True, None),
        (None, None),
        ("free", None),
        ("NaN", None),
        ("Infinity", None),
        ([], None),
    ],
)
def test_a_number_is_exact_also_in_a_text(value: Any, found: Decimal | None) -> None:
    assert number(value) == found


def test_a_finding_points_at_what_it_speaks_of() -> None:
    old, new = Facts(limits={"context": 8}), Facts(limits={"context": 4})
    (finding,) = compare_facts(old, new, POLICY, {"context": "/model_properties/context_size"})
    assert (finding.path, finding.use) == ("context", "model")
    assert finding.new_pointer == "/model_properties/context_size"
    assert "8" in finding.en
    assert "4" in finding.en
