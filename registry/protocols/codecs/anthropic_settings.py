"""Everything beside the conversation in a request of Anthropic's Messages API, and what it is known to refuse."""

from typing import Any

from msgspec import Raw

from controlplane.base.messages import Sentence
from registry.canon import plain
from registry.protocols.runtime import content
from registry.protocols.runtime.content import schema_of, unreadable
from registry.protocols.runtime.given import Given
from registry.protocols.runtime.params import Draft

__all__ = [
    "effort", "finish", "negated", "output_format", "settings", "stop_sequences", "tool_choice", "tools",
]  # fmt: skip

Block = dict[str, Any]
CHOICES = {"auto": "auto", "none": "none", "required": "any"}
EFFORTS = ("none", "low", "medium", "high", "xhigh", "max")
MARK = "cache_control"
BLANK = Sentence("this upstream refuses text without a visible character")
NO_TOOLS = Sentence("the call has no tools")
LEAST_EFFORT = Sentence("expected one of {efforts}", efforts=EFFORTS)
THINKING_GIVEN = Sentence("'thinking' is given and takes its place")
TOOL_FORCED = Sentence("this upstream does not think where a tool is forced")
ANSWER_BEGUN = Sentence("this upstream does not think where its answer is begun for it")
THINKING_LOST = Sentence("the last tool calls come without the thinking before them")
NO_ROOM = Sentence("max_tokens leaves no room for it")
LESS_THAN_ALL = Sentence("expected less than max_tokens")
OWN_SAMPLING = Sentence("this upstream thinks with its own sampling")
MAX_TOKENS = 4096
"""Of the answer, if the caller gives none; thinking comes on top."""
MOST_MARKS = 4
TOO_MANY_MARKS = Sentence("this upstream takes {most} of them", most=MOST_MARKS)
LEAST_BUDGET = 1024
"""The fewest tokens that thinking may be given."""


def stop_sequences(value: Given) -> list[Any]:
    """One stop text or a list of them; blank ones, which Anthropic refuses, are dropped and told."""
    entries = value.items() if isinstance(value.value, list) else [value]
    for entry in entries:
        if isinstance(entry.value, str) and entry.value and not entry.value.strip():
            entry.lose(BLANK)
    return [entry.whole() for entry in entries if not isinstance(entry.value, str) or entry.value.strip()]


def settings(value: Given) -> Block:
    """Anthropic's own settings, sent as they are."""
    return content.settings(value)


def tools(value: Given) -> list[Block]:
    """Function tools; those already in Anthropic's form travel as they are."""
    found = []
    for tool in value.items():
        if not isinstance(tool.value, dict):
            raise unreadable(Sentence("{path} is not an object", path=tool.path), Sentence("a function"))
        if tool.peek("type") != "function":
            if "custom" in tool.value:
                raise unreadable(
                    Sentence("{path} is a custom tool", path=tool.path),
                    Sentence("a function: this upstream has no free-form tools"),
                )
            found.append(tool.whole())
            continue
        tool.take("type")
        function = tool.inner("function")
        block = {"name": function.take("name"), "input_schema": input_schema(function)}
        if not isinstance(block["name"], str):
            raise unreadable(Sentence("{path} has no name", path=function.path), Sentence("a tool's name"))
        block |= {key: function.take(key) for key in ("description", "strict") if function.peek(key) not in (None, "")}
        found.append(function.carry(MARK, tool.carry(MARK, block)))
    return found


def input_schema(function: Given) -> Block:
    """A function's parameters; Anthropic takes only schemas that say that they are of type object."""
    schema = function.take("parameters")
    if schema is None or schema == {}:
        return {"type": "object", "properties": {}}
    if not isinstance(schema, dict):
        raise unreadable(Sentence("{value} is no JSON Schema", value=function.at("parameters")), Sentence("an object"))
    kind = schema.get("type")
    if kind == "object":
        return schema
    if kind is not None and (not isinstance(kind, list) or "object" not in kind):
        raise unreadable(
            Sentence("{path}.type is {given}", path=function.at("parameters"), given=f"{kind!r:.60}"), "object"
        )
    function.note("parameters.type", "defaulted", kind, "object")
    return {**schema, "type": "object"}


def tool_choice(value: Given) -> Block:
    """Which tool has to be called."""
    given = value.value
    if isinstance(given, str) and given in CHOICES:
        return {"type": CHOICES[value.whole()]}
    kind = value.peek("type")
    if kind == "function":
        value.take("type")
        return {"type": "tool", "name": value.inner("function").take("name")}
    if kind == "allowed_tools":
        value.take("type")
        mode = value.inner("allowed_tools").take("mode")
        return {"type": CHOICES.get(str(mode), "auto")}
    if kind in ("auto", "any", "tool", "none"):
        return dict(value.whole())
    raise unreadable(
        Sentence("'tool_choice' is {given}", given=f"{given!r:.60}"),
        Sentence("{choices} or a function", choices=", ".join(CHOICES)),
    )


def negated(value: Given) -> bool:
    """parallel_tool_calls as disable_parallel_tool_use."""
    return not value.whole()


def output_format(value: Given) -> Block | None:
    """A JSON Schema for the answer; a wish for any JSON cannot be said here."""
    schema = schema_of(value)
    return None if schema is None else {"type": "json_schema", "schema": schema}


def effort(value: Given) -> str:
    """A reasoning effort; the least that can be said here is low."""
    given = value.whole()
    if given == "minimal":
        value.teller.lose(value.path, "clamped", given, "low", LEAST_EFFORT)
        return "low"
    if given not in EFFORTS:
        raise unreadable(
            Sentence("{path} is {given}", path=repr(value.path), given=f"{given!r:.60}"),
            Sentence("one of {efforts}", efforts=EFFORTS),
        )
    return str(given)


def finish(body: Block, draft: Draft) -> None:
    """Settings that depend on each other: tools and their choice, effort and thinking, thinking and its limits."""
    settle_tools(body, draft)
    settle_effort(body, draft)
    settle_thinking(body, draft)
    settle_marks(body, draft)
    thinking = settings_in(body, "thinking")
    if "max_tokens" not in body:
        budget = thinking.get("budget_tokens")
        body["max_tokens"] = MAX_TOKENS + (budget if isinstance(budget, int) else 0)
        draft.note("max_tokens", "defaulted", None, body["max_tokens"])
    if thinking.get("type") in ("enabled", "adaptive"):
        drop_sampling(body, draft)


def settle_tools(body: Block, draft: Draft) -> None:
    """A tool choice needs a type, and tools."""
    if not body.get("tools"):
        choice = settings_in(body, "tool_choice")
        given = ("parallel_tool_calls" if name == "disable_parallel_tool_use" else "tool_choice" for name in choice)
        for name in dict.fromkeys(given):
            draft.lose(name, "dropped", choice, None, NO_TOOLS)
        body.pop("tool_choice", None)
    elif "tool_choice" in body:
        body["tool_choice"] = {"type": "auto", **settings_in(body, "tool_choice")}


def settle_marks(body: Block, draft: Draft) -> None:
    """Only so many marks for caching are taken; the last ones cover what lies before them."""
    marked = [block for block in every_block(body) if block.get(MARK) is not None]
    surplus = len(marked) - MOST_MARKS + (MARK in body)
    if surplus > 0:
        given, kept = (Sentence("{count} marks", count=count) for count in (len(marked), len(marked) - surplus))
        draft.lose(MARK, "dropped", given, kept, TOO_MANY_MARKS)
        for block in marked[:surplus]:
            del block[MARK]


def every_block(body: Block) -> list[Block]:
    """Everything that can carry a mark for caching, in the order in which it is cached."""
    found = [block for name in ("tools", "system") if isinstance(body.get(name), list) for block in body[name]]
    for turn in body["messages"]:
        for block in turn["content"] if isinstance(turn["content"], list) else ():
            inner = block.get("content")
            found += [*(inner if block["type"] == "tool_result" and isinstance(inner, list) else ()), block]
    return [block for block in found if isinstance(block, dict)]


def settle_effort(body: Block, draft: Draft) -> None:
    """No effort at all is no thinking."""
    output = settings_in(body, "output_config")
    if output.get("effort") != "none":
        return
    del output["effort"]
    if not output:
        del body["output_config"]
    if "thinking" in body:
        draft.lose("reasoning_effort", "dropped", "none", None, THINKING_GIVEN)
        return
    body["thinking"] = {"type": "disabled"}
    draft.note("reasoning_effort", "mapped", "none", "thinking disabled")


def settle_thinking(body: Block, draft: Draft) -> None:
    """Thinking is refused beside a forced tool or a begun answer, after calls that lost theirs, and without room."""
    thinking = settings_in(body, "thinking")
    if thinking.get("type") != "enabled":
        return
    limit, budget = plain_value(body.get("max_tokens")), thinking.get("budget_tokens")
    why: str = ""
    if settings_in(body, "tool_choice").get("type") in ("any", "tool"):
        why = TOOL_FORCED
    elif body["messages"][-1]["role"] == "assistant":
        why = ANSWER_BEGUN
    elif forgot_thinking(body["messages"]):
        why = THINKING_LOST
    elif isinstance(limit, int) and isinstance(budget, int) and limit <= budget:
        room = max(limit // 2, LEAST_BUDGET)
        why = NO_ROOM if limit <= room else ""
        if not why:
            draft.lose("thinking.budget_tokens", "clamped", budget, room, LESS_THAN_ALL)
            body["thinking"] = {**thinking, "budget_tokens": room}
    if why:
        draft.lose("thinking", "dropped", thinking, None, why)
        del body["thinking"]


def forgot_thinking(turns: list[Block]) -> bool:
    """Whether the last answer calls tools and does not begin with thinking."""
    content = next((turn["content"] for turn in reversed(turns) if turn["role"] == "assistant"), "")
    return isinstance(content, list) and content[-1]["type"] == "tool_use" and "thinking" not in content[0]["type"]


def drop_sampling(body: Block, draft: Draft) -> None:
    """Thinking takes the model's own sampling: other values are refused, so they are dropped and told."""
    for name, low in (("temperature", 1), ("top_p", 0.95), ("top_k", None)):
        value = plain_value(body.get(name))
        if value is not None and (low is None or not isinstance(value, int | float) or not low <= value <= 1):
            draft.lose(name, "dropped", value, None, OWN_SAMPLING)
            del body[name]


def settings_in(body: Block, name: str) -> Block:
    """An object of the body, decoded if a spec's parameter put it there raw; an empty one if it is none."""
    if isinstance(body.get(name), Raw):
        body[name] = plain(body[name])
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def plain_value(value: Any) -> Any:
    """A field of the body, decoded if it is still raw."""
    return plain(value) if isinstance(value, Raw) else value
