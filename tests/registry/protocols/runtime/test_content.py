"""Messages and prompts of a caller: every form that is read, and the words for every other."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.protocols.runtime import content
from registry.protocols.runtime.media import data_address, registered
from tests.registry.protocols.runtime.values import told, value, words


@pytest.mark.parametrize("role", content.ROLES)
def test_every_role_is_read(role: str) -> None:
    ((found, message),) = content.each_message(value([{"role": role, "content": "a"}]))
    assert (found, message.path) == (role, "messages[0]")


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ([], "'messages' is not a list with content; expected a list of at least one message."),
        ("hello", "'messages' is not a list with content; expected a list of at least one message."),
        ([{"content": "a"}], "messages[0].role is None; expected one of " + ", ".join(content.ROLES) + "."),
        ([{"role": "robot"}], "messages[0].role is 'robot'; expected one of " + ", ".join(content.ROLES) + "."),
        (["hello"], "messages[0].role is None; expected one of " + ", ".join(content.ROLES) + "."),
    ],
)
def test_what_is_no_conversation_is_refused(messages: Any, sentence: str) -> None:
    assert words(lambda: list(content.each_message(value(messages)))) == sentence


@pytest.mark.parametrize(
    ("message", "texts"),
    [
        ({"content": "a"}, ["a"]),
        ({"content": ""}, [""]),
        ({"content": None}, []),
        ({}, []),
        ({"content": [{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}]}, ["a", "b"]),
        ({"content": [{"type": "output_text", "text": "a"}]}, ["a"]),
        ({"content": [{"type": "refusal", "refusal": "no"}]}, ["no"]),
        ({"content": "a", "refusal": "no"}, ["a", "no"]),
        ({"content": None, "refusal": "no"}, ["no"]),
        ({"content": [{"type": "text"}]}, [""]),
        ({"content": [{"type": "image_url", "image_url": "x"}]}, [None]),
    ],
)
def test_parts_of_a_message(message: dict[str, Any], texts: list[str | None]) -> None:
    assert [content.text_of(part) for part in content.parts_of(value(message))] == texts


@pytest.mark.parametrize("wrong", [7, {"a": 1}, ["a"], [{"type": "text"}, "b"], True])
def test_content_of_another_form_is_refused(wrong: Any) -> None:
    sentence = words(content.parts_of, value({"content": wrong}))
    assert sentence == (
        "a message's content is neither text nor a list of parts; expected text or [{type: text, text: ...}]."
    )


def test_text_only() -> None:
    message = {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    assert content.text_only(value(message), "it is text") == "ab"
    wrong = {"content": [{"type": "image_url", "image_url": {"url": "x"}}]}
    sentence = words(content.text_only, value(wrong), "it is text")
    assert sentence == "a message holds a part of type 'image_url'; expected text only, because it is text."


PNG = "iVBORw0KGgoAAAA"
NOT_BASE64 = "an image's data: address is not base64; expected data:image/png;base64,...."


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"url": f"data:image/png;base64,{PNG}"}, ("image/png", PNG, "")),
        (f"data:image/png;base64,{PNG}", ("image/png", PNG, "")),
        ({"url": f" DATA:image/jpg;base64,{PNG} "}, ("image/jpeg", PNG, "")),
        ({"url": f"data:;base64,{PNG}"}, ("image/png", PNG, "")),
        ({"url": "data:image/*;base64,/9j/4AAQ"}, ("image/jpeg", "/9j/4AAQ", "")),
        ({"url": "data:image/webp;charset=x; BASE64 ,UklG Ri%0A"}, ("image/webp", "UklGRi", "")),
        ({"url": "https://h/a.png"}, ("", "", "https://h/a.png")),
        ("http://h/a.png", ("", "", "http://h/a.png")),
    ],
)
def test_images(image: Any, expected: tuple[str, str, str]) -> None:
    assert content.image_of(value({"type": "image_url", "image_url": image})) == expected


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ({"type": "image_url"}, "an image part has no image_url.url; expected a data: or https: address."),
        ({"image_url": {"url": ""}}, "an image part has no image_url.url; expected a data: or https: address."),
        ({"image_url": {"url": 7}}, "an image part has no image_url.url; expected a data: or https: address."),
        ({"image_url": "data:image/png,x"}, NOT_BASE64),
        ({"image_url": "data:image/png;base64"}, NOT_BASE64),
    ],
)
def test_what_is_no_image_is_refused(part: Any, sentence: str) -> None:
    assert words(content.image_of, value(part)) == sentence


def test_what_an_image_loses_is_told() -> None:
    part = value({"type": "image_url", "image_url": {"url": f"data:image/jpg;base64,{PNG}", "detail": "auto"}}, "p")
    content.image_of(part)
    assert told(part) == [
        ("p.image_url.detail", "defaulted", "auto", None),
        ("p.image_url.url", "mapped", "image/jpg", "image/jpeg"),
    ]
    high = value({"image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "high"}}, "p")
    content.image_of(high)
    assert told(high) == [("p.image_url.detail", "dropped", "high", None)]


@given(st.text(max_size=60))
def test_any_data_address_is_read_or_none(text: str) -> None:
    found = data_address("data:" + text)
    assert found is None or not any(letter.isspace() for letter in found[2])


@pytest.mark.parametrize(
    ("written", "data", "media"),
    [
        ("image/PNG", "", "image/png"),
        ("image/pjpeg", "", "image/jpeg"),
        ("image/x-png", "", "image/png"),
        ("", "R0lGODdh", "image/gif"),
        ("application/octet-stream", "UklGRxx", "image/webp"),
        ("", "????", "image/png"),
        ("image/*", "????", "image/*"),
        ("image/tiff", "/9j/", "image/tiff"),
    ],
)
def test_media_types_are_the_registered_ones(written: str, data: str, media: str) -> None:
    assert registered(written, data) == media


@pytest.mark.parametrize(("prompt", "text"), [("a", "a"), (["a"], "a"), ("", "")])
def test_one_prompt(prompt: Any, text: str) -> None:
    assert content.one_prompt(value(prompt)) == text


@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2], [], None, 7, [["a"]]])
def test_several_prompts_or_tokens_are_refused(prompt: Any) -> None:
    assert "takes no lists and no token numbers" in words(content.one_prompt, value(prompt))


@pytest.mark.parametrize(("given", "texts"), [("a", ["a"]), (["a", "b"], ["a", "b"])])
def test_texts(given: Any, texts: list[str]) -> None:
    assert content.texts(value(given)) == texts


@pytest.mark.parametrize("given", [[], [1], ["a", 1], None, {}, [["a"]]])
def test_what_are_no_texts_is_refused(given: Any) -> None:
    assert "a string or a list of strings" in words(content.texts, value(given))


def test_stops_and_settings() -> None:
    assert content.stops(value("a")) == ["a"]
    assert content.stops(value(["a", "b"])) == ["a", "b"]
    assert content.settings(value({"a": [1]})) == {"a": [1]}
    assert words(content.settings, value([], "options")) == (
        "'options' is not an object; expected the upstream's own settings by name."
    )


SCHEMA = {"type": "object"}


@pytest.mark.parametrize(
    ("given", "schema"),
    [
        ({"type": "json_object"}, None),
        ({"type": "json_schema", "json_schema": {"schema": SCHEMA}}, SCHEMA),
        ({"type": "json_schema", "json_schema": {"schema": SCHEMA, "name": "n", "strict": True}}, SCHEMA),
    ],
)
def test_a_wish_for_json(given: Any, schema: Any) -> None:
    made = value(given, "response_format")
    assert content.schema_of(made) == schema
    assert told(made) == []


@pytest.mark.parametrize(
    "given",
    [
        7,
        None,
        "json",
        {"type": "json_schema"},
        {"type": "xml", "json_schema": {"schema": {}}},
        {"type": "json_schema", "json_schema": {"schema": True}},
        {},
    ],
)
def test_a_wish_that_cannot_be_read_is_refused(given: Any) -> None:
    assert "{type: json_schema, json_schema: {schema: ...}}" in words(content.schema_of, value(given))
