"""Tool calls in a conversation in OpenAI's form, the older function_call too, and the answers that belong to them."""

from dataclasses import dataclass
from typing import Any

from msgspec import DecodeError
from msgspec.json import decode

from controlplane.base.messages import Sentence
from registry.protocols.runtime.content import unreadable
from registry.protocols.runtime.given import Given

WRAPPED = 3
"""How often arguments may be encoded as JSON text."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One earlier call of a tool."""

    id: str
    name: str
    arguments: dict[str, Any]
    entry: Given


class ToolCalls:
    """The tool calls of a conversation so far, so that each answer finds its call."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.waiting: dict[str, list[str]] = {}

    def of(self, message: Given) -> list[ToolCall]:
        """The calls that an assistant's message makes."""
        entries = message.inner("tool_calls").items() if message.peek("tool_calls") is not None else []
        found = [self.kept(entry, one_of_list(entry), entry.inner("function")) for entry in entries]
        if message.peek("function_call") is not None:
            entry = message.inner("function_call")
            identity = f"function_call_{len(self.names)}"
            found.append(self.kept(entry, identity, entry))
            self.waiting.setdefault(found[-1].name, []).append(identity)
        return found

    def kept(self, entry: Given, identity: str, function: Given) -> ToolCall:
        """One call; its name is kept for the answer."""
        name = function.take("name")
        if not isinstance(name, str) or not name:
            raise unreadable(
                Sentence("{path} has no name", path=function.path), Sentence("the name of the tool that is called")
            )
        self.names[identity] = name
        return ToolCall(identity, name, arguments_of(function), entry)

    def answered(self, role: str, message: Given) -> tuple[str, str]:
        """The id of the call that a tool's message answers, and its name; empty if the call is not known."""
        if role == "function":
            name = str(message.take("name") or "")
            identities = self.waiting.get(name)
            if not identities:
                raise unreadable(
                    Sentence("{path} answers no function_call", path=message.path),
                    Sentence("the name of a function called before it"),
                )
            return identities.pop(0), name
        identity = message.take("tool_call_id")
        if not isinstance(identity, str) or not identity:
            raise unreadable(
                Sentence("a tool message has no tool_call_id"), Sentence("the id of the call that it answers")
            )
        known = self.names.get(identity, "")
        return identity, str(message.take("name")) if message.peek("name") == known else known


def one_of_list(entry: Given) -> str:
    """The id of a call in tool_calls, which must be one of a function."""
    if (entry.take("type") or "function") != "function":
        raise unreadable(
            Sentence("{path} is of type {value}", path=entry.path, value=f"{entry.peek('type')!r:.60}"), "function"
        )
    identity = entry.take("id")
    if not isinstance(identity, str) or not identity:
        raise unreadable(Sentence("{path} has no id", path=entry.path), Sentence("the id that its answer refers to"))
    return identity


def arguments_of(function: Given) -> dict[str, Any]:
    """A call's arguments as an object; text is decoded, as often as it was encoded, and none of it means {}."""
    value = function.take("arguments")
    try:
        for _ in range(WRAPPED):
            if isinstance(value, str) and value.strip():
                value = decode(value)
    except (DecodeError, RecursionError) as error:
        raise unreadable(
            Sentence("{value} is not JSON", value=function.at("arguments")), Sentence("a JSON object as text")
        ) from error
    if value is None or value == "" or (isinstance(value, str) and not value.strip()):
        return {}
    if not isinstance(value, dict):
        raise unreadable(
            Sentence("{value} is no JSON object", value=function.at("arguments")), Sentence("a JSON object as text")
        )
    return value
