"""Nothing inside a message, part or tool is lost in silence: each field is sent, or told, or the call is refused."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.json import encode

from registry.canon import Adaptation, Failure, FailureKind, Request, Task
from registry.protocols.compiler.adapters import compile_adapter
from registry.specfile.file import read

CHATTERS = ("anthropic", "ollama", "huggingface")
LOSSES = ("dropped", "clamped")
CACHED = {"cache_control": {"type": "ephemeral"}}


def send(protocol: str, fields: dict[str, Any], *, strict: bool = False) -> tuple[Any, tuple[Adaptation, ...]]:
    """The body on the wire of a chat call, and what was adapted."""
    spec = read({"name": "m", "type": "llm", "protocol": protocol, "endpoint": "http://h"})
    raw = {key: Raw(encode(value)) for key, value in fields.items()}
    encoded = compile_adapter(spec).operations[Task.CHAT].encode(Request(Task.CHAT, raw, strict=strict), "up")
    return json.loads(encoded.wire.body), encoded.adapted


def attempt(
    protocol: str, fields: dict[str, Any], *, strict: bool = False
) -> tuple[Any, tuple[Adaptation, ...]] | None:
    """What `send` gives; None if the call is refused, with a name of what is wrong."""
    refusal: Failure | None = None
    try:
        return send(protocol, fields, strict=strict)
    except Failure as failure:
        refusal = failure
    assert refusal.kind is FailureKind.INVALID_REQUEST
    assert refusal.parameter
    return None


class Calls:
    """Draws the documented fields of a chat call; every text is another one, so that it can be found on the wire."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw, self.number = draw, 0

    def text(self) -> str:
        """A text that occurs nowhere else."""
        self.number += 1
        return f"mark-{self.number}-end"

    def maybe(self, **fields: Any) -> dict[str, Any]:
        """Some of the fields."""
        return {key: value for key, value in fields.items() if self.draw(st.booleans())}

    def part(self, kind: str) -> dict[str, Any]:
        """One content part."""
        data = base64.b64encode(self.text().encode()).decode()
        detail = self.draw(st.sampled_from(["auto", "low", "high"]))
        bodies: dict[str, dict[str, Any]] = {
            "text": {"text": self.text()},
            "refusal": {"refusal": self.text()},
            "image_url": {"image_url": {"url": f"data:image/png;base64,{data}", **self.maybe(detail=detail)}},
            "input_audio": {"input_audio": {"data": data, "format": "wav"}},
            "file": {"file": self.maybe(file_data=data, file_id=self.text(), filename=self.text())},
        }
        return {"type": kind, **bodies[kind], **self.maybe(**CACHED)}

    def content(self, *kinds: str) -> Any:
        """Text, or a list of parts."""
        if self.draw(st.booleans()):
            return self.text()
        return [self.part(kind) for kind in self.draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=3))]

    def function(self) -> dict[str, Any]:
        """The function of a call."""
        return {"name": self.text(), "arguments": json.dumps({"hue": self.text()})}

    def assistant(self) -> list[dict[str, Any]]:
        """An answer with everything that it may hold, and the answers to its calls."""
        calls = [{"id": self.text(), "type": "function", "function": self.function()}]
        thought = {"type": "thinking", "thinking": self.text(), "signature": self.text()}
        message = {
            "role": "assistant",
            "content": self.draw(st.none()) if self.draw(st.booleans()) else self.content("text", "refusal"),
            **self.maybe(
                refusal=self.text(),
                name=self.text(),
                audio={"id": self.text()},
                reasoning_content=self.text(),
                thinking_blocks=[thought, {"type": "redacted_thinking", "data": self.text()}],
                annotations=[{"type": "url_citation", "url_citation": {"url": self.text()}}],
                tool_calls=calls,
                function_call=self.function(),
            ),
        }
        replies = []
        if "tool_calls" in message:
            said = self.content("text")
            replies.append({"role": "tool", "tool_call_id": calls[0]["id"], "content": said, **self.maybe(**CACHED)})
        if "function_call" in message:
            replies.append({"role": "function", "name": message["function_call"]["name"], "content": self.text()})
        return [message, *replies]

    def messages(self) -> list[dict[str, Any]]:
        """A conversation."""
        role = self.draw(st.sampled_from(["system", "developer"]))
        found = [{"role": role, "content": self.content("text"), **self.maybe(name=self.text(), **CACHED)}]
        kinds = ["text", "image_url", "input_audio", "file"] if self.draw(st.integers(0, 3)) == 0 else ["text"]
        kinds += ["image_url"] if self.draw(st.booleans()) else []
        found.append({"role": "user", "content": self.content(*kinds), **self.maybe(name=self.text(), **CACHED)})
        return [*found, *self.assistant(), {"role": "user", "content": self.text()}]

    def tool(self) -> dict[str, Any]:
        """One tool."""
        schema = {"type": "object", "properties": {self.text(): {"type": "string"}}}
        more = self.maybe(description=self.text(), parameters=schema, strict=self.draw(st.booleans()))
        return {"type": "function", "function": {"name": self.text(), **more}, **self.maybe(**CACHED)}

    def call(self) -> dict[str, Any]:
        """A whole call."""
        tool = self.tool()
        name = tool["function"]["name"]
        choices = ["auto", "none", "required", {"type": "function", "function": {"name": name}}]
        allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function"}]}}
        return {
            "messages": self.messages(),
            **self.maybe(
                tools=[tool],
                tool_choice=self.draw(st.sampled_from([*choices, allowed])),
                functions=[{"name": self.text(), "parameters": {}}],
                function_call={"name": self.text()},
                **{"a.b": self.text()},
            ),
        }


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """A chat call with any of the documented fields."""
    return Calls(draw).call()


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Every value that is no list or object, with its path and the name of its field."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{index}]")
    elif value not in (None, ""):
        yield path, path.rpartition(".")[2], value


def sent(field: str, value: Any, body: Any) -> bool:
    """Whether a leaf is on the wire."""
    if field == "arguments":
        value = json.loads(value)["hue"]
    if field == "url" and str(value).startswith("data:"):
        value = str(value).partition(",")[2]
    if field == "tool_choice" and value in ("auto", "none", "required"):
        return "tool_choice" in body
    if field == "strict":
        return f'"strict": {json.dumps(value)}' in json.dumps(body)
    return str(value) in json.dumps(body)


def told(path: str, adapted: tuple[Adaptation, ...]) -> bool:
    """Whether a leaf, or something that it is a part of, is told as adapted."""
    return any(path == item.parameter or path.startswith((f"{item.parameter}.", f"{item.parameter}["))
               for item in adapted)  # fmt: skip


def lost(fields: dict[str, Any], body: Any, adapted: tuple[Adaptation, ...]) -> list[str]:
    """The paths that are neither sent nor told. Roles and types only say of what kind something is."""
    return [
        path
        for path, field, value in leaves(fields)
        if field not in ("role", "type", "mode") and not sent(field, value, body) and not told(path, adapted)
    ]


@given(st.sampled_from(CHATTERS), calls())
def test_each_field_is_sent_or_told_or_the_call_is_refused(protocol: str, fields: dict[str, Any]) -> None:
    found = attempt(protocol, fields)
    if found is None:
        return
    body, adapted = found
    idle = (
        ["tool_choice"] if protocol == "ollama" and fields.get("tools") and fields.get("tool_choice") == "auto" else []
    )
    assert lost(fields, body, adapted) == idle


@given(st.sampled_from(CHATTERS), calls())
def test_a_strict_call_loses_nothing(protocol: str, fields: dict[str, Any]) -> None:
    found = attempt(protocol, fields, strict=True)
    if found is None:
        return
    body, adapted = found
    assert not [item for item in adapted if item.action in LOSSES]
    assert set(lost(fields, body, adapted)) <= {"tool_choice"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab ", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["type", "text", "content", "role", "id", "function", "name", "image_url", "url", "a.b"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
ENTRIES = st.dictionaries(
    st.sampled_from(["content", "name", "tool_calls", "function_call", "refusal", "thinking_blocks", "tool_call_id"]),
    JSON,
    max_size=4,
)


@given(st.sampled_from(CHATTERS), st.lists(ENTRIES, min_size=1, max_size=3), st.data(), st.booleans())
def test_messages_of_any_form_are_sent_or_refused(
    protocol: str, entries: list[dict[str, Any]], data: st.DataObject, strict: bool
) -> None:
    roles = st.sampled_from(["system", "user", "assistant", "tool", "function"])
    fields = {"messages": [{"role": data.draw(roles), **entry} for entry in entries]}
    attempt(protocol, fields, strict=strict)


PNG = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize("protocol", CHATTERS)
@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"messages": [{"role": "user", "content": "x", "name": "Ada"}]}, "messages[0].name"),
        (
            {
                "messages": [
                    {"role": "user", "content": "x"},
                    {"role": "assistant", "content": "y", "audio": {"id": "a"}},
                ]
            },
            "messages[1].audio",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "sparkle": 1}]}]},
            "messages[0].content[0].sparkle",
        ),
        ({"messages": [{"role": "user", "content": "x"}], "tool_choice": "required"}, "tool_choice"),
        ({"messages": [{"role": "user", "content": "x"}], "tool_choice": "none"}, "tool_choice"),
        ({"messages": [{"role": "user", "content": "x"}], "functions": [{"name": "f"}]}, "functions"),
        ({"messages": [{"role": "user", "content": "x"}], "a.b": 1}, "a.b"),
    ],
)
def test_what_no_wire_has_is_told_by_its_path_and_refused_in_strict_calls(
    protocol: str, fields: dict[str, Any], path: str
) -> None:
    _, adapted = send(protocol, fields)
    assert path in [item.parameter for item in adapted if item.action == "dropped"]
    with pytest.raises(Failure) as refused:
        send(protocol, fields, strict=True)
    assert refused.value.parameter == path
    assert path in refused.value.message


@pytest.mark.parametrize("protocol", ["anthropic", "ollama"])
def test_a_pictures_detail_is_told(protocol: str) -> None:
    parts = [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}]
    _, adapted = send(protocol, {"messages": [{"role": "user", "content": parts}]})
    lost_one = Adaptation("messages[0].content[1].image_url.detail", "dropped", "low", None)
    assert lost_one in adapted


def test_a_dotted_field_travels_flat_where_every_field_travels() -> None:
    body, _ = send("openai", {"messages": [{"role": "user", "content": "x"}], "a.b": 1, "c": {"d.e": 2}})
    assert body == {"model": "up", "messages": [{"role": "user", "content": "x"}], "a.b": 1, "c": {"d.e": 2}}


def test_a_dotted_parameter_travels_flat_among_an_upstreams_parameters() -> None:
    spec = read({"name": "m", "type": "tensor", "protocol": "kserve_v2", "endpoint": "http://h"})
    fields = {"inputs": Raw(b'["x"]'), "a.b": Raw(b"1")}
    encoded = compile_adapter(spec).operations[Task.TENSOR].encode(Request(Task.TENSOR, fields), "up")
    assert json.loads(encoded.wire.body)["parameters"] == {"a.b": 1}


def test_a_setting_given_twice_is_told() -> None:
    fields = {"messages": [{"role": "user", "content": "x"}], "options": {"temperature": 1}, "temperature": 0.5}
    body, adapted = send("ollama", fields)
    assert body["options"] == {"temperature": 0.5}
    assert Adaptation("options.temperature", "dropped", 1, None) in adapted
    with pytest.raises(Failure, match="'temperature' is given and takes its place"):
        send("ollama", fields, strict=True)
