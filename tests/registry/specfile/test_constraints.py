"""Conditions over several parameters, and names on the wire that two parameters would share."""

from typing import Any

import pytest

from registry.spec import Constraint
from tests.registry.specfile.rows import good, told

CONSTRAINT = "{exclusive: [a, b]} or {when: a, above: 1, requires: b, range: [low, high]}"
APART = "at least two different parameter names, and no other key but outside"


@pytest.mark.parametrize("outside", ["refuse", "clamp"])
def test_constraints_of_both_kinds(outside: str) -> None:
    rows: list[Any] = [
        {"exclusive": ["a", "b", "c"], "outside": outside},
        {"when": "a", "above": 1, "requires": "b", "range": [None, 0.5], "outside": outside},
    ]
    assert good(constraints=rows).constraints == (
        Constraint("exclusive", ("a", "b", "c"), outside=outside),
        Constraint("requires", ("b",), "a", 1.0, None, 0.5, outside),
    )


@pytest.mark.parametrize(
    ("body", "place", "sentence"),
    [
        (3, "", f"constraints[0] is 3; expected {CONSTRAINT}"),
        ({}, "", f"constraints[0] is a mapping with no keys; expected {CONSTRAINT}"),
        (
            {"exclusive": ["a", "b"], "requires": "c"},
            "",
            f"constraints[0] is a mapping with exclusive, requires; expected {CONSTRAINT}",
        ),
        ({"requires": "a"}, "", f"constraints[0] is a mapping with requires; expected {CONSTRAINT}"),
        (
            {"when": "a", "above": "x", "requires": "b"},
            "",
            f"constraints[0] is a mapping with when, above, requires; expected {CONSTRAINT}",
        ),
        ({"exclusive": ["a"]}, ".exclusive", f"exclusive is ['a']; expected {APART}"),
        ({"exclusive": ["a", "a"]}, ".exclusive", f"exclusive is ['a', 'a']; expected {APART}"),
        ({"exclusive": ["a", "b c"]}, ".exclusive", f"exclusive is ['a', 'b c']; expected {APART}"),
        ({"exclusive": "a"}, ".exclusive", f"exclusive is 'a'; expected {APART}"),
        ({"exclusive": ["a", "b"], "range": [0, 1]}, ".exclusive", f"exclusive is ['a', 'b']; expected {APART}"),
        (
            {"when": "a", "above": 1, "requires": "b", "range": [1, 0]},
            ".range",
            "range [1, 0] is reversed; write [0, 1]",
        ),
        (
            {"when": "a", "above": 1, "requires": "b"},
            ".range",
            "range is null; expected two numbers [low, high]",
        ),
        (
            {"exclusive": ["a", "b"], "outside": "clmp"},
            ".outside",
            "outside is 'clmp'; expected refuse or clamp. Did you mean 'clamp'?",
        ),
    ],
)
def test_a_wrong_constraint_says_why(body: Any, place: str, sentence: str) -> None:
    assert told(constraints=[body]) == [(f"constraints[0]{place}", sentence)]


def test_fifty_constraints_are_taken_and_no_more() -> None:
    body = {"exclusive": ["a", "b"]}
    assert len(good(constraints=[body] * 50).constraints) == 50
    expected = "a list of at most 50 constraints, such as {exclusive: [temperature, top_p]}"
    assert told(constraints=[body] * 51) == [("constraints", f"constraints is a list of 51 items; expected {expected}")]
    assert told(constraints={}) == [("constraints", f"constraints is a mapping with no keys; expected {expected}")]


@pytest.mark.parametrize(
    ("protocol", "params", "pair"),
    [
        ("openai", {"x": {}, "y": {"upstream": "x"}}, ("y", "x", "x")),
        ("openai", {"x": {"upstream": "z"}, "y": {"upstream": "z"}}, ("y", "x", "z")),
        ("ollama", {"max_tokens": {}, "num_predict": {}}, ("num_predict", "max_tokens", "options.num_predict")),
        ("ollama", {"a": {"upstream": "options.seed"}, "seed": {}}, ("seed", "a", "options.seed")),
    ],
)
def test_two_parameters_never_travel_under_one_name(
    protocol: str, params: dict[str, Any], pair: tuple[str, str, str]
) -> None:
    typed = {name: {"type": "int", **body} for name, body in params.items()}
    second, first, path = pair
    sentence = f"{second!r} and {first!r} would both be sent as {path!r}; remove one or change its `upstream`"
    assert told(protocol=protocol, params=typed) == [(f"params.{second}", sentence)]
