"""Parameters that a release takes and drops, and that a later version of the upstream takes again."""

from typing import Any

import pytest

from tests.versions.test_verdict import update_to
from tests.versions.updating import a_model, document, with_params
from versions.models import UpdateState
from versions.verdict import returned

pytestmark = pytest.mark.django_db


def test_a_dropped_parameter_that_comes_back_narrower_is_clamped_for_those_who_gave_it_all_the_while() -> None:
    dropped = {"type": "int", "range": [1, 1000], "sent": False}
    update = update_to(
        a_model(document(params=with_params(steps=dropped))), with_params(steps={"type": "int", "range": [1, 100]})
    )
    assert update.verdict == "compatible"
    assert update.release is not None
    assert update.release.spec["params"]["steps"]["outside"] == "clamp"
    assert "sent" not in update.release.spec["params"]["steps"]


def test_a_dropped_parameter_that_comes_back_as_another_type_is_for_a_person() -> None:
    dropped = {"type": "int", "range": [1, 1000], "sent": False}
    update = update_to(a_model(document(params=with_params(steps=dropped))), with_params(steps={"type": "bool"}))
    assert (update.state, update.verdict) == (UpdateState.REVIEW, "breaking")


@pytest.mark.parametrize(
    ("new", "expected"),
    [({}, {"a"}), ({"b": {"type": "int"}}, {"a", "b"}), ({"b": {"type": "int", "sent": False}}, {"a"})],
)
def test_only_what_is_sent_again_counts_for_the_old_side(new: dict[str, Any], expected: set[str]) -> None:
    old: dict[str, Any] = {"params": {"a": {"type": "int"}, "b": {"type": "int", "range": [1, 9], "sent": False}}}
    side = returned(old, {"params": new})
    assert side["params"].keys() == expected
    assert old["params"]["b"]["sent"] is False
