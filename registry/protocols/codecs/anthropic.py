"""Conversations for Anthropic's Messages API: system apart, content blocks, strict turns, no blank text."""

import re
from typing import Any

from controlplane.base.messages import Sentence
from registry.protocols.runtime.calls import ToolCalls
from registry.protocols.runtime.content import (
    INSTRUCTIONS,
    each_message,
    image_of,
    kind_of,
    parts_of,
    text_of,
    text_or_refuse,
    unreadable,
)
from registry.protocols.runtime.given import Given

__all__ = ["conversation"]

Block = dict[str, Any]
NATIVE = ("image", "document", "search_result", "thinking", "redacted_thinking", "server_tool_use", "tool_use",
          "tool_result", "web_search_tool_result", "web_fetch_tool_result")  # fmt: skip
"""Parts in Anthropic's own form: sent as they are."""
THOUGHTS = ("thinking", "redacted_thinking")
MARK = "cache_control"
OUTSIDE_IDS = re.compile(r"[^a-zA-Z0-9_-]")
ALL_TEXT = Sentence("instructions are text")
SPACES = Sentence("this upstream refuses spaces at the end of an answer to go on with")
BLANK = Sentence("this upstream refuses text without a visible character")


class Conversation:
    """Turns so far, the instructions lifted out, and the tool calls that answers refer to."""

    def __init__(self) -> None:
        self.system: list[Block] = []
        self.turns: list[Block] = []
        self.calls = ToolCalls()
        self.ids: dict[str, str] = {}
        self.taken: set[str] = set()
        self.last: Given | None = None

    def add(self, role: str, given: Given) -> None:
        """Take one message; neighbours of one speaker become one turn."""
        if role in INSTRUCTIONS:
            self.system += self.instructions(given)
            return
        found = [self.tool_result(role, given)] if role in ("tool", "function") else self.blocks(role, given)
        mark_last(given, found)
        speaker = "assistant" if role == "assistant" else "user"
        if found and self.turns and self.turns[-1]["role"] == speaker:
            self.turns[-1]["content"] += found
        elif found:
            self.turns.append({"role": speaker, "content": found})
        self.last = given if found else self.last

    def instructions(self, given: Given) -> list[Block]:
        """An instruction's text: one block, or one a part if a part is marked for caching."""
        parts = parts_of(given)
        texts = [text_or_refuse(part, ALL_TEXT) for part in parts]
        if any(part.peek(MARK) is not None for part in parts):
            found = [block for part, text in zip(parts, texts, strict=True) if (block := text_block(part, text))]
        else:
            text = "".join(texts)
            found = [{"type": "text", "text": text}] if text.strip() else []
            if text and not found:
                given.teller.lose(given.at("content"), "dropped", text, None, BLANK)
        mark_last(given, found)
        return found

    def blocks(self, role: str, given: Given) -> list[Block]:
        """A message's content, and an assistant's thinking and tool calls, as content blocks."""
        content = [block for part in parts_of(given) if (block := block_of(part))]
        if role != "assistant":
            return content
        found = thoughts(given) + content
        for call in self.calls.of(given):
            identity = self.identity(call.id)
            if identity != call.id:
                call.entry.note("id", "mapped", call.id, identity)
            block = {"type": "tool_use", "id": identity, "name": call.name, "input": call.arguments}
            found.append(call.entry.carry(MARK, block))
        return found

    def tool_result(self, role: str, given: Given) -> Block:
        """A tool's answer. Text alone is sent as text, even if it is blank."""
        identity = self.identity(self.calls.answered(role, given)[0])
        block = {"type": "tool_result", "tool_use_id": identity}
        if isinstance(given.peek("content"), str):
            return {**block, "content": given.take("content")}
        found = [inner for part in parts_of(given) if (inner := block_of(part))]
        return {**block, "content": found[0]["text"] if bare(found) else found or ""}

    def identity(self, given: str) -> str:
        """A call's id in the letters that Anthropic takes, the same for a call and its answer."""
        if given not in self.ids:
            sent = clean = OUTSIDE_IDS.sub("_", given)
            while sent in self.taken:
                sent = f"{clean}_{len(self.taken)}"
            self.taken.add(sent)
            self.ids[given] = sent
        return self.ids[given]

    def strip_end(self) -> None:
        """Take spaces off the end of an answer that the model is to go on with: Anthropic refuses them there."""
        final = self.turns[-1]
        text = final["content"][-1].get("text")
        if final["role"] == "assistant" and isinstance(text, str) and text != text.rstrip() and self.last:
            final["content"][-1]["text"] = text.rstrip()
            self.last.teller.lose(self.last.at("content"), "clamped", text[-40:], text.rstrip()[-40:], SPACES)

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
        raise unreadable(
            Sentence("'messages' holds nothing to answer"), Sentence("a user's message with a visible character")
        )
    found.strip_end()
    return found.body()


def block_of(part: Given) -> Block | None:
    """One part of a message as a content block; None if it is blank."""
    text = text_of(part)
    if text is not None:
        return text_block(part, text)
    kind = kind_of(part)
    if kind == "image_url":
        media, data, address = image_of(part)
        source = {"type": "url", "url": address} if address else {"type": "base64", "media_type": media, "data": data}
        return part.carry(MARK, {"type": "image", "source": source})
    if kind in NATIVE:
        return dict(part.whole())
    raise unreadable(
        Sentence("a message holds a part of type {kind}", kind=f"{kind!r:.60}"), Sentence("text or image_url")
    )


def text_block(part: Given, text: str) -> Block | None:
    """A block of `text`; blank text is dropped and told, no text at all is nothing."""
    if text.strip():
        return part.carry(MARK, {"type": "text", "text": text})
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
            raise unreadable(
                Sentence("{path}.type is {given}", path=entry.path, given=f"{entry.peek('type')!r:.60}"),
                " or ".join(THOUGHTS),
            )
        found.append({key: entry.take(key) for key in list(entry.rest)})
    if found and given.peek("reasoning_content") == "".join(str(block.get("thinking") or "") for block in found):
        given.take("reasoning_content")
    return found


def mark_last(given: Given, found: list[Block]) -> None:
    """Put a whole message's cache mark on its last block, if that can carry it and has none of its own."""
    if found and MARK not in found[-1] and found[-1]["type"] not in THOUGHTS:
        given.carry(MARK, found[-1])


def bare(blocks: list[Block]) -> bool:
    """Whether blocks are one text and nothing else."""
    return len(blocks) == 1 and blocks[0].keys() == {"type", "text"}
