"""Answers of Anthropic's Messages API, whole and streamed: content blocks, each with a state of its own."""

from dataclasses import dataclass, field
from typing import Any

from registry.canon import CallContext
from registry.protocols import replies
from registry.protocols.framing import MAX_MESSAGE
from registry.protocols.streams import NOTHING, Delta

__all__ = ["delta", "message"]

Block = dict[str, Any]
FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
THOUGHTS = ("thinking", "redacted_thinking")
MOST_OPEN = 16


def message(answer: Any, context: CallContext) -> dict[str, Any]:
    """A whole message as a chat completion. Blocks of other kinds, such as a server's own tools, are left out."""
    text, reasoning = "", ""
    calls: list[Block] = []
    thinking: list[Block] = []
    for item in answer["content"]:
        kind = item.get("type")
        if kind == "text":
            text += replies.text_of(item["text"])
        elif kind == "tool_use":
            calls.append(replies.tool_call(item["id"], item["name"], replies.arguments(item.get("input"))))
        elif kind in THOUGHTS:
            reasoning += replies.text_of(item.get("thinking"))
            thinking.append(item)
    finish = finish_of(answer.get("stop_reason"), bool(calls))
    return replies.chat(context, text, finish, calls, reasoning, thinking)


def finish_of(reason: Any, called: bool) -> str:
    """A stop reason in OpenAI's words; an answer that ends with calls of tools ends because of them."""
    found = FINISH.get(reason, "stop") if isinstance(reason, str) else "stop"
    return "tool_calls" if called and found == "stop" else found


@dataclass(slots=True)
class Open:
    """A content block that is not complete. `number` counts the caller's tool calls or thinking blocks."""

    kind: str
    number: int = 0
    start: Block = field(default_factory=dict)
    said: bool = False
    pieces: list[str] = field(default_factory=list)
    size: int = 0
    signature: str = ""

    def keep(self, text: str) -> None:
        """Keep thinking until its signature comes. Raises ValueError where it does not end."""
        self.pieces.append(text)
        self.size += len(text)
        if self.size > MAX_MESSAGE:
            raise ValueError(f"thinking of more than {MAX_MESSAGE:,} characters")


@dataclass(slots=True)
class Blocks:
    """The content blocks of one stream: those that are open, by index, and how many there were."""

    open: dict[Any, Open] = field(default_factory=dict)
    calls: int = 0
    thoughts: int = 0
    latest: Any = None


def delta(state: dict[str, Any], event: str, data: Any) -> Delta:
    """One stream event. `state` holds the content blocks; events and blocks of unknown kinds add nothing."""
    blocks: Blocks = state.setdefault("blocks", Blocks())
    kind = data.get("type") or event
    if kind == "content_block_start":
        return started(blocks, data.get("index"), data["content_block"])
    if kind == "content_block_delta":
        found = blocks.open.get(data.get("index", blocks.latest))
        return continued(found, data["delta"]) if found else NOTHING
    if kind == "content_block_stop":
        return ended(blocks, data.get("index", blocks.latest))
    if kind == "message_delta":
        reason = data["delta"].get("stop_reason")
        rest = all_ended(blocks)
        return Delta(rest.text, rest.reasoning, rest.tools, finish_of(reason, blocks.calls > 0) if reason else None,
                     thinking=rest.thinking)  # fmt: skip
    if kind == "message_stop":
        rest = all_ended(blocks)
        return Delta(tools=rest.tools, thinking=rest.thinking, done=True)
    if kind == "error":
        raise ValueError(f"an error without words: {data!r:.200}")
    return NOTHING


def started(blocks: Blocks, index: Any, item: Block) -> Delta:
    """The start of a content block, which may carry all of it already."""
    kind = item.get("type")
    blocks.latest = index
    if len(blocks.open) >= MOST_OPEN:
        raise ValueError(f"more than {MOST_OPEN} content blocks at a time")
    if kind == "text":
        blocks.open[index] = Open("text")
        return Delta(text=replies.text_of(item.get("text")))
    if kind == "tool_use":
        blocks.open[index] = Open("tool_use", blocks.calls, item)
        call = replies.tool_call(item["id"], item["name"], "")
        blocks.calls += 1
        return Delta(tools=({"index": blocks.calls - 1, **call},))
    if kind in THOUGHTS:
        text = replies.text_of(item.get("thinking"))
        opened = blocks.open[index] = Open(str(kind), blocks.thoughts, item)
        opened.signature = replies.text_of(item.get("signature"))
        opened.keep(text)
        blocks.thoughts += 1
        return Delta(reasoning=text)
    blocks.open.pop(index, None)
    return NOTHING


def continued(block: Open, item: Block) -> Delta:
    """More of a content block that the caller hears of."""
    kind = item.get("type")
    if kind == "text_delta" and block.kind == "text":
        return Delta(text=replies.text_of(item["text"]))
    if kind == "input_json_delta" and block.kind == "tool_use":
        arguments = replies.text_of(item["partial_json"])
        block.said = block.said or bool(arguments)
        return Delta(tools=({"index": block.number, "function": {"arguments": arguments}},)) if arguments else NOTHING
    if kind == "thinking_delta" and block.kind == "thinking":
        text = replies.text_of(item["thinking"])
        block.keep(text)
        return Delta(reasoning=text)
    if kind == "signature_delta" and block.kind == "thinking":
        block.signature += replies.text_of(item["signature"])
    return NOTHING


def ended(blocks: Blocks, index: Any) -> Delta:
    """The end of a content block: arguments that its start carried (none are {}), or thinking as a whole."""
    block = blocks.open.pop(index, None)
    if block is None or block.kind == "text":
        return NOTHING
    if block.kind == "tool_use":
        if block.said:
            return NOTHING
        arguments = replies.arguments(block.start.get("input"))
        return Delta(tools=({"index": block.number, "function": {"arguments": arguments}},))
    whole = dict(block.start)
    if block.kind == "thinking":
        whole |= {"thinking": "".join(block.pieces), "signature": block.signature}
    return Delta(thinking=({"index": block.number, **whole},))


def all_ended(blocks: Blocks) -> Delta:
    """The ends of blocks that nobody ended."""
    found = [ended(blocks, index) for index in list(blocks.open)]
    tools = tuple(tool for item in found for tool in item.tools)
    return Delta(tools=tools, thinking=tuple(block for item in found for block in item.thinking))
