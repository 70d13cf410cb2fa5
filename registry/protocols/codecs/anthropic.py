"""Requests of Anthropic's Messages API: system apart, content blocks, strict turns, and what it is known to refuse."""

import re
from typing import Any

from msgspec import Raw

from registry.canon import plain
from registry.given import Given
from registry.params import Draft
from registry.protocols import content
from registry.protocols.calls import Calls
from registry.protocols.content import (
    INSTRUCTIONS,
    each_message,
    image_of,
    kind_of,
    parts_of,
    schema_of,
    text_of,
    text_or_refuse,
    unreadable,
)

__all__ = [
    "conversation", "effort", "finish", "negated", "output_format", "settings", "stop_sequences", "tool_choice",
    "tools",
]  # fmt: skip

Block = dict[str, Any]
CHOICES = {"auto": "auto", "none": "none", "required": "any"}
EFFORTS = ("none", "low", "medium", "high", "xhigh", "max")
NATIVE = ("image", "document", "search_result", "thinking", "redacted_thinking", "server_tool_use", "tool_use",
          "tool_result", "web_search_tool_result", "web_fetch_tool_result")  # fmt: skip
"""Parts in Anthropic's own form: sent as they are."""
THOUGHTS = ("thinking", "redacted_thinking")
MARK = "cache_control"
OUTSIDE_IDS = re.compile(r"[^a-zA-Z0-9_-]")
BLANK = "this upstream refuses text without a visible character"
MAX_TOKENS = 4096
"""Of the answer, where the caller gives none; thinking comes on top."""


class Conversation:
    """Turns so far, the instructions lifted out, and the tool calls that answers refer to."""

    def __init__(self) -> None:
        self.system: list[Block] = []
        self.turns: list[Block] = []
        self.calls = Calls()
        self.ids: dict[str, str] = {}
        self.last: Given | None = None

    def add(self, role: str, given: Given) -> None:
        """Take one message; neighbours of one speaker become one turn."""
        if role in INSTRUCTIONS:
            self.system += self.instructions(given)
            return
        found = [self.tool_result(role, given)] if role in ("tool", "function") else self.blocks(given)
        mark_last(given, found)
        speaker = "assistant" if role == "assistant" else "user"
        if found and self.turns and self.turns[-1]["role"] == speaker:
            self.turns[-1]["content"] += found
        elif found:
            self.turns.append({"role": speaker, "content": found})
        self.last = given if found else self.last

    def instructions(self, given: Given) -> list[Block]:
        """An instruction's text: one block, or one a part where a part is marked for caching."""
        parts = parts_of(given)
        texts = [text_or_refuse(part, "text only, because instructions are text") for part in parts]
        if any(part.peek(MARK) is not None for part in parts):
            found = [block for part, text in zip(parts, texts, strict=True) if (block := text_block(part, text))]
        else:
            text = "".join(texts)
            found = [{"type": "text", "text": text}] if text.strip() else []
            if text and not found:
                given.teller.lose(given.at("content"), "dropped", text, None, BLANK)
        mark_last(given, found)
        return found

    def blocks(self, given: Given) -> list[Block]:
        """A message's thinking, content and tool calls as content blocks."""
        found = thoughts(given)
        found += [block for part in parts_of(given) if (block := block_of(part))]
        for call in self.calls.of(given):
            identity = self.identity(call.id)
            if identity != call.id:
                call.entry.note("id", "mapped", call.id, identity)
            block = {"type": "tool_use", "id": identity, "name": call.name, "input": call.arguments}
            found.append(marked(call.entry, block))
        return found

    def tool_result(self, role: str, given: Given) -> Block:
        """A tool's answer. Text alone is sent as text, even where it is blank."""
        identity = self.identity(self.calls.answered(role, given)[0])
        block = {"type": "tool_result", "tool_use_id": identity}
        if isinstance(given.peek("content"), str):
            return {**block, "content": given.take("content")}
        found = [inner for part in parts_of(given) if (inner := block_of(part))]
        return {**block, "content": found[0]["text"] if bare(found) else found}

    def identity(self, given: str) -> str:
        """A call's id in the letters that Anthropic takes, the same for a call and its answer."""
        if given not in self.ids:
            sent = OUTSIDE_IDS.sub("_", given)
            taken = set(self.ids.values())
            self.ids[given] = sent if sent not in taken else f"{sent}_{len(taken)}"
        return self.ids[given]

    def strip_end(self) -> None:
        """Take spaces off the end of an answer that the model is to go on with: Anthropic refuses them there."""
        final = self.turns[-1]
        text = final["content"][-1].get("text")
        if final["role"] == "assistant" and isinstance(text, str) and text != text.rstrip() and self.last:
            final["content"][-1]["text"] = text.rstrip()
            why = "this upstream refuses spaces at the end of an answer to go on with"
            self.last.teller.lose(self.last.at("content"), "clamped", text[-40:], text.rstrip()[-40:], why)

    def body(self) -> Block:
        """`system` and `messages`; a lone text without a mark is sent as text."""
        for turn in self.turns:
            if bare(turn["content"]):
                turn["content"] = turn["content"][0]["text"]
        if not self.system:
            return {"messages": self.turns}
        plain_text = not any(MARK in block for block in self.system)
        lifted = "\n\n".join(block["text"] for block in self.system) if plain_text else self.system
        return {"system": lifted, "messages": self.turns}


def conversation(messages: Given) -> Block:
    """`system` and `messages`: instructions are lifted out, neighbours of one role become one turn."""
    found = Conversation()
    for role, given in each_message(messages):
        found.add(role, given)
    if not found.turns:
        raise unreadable("'messages' holds nothing to answer", "a user's message with a visible character")
    found.strip_end()
    return found.body()


def block_of(part: Given) -> Block | None:
    """One part of a message as a content block; None where it is blank."""
    text = text_of(part)
    if text is not None:
        return text_block(part, text)
    kind = kind_of(part)
    if kind == "image_url":
        media, data, address = image_of(part)
        source = {"type": "url", "url": address} if address else {"type": "base64", "media_type": media, "data": data}
        return marked(part, {"type": "image", "source": source})
    if kind in NATIVE:
        return dict(part.whole())
    raise unreadable(f"a message holds a part of type {kind!r:.60}", "text or image_url")


def text_block(part: Given, text: str) -> Block | None:
    """A block of `text`; blank text is dropped and told, no text at all is nothing."""
    if text.strip():
        return marked(part, {"type": "text", "text": text})
    if text:
        part.lose(BLANK)
    return None


def thoughts(given: Given) -> list[Block]:
    """An assistant's earlier thinking, sent back as it came, signatures and all. Its text alone cannot be."""
    found: list[Block] = []
    entries = given.inner("thinking_blocks").items() if given.peek("thinking_blocks") else []
    for entry in entries:
        entry.take("index")
        if entry.peek("type") not in THOUGHTS:
            raise unreadable(f"{entry.path}.type is {entry.peek('type')!r:.60}", " or ".join(THOUGHTS))
        found.append({key: entry.take(key) for key in list(entry.rest)})
    if found and given.peek("reasoning_content") == "".join(str(block.get("thinking") or "") for block in found):
        given.take("reasoning_content")
    return found


def marked(given: Given, block: Block) -> Block:
    """`block` with the cache mark of the part, call or tool that it is made of."""
    if given.peek(MARK) is not None:
        block[MARK] = given.take(MARK)
    return block


def mark_last(given: Given, found: list[Block]) -> None:
    """Put a whole message's cache mark on its last block, where that can carry it and has none of its own."""
    if found and MARK not in found[-1] and found[-1]["type"] not in THOUGHTS:
        marked(given, found[-1])


def bare(blocks: list[Block]) -> bool:
    """Whether blocks are one text and nothing else."""
    return len(blocks) == 1 and blocks[0].keys() == {"type", "text"}


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
        if tool.peek("type") != "function":
            if "custom" in tool.value:
                raise unreadable(f"{tool.path} is a custom tool", "a function: this upstream has no free-form tools")
            found.append(tool.whole())
            continue
        tool.take("type")
        function = tool.inner("function")
        block = {"name": function.take("name"), "input_schema": input_schema(function)}
        if not isinstance(block["name"], str):
            raise unreadable(f"{function.path} has no name", "a tool's name")
        block |= {key: function.take(key) for key in ("description", "strict") if function.peek(key) not in (None, "")}
        found.append(marked(function, marked(tool, block)))
    return found


def input_schema(function: Given) -> Block:
    """A function's parameters; Anthropic takes only schemas that say that they are of type object."""
    schema = function.take("parameters")
    if schema is None or schema == {}:
        return {"type": "object", "properties": {}}
    if not isinstance(schema, dict):
        raise unreadable(f"{function.at('parameters')} is no JSON Schema", "an object")
    kind = schema.get("type")
    if kind == "object":
        return schema
    if kind is not None and (not isinstance(kind, list) or "object" not in kind):
        raise unreadable(f"{function.at('parameters')}.type is {kind!r:.60}", "object")
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
    raise unreadable(f"'tool_choice' is {given!r:.60}", f"{', '.join(CHOICES)} or a function")


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
        value.teller.lose(value.path, "clamped", given, "low", f"expected one of {', '.join(EFFORTS)}")
        return "low"
    if given not in EFFORTS:
        raise unreadable(f"{value.path!r} is {given!r:.60}", f"one of {', '.join(EFFORTS)}")
    return str(given)


def finish(body: Block, draft: Draft) -> None:
    """Settings that depend on each other: tools and their choice, effort and thinking, thinking and its limits."""
    settle_tools(body, draft)
    output = body.get("output_config", {})
    if output.get("effort") == "none":
        del output["effort"]
        if not output:
            del body["output_config"]
        body.setdefault("thinking", {"type": "disabled"})
        draft.note("reasoning_effort", "mapped", "none", "thinking disabled")
    thinking = body.get("thinking") or {}
    budget = thinking.get("budget_tokens")
    thinks = thinking.get("type") in ("enabled", "adaptive")
    if "max_tokens" not in body:
        body["max_tokens"] = MAX_TOKENS + (budget if thinks and isinstance(budget, int) else 0)
        draft.note("max_tokens", "defaulted", None, body["max_tokens"])
    if thinks:
        drop_sampling(body, draft)


def settle_tools(body: Block, draft: Draft) -> None:
    """A tool choice needs a type, and tools."""
    if not body.get("tools"):
        choice = body.pop("tool_choice", None)
        if choice is not None:
            draft.lose("tool_choice", "dropped", choice, None, "the call has no tools")
    elif "tool_choice" in body:
        body["tool_choice"] = {"type": "auto", **body["tool_choice"]}


def drop_sampling(body: Block, draft: Draft) -> None:
    """Thinking takes the model's own sampling: other values are refused, so they are dropped and told."""
    for name, low in (("temperature", 1), ("top_p", 0.95), ("top_k", None)):
        value = plain_value(body.get(name))
        if value is not None and (low is None or not isinstance(value, int | float) or not low <= value <= 1):
            draft.lose(name, "dropped", value, None, "this upstream thinks with its own sampling")
            del body[name]


def plain_value(value: Any) -> Any:
    """A field of the body, decoded where it is still raw."""
    return plain(value) if isinstance(value, Raw) else value
