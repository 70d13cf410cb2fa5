"""Reads the messages and prompts of a call in OpenAI's form, for codecs. What cannot be read is a Failure."""

from collections.abc import Iterator
from typing import Any

from registry.canon import Failure, FailureKind

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
INSTRUCTIONS = ("system", "developer")


def unreadable(what: str, expected: str) -> Failure:
    """The failure for content that is not in the documented form."""
    return Failure(FailureKind.INVALID_REQUEST, f"{what}; expected {expected}.", code="invalid_content")


def each_message(messages: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each message with its role."""
    if not isinstance(messages, list) or not messages:
        raise unreadable("'messages' is not a list with content", "a list of at least one message")
    for index, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role not in ROLES:
            raise unreadable(f"messages[{index}].role is {role!r:.60}", f"one of {', '.join(ROLES)}")
        yield role, message


def parts_of(content: Any) -> list[dict[str, Any]]:
    """A message's content as a list of parts, each with a type; text becomes one part, null none."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise unreadable("a message's content is neither text nor a list of parts", "text or [{type: text, text: ...}]")
    return content


def text_only(content: Any, why: str) -> str:
    """The text of a message's content; any other part is refused, because `why`."""
    found = []
    for part in parts_of(content):
        if part.get("type") not in ("text", "input_text", "refusal"):
            raise unreadable(f"a message holds a part of type {part.get('type')!r:.60}", f"text only, because {why}")
        found.append(str(part.get("text") or part.get("refusal") or ""))
    return "".join(found)


def image_of(part: dict[str, Any]) -> tuple[str, str, str]:
    """An image part as (media type, base64 data, ""), or ("", "", address) where it is a link."""
    image = part.get("image_url")
    address = image.get("url") if isinstance(image, dict) else image
    if not isinstance(address, str) or not address:
        raise unreadable("an image part has no image_url.url", "a data: or https: address")
    if not address.startswith("data:"):
        return "", "", address
    head, comma, data = address[5:].partition(",")
    media, _, encoding = head.rpartition(";")
    if not comma or encoding != "base64" or not media:
        raise unreadable("an image's data: address is not base64", "data:image/png;base64,...")
    return media, data, ""


def one_prompt(prompt: Any) -> str:
    """A completion's prompt: text, or a list of one text."""
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise unreadable(
            "'prompt' is not one text", "one string; this model's upstream takes no lists and no token numbers"
        )
    return prompt


def texts(value: Any) -> list[str]:
    """Text or a list of texts, as a list."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not found or not all(isinstance(item, str) for item in found):
        raise unreadable(
            "the input is neither text nor a list of texts", "a string or a list of strings, no token numbers"
        )
    return found


def schema_of(response_format: Any) -> dict[str, Any] | None:
    """The JSON Schema that a response_format asks for; None where it asks for any JSON object."""
    if not isinstance(response_format, dict):
        raise unreadable("'response_format' is not an object", "{type: json_schema, json_schema: {schema: ...}}")
    kind = response_format.get("type")
    if kind == "json_object":
        return None
    wrapped = response_format.get("json_schema")
    schema = wrapped.get("schema") if isinstance(wrapped, dict) else None
    if kind != "json_schema" or not isinstance(schema, dict):
        raise unreadable("'response_format' has no schema", "{type: json_schema, json_schema: {schema: ...}}")
    return schema
