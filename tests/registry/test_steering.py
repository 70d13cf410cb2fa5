"""Fields by which a caller could steer an upstream are refused under every spelling, and others are not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.json import encode

from registry.canon import Failure, FailureKind
from registry.steering import ANYWHERE, AT_TOP, CONTENT, refuse_steering, steers


def refused(name: str, value: Any) -> str | None:
    """The field that is refused in a call with this field; None if the call may travel."""
    try:
        refuse_steering([("heat", Raw(b"1")), (name, Raw(encode(value)))])
    except Failure as failure:
        return failure.parameter
    return None


SPELLED = [
    "api_base", "apiBase", "API-BASE", "api base", "base_url", "baseURL", "api_key", "apikey", "x_api_key",
    "my_base_url", "extra_headers", "Extra-Headers", "extra_body", "authorization", "litellm_params",
    "litellm-metadata", "aws_secret_access_key", "awsRegionName", "vertex_credentials", "langfuse_host",
    "custom_llm_provider", "azure_ad_token", "proxy_url", "options.api_key", "a.b.base_url.c", "access_token",
]  # fmt: skip


@pytest.mark.parametrize("name", SPELLED)
def test_every_spelling_steers_at_the_top_and_inside(name: str) -> None:
    assert refused(name, "x") == name
    if "." not in name:
        assert refused("options", {"a": {name: 1}}) == f"options.a.{name}"


@pytest.mark.parametrize(
    "name", ["models", "fallbacks", "headers", "proxy", "webhook_url", "user_config", "api_version"]
)
def test_some_words_steer_at_the_top_alone(name: str) -> None:
    assert refused(name, "x") == name
    assert refused("options", {name: 1}) is None


@pytest.mark.parametrize(
    "name",
    [
        "temperature", "top_p", "model", "messages", "user", "seed", "stop", "tools", "base", "key", "url", "api",
        "keys", "header", "options", "token", "max_tokens", "logit_bias", "store", "metadata", "n", "", "apikeyless",
    ],
)  # fmt: skip
def test_ordinary_fields_do_not_steer(name: str) -> None:
    assert not steers(name)
    assert refused(name, "x") is None


def test_a_name_that_is_too_long_to_be_any_does_not_steer() -> None:
    assert not steers("a" * 100 + "apikey")


@pytest.mark.parametrize("name", sorted(CONTENT))
def test_the_caller_s_own_matter_is_not_looked_into(name: str) -> None:
    assert refused(name, [{"properties": {"api_key": {"type": "string"}, "base_url": 1}}]) is None


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"api_key": 1}, "options.api_key"),
        ([{"a": 1}, {"base_url": 1}], "options.1.base_url"),
        ({"a": [{"b": {"extra_body": 1}}]}, "options.a.0.b.extra_body"),
        ({"a": [{"b": {"c": {"extra_body": 1}}}]}, None),
        ({"a": {"b": {"extra_body": 1}}}, "options.a.b.extra_body"),
        ({"a": "api_key"}, None),
        ("api_key", None),
        (7, None),
        ([], None),
    ],
)
def test_how_deep_is_looked(value: Any, found: str | None) -> None:
    assert refused("options", value) == found


def test_a_refusal_names_the_field_and_the_way_out() -> None:
    with pytest.raises(Failure) as caught:
        refuse_steering([("options", {"api_key": "sk-1"})])
    failure = caught.value
    assert (failure.kind, failure.code) == (FailureKind.INVALID_REQUEST, "parameter_not_allowed")
    assert failure.message.startswith("Parameter 'options.api_key' would tell the upstream where to call")
    assert failure.message.endswith("have an engineer declare it in the model's spec.")
    assert "sk-1" not in failure.message


@pytest.mark.parametrize("raw", [b"{", b'{"api_key"', b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_left_to_others(raw: bytes) -> None:
    refuse_steering([("options", Raw(raw))])


@given(st.sampled_from(sorted(AT_TOP)), st.data())
def test_joints_and_case_hide_nothing(word: str, data: st.DataObject) -> None:
    joints = data.draw(st.lists(st.sampled_from(["", "_", "-", " "]), min_size=len(word), max_size=len(word)))
    spelled = "".join(letter + joint for letter, joint in zip(word, joints, strict=True))
    assert steers(data.draw(st.sampled_from([spelled, spelled.upper(), spelled.title(), f"x.{spelled}.y"])))


def test_what_steers_anywhere_steers_at_the_top() -> None:
    assert ANYWHERE <= AT_TOP
