"""Answers of Anthropic's Messages API, whole and streamed: content blocks, each with a state of its own."""

from dataclasses import dataclass, field, replace
from typing import Any

from controlplane.base.messages import Sentence
from registry.canon import CallContext
from registry.protocols.runtime import replies
from registry.protocols.runtime.streams import NOTHING, Delta

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
MOST_HELD = 4_000_000
"""Characters that one stream may make us keep."""


def message(answer: Any, context: CallContext) -> dict[str, Any]:
    """A whole message as a chat completion. Blocks of other kinds, such as a server's own tools, are left out."""
    text, reasoning = "", ""
    calls: list[Block] = []
    thinking: list[Block] = []
    content = answer["content"]
    for item in [{"type": "text", "text": content}] if isinstance(content, str) else content:
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
    signature: str = ""


@dataclass(slots=True)
class Blocks:
    """The content blocks of one stream: those that are open, by index, and how many there were."""

    open: dict[Any, Open] = field(default_factory=dict)
    calls: int = 0
    thoughts: int = 0
    latest: Any = None
    held: int = 0

    def opened(self, index: Any, block: Open) -> Open:
        """Keep a block that starts. Raises ValueError if too many are open."""
        self.open[index] = block
        if len(self.open) > MOST_OPEN:
            raise ValueError(Sentence("more than {most} content blocks at a time", most=MOST_OPEN))
        return block

    def hold(self, size: int) -> None:
        """Count what is kept until its block ends. Raises ValueError if that is too much."""
        self.held += size
        if self.held > MOST_HELD:
            raise ValueError(
                Sentence(
                    "more than {most} characters of thinking and of arguments at a block's start",
                    most=f"{MOST_HELD:,}",
                )
            )


def delta(state: dict[str, Any], event: str, data: Any) -> Delta:
    """One stream event. `state` holds the content blocks; events and blocks of unknown kinds add nothing."""
    blocks: Blocks = state.setdefault("blocks", Blocks())
    kind = data.get("type") or event
    index = data.get("index", blocks.latest)
    if kind == "content_block_start":
        over = [at for at, block in blocks.open.items() if at == index or block.kind in THOUGHTS]
        return joined(all_ended(blocks, over), started(blocks, index, data["content_block"]))
    if kind == "content_block_delta":
        return continued(blocks, blocks.open.get(index) or Open(""), data["delta"])
    if kind == "content_block_stop":
        return ended(blocks, index)
    if kind == "message_delta":
        reason = (data.get("delta") or {}).get("stop_reason")
        finish = Delta(finish=finish_of(reason, blocks.calls > 0))
        return joined(all_ended(blocks, list(blocks.open)), finish) if reason else NOTHING
    if kind == "message_stop":
        return joined(all_ended(blocks, list(blocks.open)), Delta(done=True))
    if kind == "error":
        raise ValueError(Sentence("an error without words: {data}", data=f"{data!r:.200}"))
    return NOTHING


def joined(before: Delta, after: Delta) -> Delta:
    """`after` with the ends of blocks before it."""
    return replace(after, tools=before.tools + after.tools, thinking=before.thinking + after.thinking)


def started(blocks: Blocks, index: Any, item: Block) -> Delta:
    """The start of a content block, which may carry all of it already."""
    kind = item.get("type")
    blocks.latest = index
    if kind == "tool_use":
        arguments = item.get("input")
        blocks.hold(len(replies.arguments(arguments)))
        blocks.opened(index, Open("tool_use", blocks.calls, {"input": arguments}))
        call = replies.tool_call(item["id"], item["name"], "")
        blocks.calls += 1
        return Delta(tools=({"index": blocks.calls - 1, **call},))
    if kind in THOUGHTS:
        text, signature = replies.text_of(item.get("thinking")), replies.text_of(item.get("signature"))
        blocks.hold(len(text) + len(signature) + len(replies.text_of(item.get("data"))))
        blocks.opened(index, Open(str(kind), blocks.thoughts, item, pieces=[text], signature=signature))
        blocks.thoughts += 1
        return Delta(reasoning=text)
    blocks.opened(index, Open("text" if kind == "text" else "other"))
    return Delta(text=replies.text_of(item.get("text"))) if kind == "text" else NOTHING


def continued(blocks: Blocks, block: Open, item: Block) -> Delta:
    """More of a content block that the caller hears of; text and thinking also of one that never started."""
    kind = item.get("type")
    if kind == "text_delta" and block.kind in ("text", ""):
        return Delta(text=replies.text_of(item["text"]))
    if kind == "input_json_delta" and block.kind == "tool_use":
        arguments = replies.text_of(item["partial_json"])
        block.said = block.said or bool(arguments.strip())
        return Delta(tools=({"index": block.number, "function": {"arguments": arguments}},)) if arguments else NOTHING
    if kind == "thinking_delta" and block.kind in ("thinking", ""):
        text = replies.text_of(item["thinking"])
        block.pieces.append(text)
        blocks.hold(len(text))
        return Delta(reasoning=text)
    if kind == "signature_delta" and block.kind == "thinking":
        more = replies.text_of(item["signature"])
        block.signature += more
        blocks.hold(len(more))
    return NOTHING


def ended(blocks: Blocks, index: Any) -> Delta:
    """The end of a content block: arguments that its start carried (none are {}), or thinking as a whole."""
    block = blocks.open.pop(index, None)
    if block is None or block.kind in ("text", "other"):
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


def all_ended(blocks: Blocks, indexes: list[Any]) -> Delta:
    """The ends of several blocks, which nobody ended."""
    found = [ended(blocks, index) for index in indexes]
    tools = tuple(tool for item in found for tool in item.tools)
    return Delta(tools=tools, thinking=tuple(block for item in found for block in item.thinking))
