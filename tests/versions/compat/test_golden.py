"""Golden answers: who may pin them, what is no golden answer, and how answers are compared."""

from typing import Any

import pytest
from msgspec.json import encode

from controlplane.base.access import Forbidden
from controlplane.base.models import Change, User
from controlplane.base.refusals import Conflict, Invalid, Missing
from registry.canon import Reply, Task
from tests.versions.updating import a_model, an_engineer
from versions.compat import golden

ASK = {"inputs": "ping"}
SAYS = {"contains": "pong"}


@pytest.mark.django_db
def test_pinned_listed_and_taken_away_with_a_trail() -> None:
    eve, model = an_engineer(), a_model()
    row = golden.pin(eve, model, " pong ", ASK, SAYS)
    assert [item.name for item in golden.of_model(eve, model)] == ["pong"]
    with pytest.raises(Conflict, match="has a golden answer 'pong'"):
        golden.pin(eve, model, "pong", ASK, SAYS)
    golden.unpin(eve, row.pk)
    with pytest.raises(Missing):
        golden.unpin(eve, row.pk)
    assert list(Change.objects.order_by("pk").values_list("verb", flat=True)) == ["golden.pin", "golden.unpin"]


@pytest.mark.django_db
def test_a_viewer_may_not_pin() -> None:
    with pytest.raises(Forbidden):
        golden.pin(User(role="viewer"), a_model(), "x", ASK, SAYS)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "request_", "expected", "code"),
    [
        ("", ASK, SAYS, "name"),
        ("x" * 201, ASK, SAYS, "name"),
        ("x", {}, SAYS, "request"),
        ("x", {"inputs": "a", "other": 1}, SAYS, "request"),
        ("x", {"inputs": "a" * 70_000}, SAYS, "request"),
        ("x", {"inputs": {1, 2}, "parameters": object()}, SAYS, "request"),
        ("x", ASK, {}, "expected"),
        ("x", ASK, {"contains": "a", "equals": "b"}, "expected"),
        ("x", ASK, {"matches": "a"}, "expected"),
        ("x", ASK, {"contains": 4}, "expected"),
        ("x", ASK, {"one_of": []}, "expected"),
        ("x", ASK, {"contains": "a", "path": 4}, "expected"),
    ],
)
def test_what_is_no_golden_answer(name: str, request_: Any, expected: Any, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        golden.pin(an_engineer(), a_model(), name, request_, expected)
    assert refused.value.code == code


CHAT = Reply(encode({"choices": [{"message": {"role": "assistant", "content": " It is 42. "}}]}))


@pytest.mark.parametrize(
    ("expected", "fits"),
    [
        ({"contains": "42"}, True),
        ({"contains": "IT IS"}, False),
        ({"contains": "IT IS", "ignore_case": True}, True),
        ({"equals": " It is 42. "}, True),
        ({"equals": "it is 42.", "ignore_case": True}, True),
        ({"one_of": ["41", " It is 42. "]}, True),
        ({"equals": "assistant", "path": "outputs.0.role"}, True),
        ({"equals": 1, "path": "outputs.9.role"}, False),
    ],
)
def test_how_an_answer_is_compared(expected: dict[str, Any], fits: bool) -> None:
    assert (golden.differs(expected, Task.CHAT, CHAT) == "") is fits


def test_a_difference_says_both_sides() -> None:
    told = golden.differs({"equals": "41"}, Task.CHAT, CHAT)
    assert told == "outputs.0.content is ' It is 42. ', and '41' was pinned"
