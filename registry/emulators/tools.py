"""When an emulated model calls a tool, and with which arguments."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.emulators.answers import seed

_PART = re.compile(r"[A-Za-z]{4,}")
_EXAMPLES = {"string": "practice", "integer": 1, "number": 1.5, "boolean": True, "null": None}
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer: its name and the JSON Schema of its arguments."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MadeToolCall:
    """A call that the model asks for; `number` makes ids."""

    name: str
    arguments: dict[str, Any]
    number: int


def tool_call(tools: Sequence[Tool], model: str, prompt: str, forced: str | None) -> MadeToolCall | None:
    """The call that `model` answers with, or None for text.

    `forced` names a tool, or is "any"; None leaves the choice to the prompt: a tool is called if the prompt
    mentions its name or a word of four letters or more out of it ("weather" for get_weather).
    """
    if not tools:
        return None
    wanted = next((tool for tool in tools if _mentioned(tool.name, prompt)), None)
    if forced == "any":
        wanted = wanted or tools[0]
    elif forced:
        wanted = next((tool for tool in tools if tool.name == forced), None)
    if wanted is None:
        return None
    arguments = example(wanted.schema)
    return MadeToolCall(wanted.name, arguments if isinstance(arguments, dict) else {}, seed(model, prompt, wanted.name))


def _mentioned(name: str, prompt: str) -> bool:
    lower = prompt.lower()
    return name.lower() in lower or any(part.lower() in lower for part in _PART.findall(name.replace("_", " ")))


def example(schema: Any, depth: int = 0) -> Any:
    """A value that fits a JSON Schema's type, enum, const, default, properties, items and numeric minimum."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return None
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object":
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        return {name: example(part, depth + 1) for name, part in properties.items()}
    if kind == "array":
        return [example(schema.get("items", {}), depth + 1)]
    if kind in ("integer", "number") and isinstance(schema.get("minimum"), int | float):
        return schema["minimum"]
    return _EXAMPLES.get(str(kind), "practice")
