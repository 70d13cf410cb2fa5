"""Chat completions of OpenAI's wire: conversations, tools, structured output, and the chunks of a stream."""

from collections.abc import Iterator
from typing import Any

from registry.emulators.answers import Speech, count, seed
from registry.emulators.openai_rules import COMMON, CREATED, check, event, finish, refusal, said, token_usage
from registry.emulators.tools import MadeToolCall, Tool, tool_call
from registry.emulators.wire import Emulated, WireAnswer, WireRefusal, to_json

_CHAT = COMMON | frozenset(
    (
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "top_logprobs",
        "store",
        "reasoning_effort",
        "service_tier",
        "functions",
        "function_call",
        "modalities",
        "audio",
        "prediction",
        "verbosity",
        "prompt_cache_key",
        "safety_identifier",
        "web_search_options",
        "chat_template_kwargs",
    )
)


def chat(model: Emulated, body: dict[str, Any]) -> WireAnswer:
    check(body, _CHAT)
    if model.type != "llm":
        raise WireRefusal(
            refusal(
                404, "This is not a chat model and thus not supported in the v1/chat/completions endpoint.", "model"
            )
        )
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise WireRefusal(
            refusal(400, "Invalid 'messages': empty array. Expected an array with minimum length 1.", "messages")
        )
    prompt, asked = _conversation(messages)
    wanted = _wanted_tool(model, body, messages, asked)
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    speeches = [said(model, body, prompt, index, limit) for index in range(body.get("n") or 1)]
    base = {
        "id": f"chatcmpl-{seed(model.name, prompt):016x}",
        "created": CREATED,
        "model": model.name,
        "system_fingerprint": "fp_practice",
    }
    written = sum(len(speech.tokens) for speech in speeches) if wanted is None else count(str(wanted.arguments)) + 1
    tokens = (count(prompt), written)
    usage = token_usage(*tokens)
    if body.get("stream"):
        extra = bool((body.get("stream_options") or {}).get("include_usage"))
        frames = _chat_frames({**base, "object": "chat.completion.chunk"}, speeches, wanted, usage if extra else None)
        return WireAnswer(content_type="text/event-stream; charset=utf-8", frames=frames, tokens=tokens)
    choices = [_choice(index, speech, wanted) for index, speech in enumerate(speeches)]
    reply = {**base, "object": "chat.completion", "choices": choices, "usage": usage}
    return WireAnswer(to_json(reply), tokens=tokens)


def _conversation(messages: list[Any]) -> tuple[str, str]:
    """All text of the conversation, and the last user's."""
    texts, asked = [], ""
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise WireRefusal(
                refusal(400, f"Missing required parameter: 'messages[{index}].role'.", f"messages[{index}].role")
            )
        if message["role"] not in ("system", "developer", "user", "assistant", "tool", "function"):
            known = "'system', 'assistant', 'user', 'function', 'tool', and 'developer'"
            words = f"Invalid value: '{message['role']}'. Supported values are: {known}."
            raise WireRefusal(refusal(400, words, f"messages[{index}].role", "invalid_value"))
        text = _text(message.get("content"))
        texts.append(text)
        asked = text if message["role"] == "user" else asked
    return "\n".join(texts), asked


def _text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text", "[image]")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _wanted_tool(model: Emulated, body: dict[str, Any], messages: list[Any], asked: str) -> MadeToolCall | None:
    choice = body.get("tool_choice")
    offered = body.get("tools") or []
    if choice is not None and not offered:
        raise WireRefusal(
            refusal(
                400,
                "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
                "tool_choice",
            )
        )
    if not offered or choice == "none" or messages[-1].get("role") == "tool":
        return None
    functions = [tool.get("function") for tool in offered if isinstance(tool, dict)]
    tools = [
        Tool(f["name"], f.get("parameters") or {})
        for f in functions
        if isinstance(f, dict) and isinstance(f.get("name"), str)
    ]
    if len(tools) != len(offered):
        raise WireRefusal(refusal(400, "Missing required parameter: 'tools[0].function.name'.", "tools"))
    named = (choice.get("function") or {}).get("name") if isinstance(choice, dict) else None
    return tool_call(tools, model.name, asked, "any" if choice == "required" else named)


def _choice(index: int, speech: Speech, wanted: MadeToolCall | None) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": speech.text, "refusal": None}
    if wanted:
        message |= {"content": None, "tool_calls": [_tool_json(wanted)]}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish(speech, wanted)}


def _tool_json(wanted: MadeToolCall) -> dict[str, Any]:
    function = {"name": wanted.name, "arguments": to_json(wanted.arguments).decode()}
    return {"id": f"call_{wanted.number:016x}", "type": "function", "function": function}


def _chat_frames(
    base: dict[str, Any], speeches: list[Speech], wanted: MadeToolCall | None, usage: dict[str, int] | None
) -> Iterator[bytes]:
    """A role chunk, content or tool chunks, a chunk with the finish reason, the usage chunk if asked for, [DONE]."""
    extra = {} if usage is None else {"usage": None}
    for index, speech in enumerate(speeches):
        for delta, ending in _deltas(speech, wanted):
            choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": ending}
            yield event({**base, "choices": [choice], **extra})
    if usage is not None:
        yield event({**base, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _deltas(speech: Speech, wanted: MadeToolCall | None) -> Iterator[tuple[dict[str, Any], str | None]]:
    yield {"role": "assistant", "content": None if wanted else ""}, None
    if wanted:
        whole = _tool_json(wanted)
        arguments = whole["function"]["arguments"]
        half = len(arguments) // 2
        yield {"tool_calls": [{"index": 0, **whole, "function": {"name": wanted.name, "arguments": ""}}]}, None
        for part in (arguments[:half], arguments[half:]):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}, None
    else:
        for token in speech.tokens:
            yield {"content": token}, None
    yield {}, finish(speech, wanted)
