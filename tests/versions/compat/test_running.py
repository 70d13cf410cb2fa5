"""Compatibility tests against the practice fleet, whose contract really changes: what they find, and what they cost."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from controlplane.base.models import User
from registry.models import Model
from tests.upstreams import Upstreams
from tests.versions.updating import a_model, document, judged
from versions import proposing, update_policy
from versions.compat import golden
from versions.models import Update, UpdateState

pytestmark = pytest.mark.django_db
NUMBER = 902
NAME = f"practice-chat-{NUMBER}"
RULES: dict[str, Any] = {
    "temperature": {"type": "float", "min": 0, "max": 2}, "max_tokens": {"type": "int", "min": 1},
    "top_k": {"type": "int", "min": 1, "max": 50},
}  # fmt: skip
PARAMS: dict[str, Any] = {
    "temperature": {"type": "float", "range": [0, 2]}, "max_tokens": {"type": "int", "range": [1, 100]},
    "top_k": {"type": "int", "range": [1, 50]},
}  # fmt: skip
LESS = {**PARAMS, "top_k": {"type": "int", "range": [1, 20]}}


@pytest.fixture
def contract(upstreams: Upstreams) -> Iterator["Contract"]:
    found = Contract(f"{upstreams.url}/control/m/{NUMBER}", f"{upstreams.url}/m/{NUMBER}")
    yield found
    found.set({})
    httpx.put(found.control, json={"current": ""}, trust_env=False, timeout=20)


class Contract:
    """The contract of one emulated model."""

    def __init__(self, control: str, endpoint: str) -> None:
        self.control, self.endpoint = control, endpoint

    def set(self, rules: dict[str, Any]) -> None:
        assert (
            httpx.put(f"{self.control}/v", json={"parameters": rules}, trust_env=False, timeout=20).status_code == 200
        )
        assert httpx.put(self.control, json={"current": "v"}, trust_env=False, timeout=20).status_code == 200


def spec(contract: Contract, params: Any = None, **more: Any) -> dict[str, Any]:
    return document(params=params or PARAMS, **{"endpoint": contract.endpoint, "upstream_model": NAME, **more})


def updated(model: Model, proposed: dict[str, Any]) -> Update:
    return judged(proposing.propose(None, model, proposed, origin="gitops"))


def test_a_compatible_change_with_green_tests_is_approved_by_itself(contract: Contract) -> None:
    contract.set({**RULES, "top_k": {"type": "int", "min": 1, "max": 20}})
    update = updated(a_model(spec(contract)), spec(contract, LESS))
    assert update.tests["failed"] == []
    assert (update.state, update.hot_fix, update.verdict) == (UpdateState.APPROVED, True, "compatible")
    kinds = update.tests["kinds"]
    assert kinds["boundary"]["passed"] > 10
    assert kinds["stream"] == {"passed": 1, "failed": 0, "skipped": 0}
    assert kinds["errors"]["passed"] == 1
    assert update.tests["speed"]["new_ms"] > 0
    assert update.tests["calls"] <= update.tests["budget"] == 60


def test_a_spec_that_hides_what_the_upstream_refuses_waits_for_a_person(contract: Contract) -> None:
    contract.set({**RULES, "top_k": {"type": "int", "min": 1, "max": 10}})
    update = updated(a_model(spec(contract)), spec(contract, LESS))
    assert (update.state, update.verdict) == (UpdateState.REVIEW, "compatible")
    assert "top_k: maximum" in {item["name"].removesuffix(", as before") for item in update.tests["failed"]}
    assert "above maximum value" in update.tests["failed"][0]["why"]
    assert update.reason.startswith("its tests failed (top_k")


def test_a_dead_candidate_is_red_and_says_what_was_not_tested() -> None:
    update = updated(a_model(document(params=PARAMS)), document(params=LESS))
    assert (update.state, update.tests["green"]) == (UpdateState.REVIEW, False)
    assert {item["why"] for item in update.tests["not_tested"]} == {"the smallest call was not answered"}
    assert update.tests["calls"] == 1


def test_the_budget_holds_and_what_it_left_out_is_said(contract: Contract) -> None:
    contract.set(RULES)
    admin = User.objects.create_user("ada", password="x", role="admin")
    update_policy.change(admin, {"test_calls": 16}, "m")
    update = updated(a_model(spec(contract)), spec(contract, {**PARAMS, "seed": {"type": "int"}}))
    assert update.tests["calls"] == 16
    assert any(item["why"] == "the budget of calls or time was used up" for item in update.tests["not_tested"])


def test_constraints_are_tried(contract: Contract) -> None:
    contract.set(RULES)
    rules = [
        {"exclusive": ["temperature", "top_k"]},
        {"when": "temperature", "above": 1, "requires": "top_k", "range": [1, 10]},
    ]
    update = updated(
        a_model(spec(contract, constraints=rules)),
        spec(contract, {**PARAMS, "seed": {"type": "int"}}, constraints=rules),
    )
    assert update.tests["kinds"]["constraint"] == {"passed": 2, "failed": 0, "skipped": 0}


def test_golden_answers_are_compared(contract: Contract) -> None:
    contract.set(RULES)
    eve = User.objects.create_user("eve", password="x", role="engineer")
    model = a_model(spec(contract))
    ask = {"inputs": "ping", "parameters": {"temperature": 0}}
    golden.pin(eve, model, "answers", ask, {"contains": ""})
    golden.pin(eve, model, "forty-two", ask, {"equals": "42"})
    golden.pin(eve, model, "too hot", {"inputs": "ping", "parameters": {"top_k": 50}}, {"contains": ""})
    contract.set({**RULES, "top_k": {"type": "int", "max": 20}})
    update = updated(model, spec(contract, {**PARAMS, "seed": {"type": "int"}}))
    assert update.tests["kinds"]["golden"] == {"passed": 1, "failed": 2, "skipped": 0}
    words = {item["name"]: item["why"] for item in update.tests["failed"] if item["kind"] == "golden"}
    assert words["forty-two"].endswith("and '42' was pinned")
    assert "above maximum value" in words["too hot"]


def test_a_slower_candidate_is_told_apart(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> None:
    contract.set(RULES)
    monkeypatch.setattr("versions.compat.speed.SLOWER", 0.0)
    monkeypatch.setattr("versions.compat.speed.MARGIN_MS", -1e9)
    update = updated(a_model(spec(contract)), spec(contract, {**PARAMS, "seed": {"type": "int"}}))
    assert [item["kind"] for item in update.tests["failed"] if item["kind"] == "speed"] == ["speed"]
