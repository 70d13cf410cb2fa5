"""Parameters: nothing that a caller gives is lost in silence, and what is sent lies where the upstream wants it."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.json import encode

from registry.canon import Adaptation, Failure, FailureKind, Request, Task
from registry.protocols.compiler.adapters import compile_adapter
from registry.protocols.compiler.catalog import PROTOCOLS
from registry.spec import Spec
from registry.specfile.file import read

CHATTERS = ("openai", "anthropic", "huggingface", "ollama")
MESSAGES = [{"role": "user", "content": "hi"}]


def spec_of(protocol: str, params: dict[str, Any] | None = None, **more: Any) -> Spec:
    """A language model."""
    row = {"name": "m", "type": "llm", "protocol": protocol, "endpoint": "http://h"}
    return read({**row, "params": params or {}, **more})


def send(spec: Spec, fields: dict[str, Any], *, strict: bool = False) -> tuple[dict[str, Any], tuple[Adaptation, ...]]:
    """The body on the wire of a chat call, and what was adapted."""
    raw = {key: Raw(encode(value)) for key, value in {"messages": MESSAGES, **fields}.items()}
    operation = compile_adapter(spec).operations[Task.CHAT]
    encoded = operation.encode(Request(Task.CHAT, raw, strict=strict), "up")
    return json.loads(encoded.wire.body), encoded.adapted


def refusal(spec: Spec, fields: dict[str, Any], *, strict: bool = False) -> Failure:
    """The failure of a chat call that is refused."""
    with pytest.raises(Failure) as caught:
        send(spec, fields, strict=strict)
    assert caught.value.kind is FailureKind.INVALID_REQUEST
    return caught.value


def keys_of(value: Any) -> set[str]:
    """Every key at any depth."""
    if isinstance(value, dict):
        return set(value).union(*(keys_of(item) for item in value.values()))
    return set().union(*(keys_of(item) for item in value)) if isinstance(value, list) else set()


HEAT = {"temperature": {"type": "float", "range": [0, 2], "upstream": "creative_level", "convert": {"range": [0, 10]}}}


def test_the_founding_conversion() -> None:
    body, adapted = send(spec_of("openai", HEAT), {"temperature": 1.4})
    assert body["creative_level"] == 7.0
    assert "temperature" not in body
    assert [(item.parameter, item.action, item.given, item.sent) for item in adapted] == [
        ("temperature", "converted", 1.4, 7.0),
        ("temperature", "renamed", "temperature", "creative_level"),
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (3, "from 0 to 2"),
        (-1, "from 0 to 2"),
        ("1", "a number"),
        (True, "a number"),
        ([], "a number"),
        ({}, "a number"),
    ],
)
def test_values_that_are_refused_are_named(value: Any, words: str) -> None:
    failure = refusal(spec_of("openai", HEAT), {"temperature": value})
    assert failure.parameter == "temperature"
    assert words in failure.message
    assert json.dumps(value) in failure.message


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("int", 3, 3.5),
        ("bool", False, 0),
        ("string", "a", 1),
        ("array", [1], "a"),
        ("object", {"a": 1}, []),
        ("float", 1, "x"),
    ],
)
def test_types(kind: str, good: Any, bad: Any) -> None:
    spec = spec_of("openai", {"x": {"type": kind}})
    assert send(spec, {"x": good})[0]["x"] == good
    assert send(spec, {"x": None})[0]["x"] is None
    assert refusal(spec, {"x": bad}).parameter == "x"


def test_clamping_is_told_and_refused_where_strict() -> None:
    spec = spec_of("openai", {"top_k": {"type": "int", "range": [1, 40], "outside": "clamp"}})
    body, adapted = send(spec, {"top_k": 99})
    assert (body["top_k"], adapted) == (40, (Adaptation("top_k", "clamped", 99, 40),))
    assert send(spec, {"top_k": 7}) == ({"model": "up", "messages": MESSAGES, "top_k": 7}, ())
    assert refusal(spec, {"top_k": 99}, strict=True).code == "parameter_clamped"


def test_options_and_their_upstream_names() -> None:
    style = {"type": "string", "options": ["calm", "wild"], "values": {"calm": 0, "wild": "w9"}}
    assert send(spec_of("openai", {"style": style}), {"style": "wild"})[0]["style"] == "w9"
    assert send(spec_of("openai", {"style": style}), {"style": "calm"})[0]["style"] == 0
    failure = refusal(spec_of("openai", {"style": style}), {"style": "loud"})
    assert '"calm", "wild"' in failure.message
    clamped = {**style, "default": "calm", "outside": "clamp"}
    body, adapted = send(spec_of("openai", {"style": clamped}), {"style": "loud"})
    assert body["style"] == 0
    assert adapted[0] == Adaptation("style", "clamped", "loud", "calm")


def test_bool_and_number_options_are_not_confused() -> None:
    spec = spec_of("openai", {"x": {"type": "int", "options": [0, 1]}})
    assert refusal(spec, {"x": True}).parameter == "x"


def test_required_and_defaults() -> None:
    spec = spec_of("openai", {"seed": {"type": "int", "required": True}, "k": {"type": "array", "default": [1, 2]}})
    assert refusal(spec, {}).parameter == "seed"
    assert refusal(spec, {"seed": None}).parameter == "seed"
    body, adapted = send(spec, {"seed": 0, "k": None})
    assert (body["seed"], body["k"]) == (0, [1, 2])
    assert adapted == (Adaptation("k", "defaulted", None, "[1,2]"),)


def test_parameters_that_exclude_each_other() -> None:
    params = {"temperature": {"type": "float", "default": 0.7}, "top_p": {"type": "float"}}
    spec = spec_of("openai", params, constraints=[{"exclusive": ["temperature", "top_p"]}])
    assert send(spec, {"top_p": 0.5})[0] == {"model": "up", "messages": MESSAGES, "top_p": 0.5}
    assert send(spec, {})[0]["temperature"] == 0.7
    assert refusal(spec, {"top_p": 0.5, "temperature": 1}).parameter == "top_p"
    lenient = spec_of("openai", params, constraints=[{"exclusive": ["temperature", "top_p"], "outside": "clamp"}])
    body, adapted = send(lenient, {"top_p": 0.5, "temperature": 1})
    assert ("top_p" in body, adapted[0].action) == (False, "dropped")


def test_conditional_range() -> None:
    rule = {"when": "n", "above": 1, "requires": "temperature", "range": [0.3, None]}
    spec = spec_of("openai", constraints=[rule])
    assert send(spec, {"n": 1, "temperature": 0})[0]["temperature"] == 0
    assert "because 'n' is 2" in refusal(spec, {"n": 2, "temperature": 0}).message
    body, _ = send(spec_of("openai", constraints=[{**rule, "outside": "clamp"}]), {"n": 2})
    assert body["temperature"] == 0.3


def test_max_tokens_and_its_newer_name_are_one() -> None:
    spec = spec_of("openai", {"max_tokens": {"type": "int", "default": 2000, "range": [1, 4000]}})
    body, adapted = send(spec, {"max_completion_tokens": 10})
    assert (body["max_tokens"], "max_completion_tokens" in body, adapted[0].action) == (10, False, "renamed")
    assert refusal(spec, {"max_completion_tokens": 9999}).code == "parameter_out_of_range"
    assert send(spec_of("openai"), {"max_completion_tokens": 10})[0]["max_completion_tokens"] == 10


def test_a_field_under_the_upstreams_name_does_not_slip_past_the_spec() -> None:
    body, adapted = send(spec_of("openai", HEAT), {"creative_level": 99})
    assert "creative_level" not in body
    assert adapted[0] == Adaptation("creative_level", "dropped", 99, None)


def test_bare_openai_calls_travel_as_raw_bytes() -> None:
    odd = b'{"a": 1.50, "b": [1e3 , "\\u00e9"]}'
    fields = {"messages": Raw(b'[ {"role":"user"} ]'), "x": Raw(odd)}
    encoded = compile_adapter(spec_of("openai")).operations[Task.CHAT].encode(Request(Task.CHAT, fields), "up")
    assert encoded.wire.body == b'{"model":"up","messages":[ {"role":"user"} ],"x":' + odd + b"}"


@pytest.mark.parametrize("protocol", CHATTERS)
@pytest.mark.parametrize("messages", [None, 7, "hi", [], [3], [{"role": "boss"}], [{"role": "user", "content": 3}], {}])
def test_messages_of_another_form(protocol: str, messages: Any) -> None:
    spec = spec_of(protocol)
    if protocol == "openai" and messages is not None:
        assert send(spec, {"messages": messages})[0]["messages"] == messages
        return
    failure = refusal(spec, {"messages": messages})
    assert failure.parameter == "messages"


NAMES = [
    "temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "stop", "n", "seed", "user", "logprobs",
    "tools", "tool_choice", "response_format", "frequency_penalty", "presence_penalty", "logit_bias", "stream_options",
    "options", "parallel_tool_calls", "reasoning_effort", "metadata", "store", "service_tier", "creative_level",
    "parameters", "x-y", "a.b", "thinking", "output_config", "cache_control", "think", "functions", "function_call",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-3, 3) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "a"]), inner, max_size=2),
    max_leaves=4,
)
FIELDS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8)
PARAMS = st.sampled_from(
    [
        {},
        HEAT,
        {"temperature": {"type": "float", "range": [0, 1], "outside": "clamp"}, "top_k": {"type": "int"}},
        {"max_tokens": {"type": "int", "default": 5}, "x-y": {"type": "string", "upstream": "deep.er.name"}},
    ]
)


@given(st.sampled_from(CHATTERS), PARAMS, FIELDS)
def test_nothing_is_lost_in_silence(protocol: str, params: dict[str, Any], fields: dict[str, Any]) -> None:
    """Each field is on the wire, told as adapted, documented as meaningless, or the call is refused naming it."""
    spec = spec_of(protocol, params)
    names = set(fields) | ({"max_tokens"} if "max_completion_tokens" in fields else set())
    try:
        body, adapted = send(spec, fields)
    except Failure as failure:
        told = {str(failure.parameter)}
    else:
        operation = PROTOCOLS[protocol].operations[Task.CHAT]
        idle = {
            key
            for key, values in operation.without_effect.items()
            if key in fields and (not values or fields[key] in values)
        }
        told = {item.parameter for item in adapted} | keys_of(body) | idle
        names = {key for key, value in fields.items() if value is not None}
        assert names <= told
    assert told & names or not names


@given(st.sampled_from(CHATTERS), PARAMS, FIELDS)
def test_strict_loses_nothing(protocol: str, params: dict[str, Any], fields: dict[str, Any]) -> None:
    spec = spec_of(protocol, params)
    adapted: tuple[Adaptation, ...] = ()
    with suppress(Failure):
        _, adapted = send(spec, fields, strict=True)
    assert not [item for item in adapted if item.action in ("dropped", "clamped")]


@given(st.floats(0, 2), st.floats(0, 2))
def test_conversion_keeps_order_and_range(one: float, other: float) -> None:
    spec = spec_of("openai", HEAT)
    first, second = (send(spec, {"temperature": value})[0]["creative_level"] for value in (one, other))
    assert 0 <= first <= 10
    assert (one <= other) == (first <= second) or abs(one - other) < 1e-9


@given(st.integers(-(10**12), 10**12) | st.floats(-1e9, 1e9))
def test_clamping_lands_in_range(value: float) -> None:
    spec = spec_of("openai", {"t": {"type": "float", "range": [-1, 1], "outside": "clamp"}})
    sent = send(spec, {"t": value})[0]["t"]
    assert -1 <= sent <= 1
    assert sent == value or not -1 <= value <= 1
