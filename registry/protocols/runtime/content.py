"""Reads the messages and prompts of a call in OpenAI's form, for codecs. What cannot be read is a Failure."""

from collections.abc import Iterator
from typing import Any

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind
from registry.protocols.runtime.given import Given
from registry.protocols.runtime.media import data_address

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
INSTRUCTIONS = ("system", "developer")
TEXTS = ("text", "input_text", "output_text", "refusal")


def unreadable(what: str, expected: str) -> Failure:
    """The failure for content that is not in the documented form."""
    return Failure(
        FailureKind.INVALID_REQUEST,
        Sentence("{what}; expected {expected}.", what=what, expected=expected),
        code="invalid_content",
    )


def each_message(messages: Given) -> Iterator[tuple[str, Given]]:
    """Each message with its role."""
    if not isinstance(messages.value, list) or not messages.value:
        raise unreadable(Sentence("'messages' is not a list with content"), Sentence("a list of at least one message"))
    for index, message in enumerate(messages.items()):
        role = message.take("role")
        if role not in ROLES:
            raise unreadable(
                Sentence("messages[{index}].role is {role}", index=index, role=f"{role!r:.60}"),
                Sentence("one of {roles}", roles=", ".join(ROLES)),
            )
        yield role, message


def parts_of(message: Given) -> list[Given]:
    """A message's content as a list of parts: text, or objects with a type. A refusal beside it is one more text."""
    content = message.inner("content")
    parts: list[Given] = []
    if isinstance(content.value, str):
        parts = [content]
    elif content.value is not None:
        if not isinstance(content.value, list) or not all(isinstance(part, dict) for part in content.value):
            raise unreadable(
                Sentence("a message's content is neither text nor a list of parts"),
                Sentence("text or [{type: text, text: ...}]"),
            )
        parts = content.items()
    return [*parts, message.inner("refusal")] if isinstance(message.peek("refusal"), str) else parts


def kind_of(part: Given) -> Any:
    """The type of a part, not taken; that of bare text is text."""
    return "text" if isinstance(part.value, str) else part.peek("type")


def text_of(part: Given) -> str | None:
    """The text of a part, taken; None if the part is none of text."""
    if isinstance(part.value, str):
        return str(part.whole())
    if kind_of(part) not in TEXTS:
        return None
    part.take("type")
    return str(part.take("text") or part.take("refusal") or "")


def text_only(message: Given, why: str) -> str:
    """The text of a message's content; any other part is refused, because `why`."""
    return "".join(text_or_refuse(part, why) for part in parts_of(message))


def text_or_refuse(part: Given, why: str) -> str:
    """The text of a part. Raises Failure for a part of another type, and says `why` there may be text only."""
    found = text_of(part)
    if found is None:
        expected = Sentence("text only, because {why}", why=why)
        raise unreadable(Sentence("a message holds a part of type {part}", part=f"{kind_of(part)!r:.60}"), expected)
    return found


def image_of(part: Given) -> tuple[str, str, str]:
    """An image part as (registered media type, base64 data, ""), or ("", "", address) if it is a link."""
    part.take("type")
    image = part if isinstance(part.peek("image_url"), str) else part.inner("image_url")
    key = "image_url" if image is part else "url"
    address = image.take(key)
    if not isinstance(address, str) or not address:
        raise unreadable(Sentence("an image part has no image_url.url"), Sentence("a data: or https: address"))
    if image.peek("detail") == "auto":
        image.note("detail", "defaulted", image.take("detail"), None)
    address = address.strip()
    if address[:5].lower() != "data:":
        return "", "", address
    found = data_address(address)
    if found is None:
        raise unreadable(Sentence("an image's data: address is not base64"), "data:image/png;base64,...")
    written, media, data = found
    if written != media:
        image.note(key, "mapped", written, media)
    return media, data, ""


def one_prompt(prompt: Given) -> str:
    """A completion's prompt: text, or a list of one text."""
    value = prompt.whole()
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        raise unreadable(
            Sentence("'prompt' is not one text"),
            Sentence("one string; this model's upstream takes no lists and no token numbers"),
        )
    return value


def texts(given: Given) -> list[str]:
    """Text or a list of texts, as a list."""
    value = given.whole()
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not found or not all(isinstance(item, str) for item in found):
        raise unreadable(
            Sentence("the input is neither text nor a list of texts"),
            Sentence("a string or a list of strings, no token numbers"),
        )
    return found


def stops(given: Given) -> list[Any]:
    """One stop text or a list of them, as a list."""
    value = given.whole()
    return value if isinstance(value, list) else [value]


def settings(given: Given) -> dict[str, Any]:
    """An object of the upstream's own settings, sent as it is."""
    value = given.whole()
    if not isinstance(value, dict):
        raise unreadable(
            Sentence("{path} is not an object", path=repr(given.path)), Sentence("the upstream's own settings by name")
        )
    return value


def schema_of(response_format: Given) -> dict[str, Any] | None:
    """The JSON Schema that a response_format asks for; None if it asks for any JSON object.

    A schema's name is a label, and these upstreams always hold to a schema: both are fulfilled without being sent.
    """
    if not isinstance(response_format.value, dict):
        raise unreadable(
            Sentence("'response_format' is not an object"), "{type: json_schema, json_schema: {schema: ...}}"
        )
    kind = response_format.take("type")
    if kind == "json_object":
        return None
    wrapped = response_format.inner("json_schema")
    schema = wrapped.take("schema")
    wrapped.take("name")
    wrapped.take("strict")
    if kind != "json_schema" or not isinstance(schema, dict):
        raise unreadable(Sentence("'response_format' has no schema"), "{type: json_schema, json_schema: {schema: ...}}")
    return schema
