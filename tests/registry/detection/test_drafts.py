"""The form of detected models: which rows are ticked, and what a person's changes make of each document."""

import json
from typing import Any

import pytest

from controlplane.base.refusals import Invalid
from registry.detection import drafts

CHAT: dict[str, Any] = {
    "name": "org/chat",
    "type": "llm",
    "protocol": "openai",
    "endpoint": "http://h",
    "params": {
        "heat": {"type": "float", "default": 0.5, "range": [0, 2]},
        "length": {"type": "int", "range": [1, None]},
        "deep": {"type": "bool"},
        "style": {"type": "string"},
    },
}
OTHER = {"name": "other", "type": "embedding", "protocol": "openai", "endpoint": "http://h"}


def sent(**fields: str) -> dict[str, Any]:
    """What the one ticked row becomes with these fields of the form."""
    given = {name.replace("__", "-"): value for name, value in fields.items()}
    (document,) = drafts.documents({"draft": json.dumps([CHAT]), "m0-pick": "on", **given})
    return document


def test_a_form_without_changes_changes_nothing() -> None:
    assert sent() == CHAT


def test_only_ticked_rows_are_taken_in_their_order() -> None:
    text = json.dumps([CHAT, OTHER, {**OTHER, "name": "third"}])
    found = drafts.documents({"draft": text, "m2-pick": "on", "m0-pick": "on"})
    assert [document["name"] for document in found] == ["org/chat", "third"]
    with pytest.raises(Invalid, match="no model is ticked; tick at least one"):
        drafts.documents({"draft": text})


@pytest.mark.parametrize(
    ("draft", "words"),
    [
        (None, "missing or too large"),
        ("[" + " " * 600_000 + "]", "missing or too large"),
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("{}", "is no list of models"),
        ("[1]", "is no list of models"),
        (json.dumps([OTHER] * 201), "is no list of models"),
    ],
)
def test_a_draft_that_cannot_be_used_says_what_to_do(draft: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        drafts.documents({"draft": draft, "m0-pick": "on"})
    assert caught.value.code == "draft"
    assert str(caught.value).endswith("detect the address again")


def test_a_renamed_model_keeps_the_upstream_s_name() -> None:
    assert sent(m0__name=" chat ") == {**CHAT, "name": "chat", "upstream_model": "org/chat"}
    assert sent(m0__name="chat", m0__upstream_model="x")["upstream_model"] == "x"
    assert "upstream_model" not in sent(m0__name="  ")


@pytest.mark.parametrize(
    ("field", "key", "value"),
    [("m0__type", "type", "embedding"), ("protocol", "protocol", "ollama"), ("credential", "credential", "lab")],
)
def test_fields_that_a_person_changed(field: str, key: str, value: str) -> None:
    assert sent(**{field: value}) == {**CHAT, key: value}
    assert sent(**{field: ""}) == CHAT


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("heat", "0.7", 0.7),
        ("heat", "1", 1),
        ("heat", "1e-1", 0.1),
        ("length", " 20 ", 20),
        ("deep", "yes", True),
        ("deep", "Off", False),
        ("deep", "1", True),
        ("style", " a b ", "a b"),
        ("heat", "", None),
        ("heat", "  ", None),
    ],
)
def test_a_default_that_a_person_changed(name: str, text: str, value: Any) -> None:
    body = sent(**{f"m0__p__{name}__default": text})["params"][name]
    assert body.get("default") == value
    assert type(body.get("default")) is type(value)
    assert {key: item for key, item in body.items() if key != "default"} == {
        key: item for key, item in CHAT["params"][name].items() if key != "default"
    }


@pytest.mark.parametrize(
    ("low", "high", "limits"),
    [("0", "1", [0, 1]), ("", "1.5", [None, 1.5]), ("0.1", "", [0.1, None]), ("", "", None), (" ", " ", None)],
)
def test_a_range_that_a_person_changed(low: str, high: str, limits: Any) -> None:
    body = sent(m0__p__heat__low=low, m0__p__heat__high=high)["params"]["heat"]
    assert body.get("range") == limits
    assert body["default"] == 0.5


@pytest.mark.parametrize("field", ["default", "low", "high"])
@pytest.mark.parametrize(
    ("text", "words"), [("hot", "is no number"), ("inf", "is no finite number"), ("nan", "is no finite number")]
)
def test_a_number_that_is_none_names_its_parameter(field: str, text: str, words: str) -> None:
    fields = {"m0__p__heat__low": "0", f"m0__p__heat__{field}": text}
    with pytest.raises(Invalid, match=f"heat: '{text}' {words}"):
        sent(**fields)


def test_a_parameter_that_a_person_left_out() -> None:
    assert set(sent(m0__p__heat__drop="on")["params"]) == {"length", "deep", "style"}


def test_parameters_of_another_form_are_left_to_the_reader() -> None:
    text = json.dumps([{**OTHER, "params": {"heat": 7}}, {**OTHER, "params": 7}])
    first, second = drafts.documents({"draft": text, "m0-pick": "on", "m1-pick": "on"})
    assert (first["params"], second["params"]) == ({}, 7)


def test_a_row_shows_each_parameter_with_its_origin() -> None:
    (row,) = drafts.rows([CHAT], [{"type": "detected", "length": "detected"}])
    assert (row["prefix"], row["type_origin"], row["ticked"], row["here"]) == ("m0-", "detected", True, False)
    heat, length, *_ = row["parameters"]
    assert heat == {
        "name": "heat",
        "origin": "assumed",
        "low": 0,
        "high": 2,
        "type": "float",
        "default": 0.5,
        "upstream": "",
    }
    assert (length["origin"], length["low"], length["high"]) == ("detected", 1, None)


@pytest.mark.parametrize(
    ("count", "here", "ticked"),
    [
        (1, [], ["m0"]),
        (8, [], [f"m{n}" for n in range(8)]),
        (9, [], ["m0"]),
        (9, ["m0"], [f"m{n}" for n in range(1, 9)]),
        (2, ["m0", "m1"], []),
    ],
)
def test_few_new_models_are_ticked_and_of_many_the_first(count: int, here: list[str], ticked: list[str]) -> None:
    found = drafts.rows([{**OTHER, "name": f"m{number}"} for number in range(count)], [], here)
    assert [row["document"]["name"] for row in found if row["ticked"]] == ticked
    assert [row["document"]["name"] for row in found if row["here"]] == here


def test_no_more_rows_are_shown_than_a_form_takes() -> None:
    assert len(drafts.rows([{**OTHER, "name": f"m{number}"} for number in range(250)], [])) == drafts.MOST


def test_a_blank_draft_asks_for_a_name() -> None:
    assert drafts.blank("http://h", "openai") == {
        "name": "",
        "type": "llm",
        "protocol": "openai",
        "endpoint": "http://h",
    }
