"""Single values of a spec: what each key takes, and the sentence for every value that it does not take."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.specfile.errors import SpecInvalid
from registry.specfile.file import document, read
from registry.specfile.rules import UNITS
from registry.specfile.values import written_size
from tests.registry.specfile.rows import good, told, wrong

NAME = "1 to 200 of the characters A-Z a-z 0-9 . _ : / @ + -, starting with a letter or digit"
PARTS = "a name whose parts between slashes are neither empty nor . nor .."
TYPES = "one of llm, embedding, rerank, image, speech, transcription, moderation, classification, detection, tensor"
PROTOCOLS = "one of anthropic, huggingface, kserve_v2, ollama, openai"
SIZE = "a size such as 12GB, 512MiB or a number of bytes"
SECONDS = "seconds, more than 0 and at most 86400"
TAGS = "a list of tags, each at most 64 characters without commas"
KEYS = (
    "one of name, type, protocol, endpoint, params, constraints, resources, timeouts, upstream_model, credential, "
    "tags, aliases, owner, description, strict, deprecated, sunset"
)


@pytest.mark.parametrize("name", ["a", "7b", "org/model:7b", "gpt-4o@2024+x", "a.b_c", "x" * 200, "A/b/c"])
def test_a_name_travels_as_it_is(name: str) -> None:
    assert good(name=name).name == good(name=name).upstream_model == name


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("a b", f"name is 'a b'; expected {NAME}"),
        ("-a", f"name is '-a'; expected {NAME}"),
        ("", f"name is ''; expected {NAME}"),
        ("a\n", f"name is 'a\\n'; expected {NAME}"),
        ([], f"name is []; expected {NAME}"),
        ({}, f"name is a mapping with no keys; expected {NAME}"),
        (True, f"name is true; expected {NAME}"),
        (7, "name is the number 7, not text. Put it in quotes."),
        (0.5, "name is the number 0.5, not text. Put it in quotes."),
        ("a//b", f"name is 'a//b'; expected {PARTS}"),
        ("a/", f"name is 'a/'; expected {PARTS}"),
        ("a/../b", f"name is 'a/../b'; expected {PARTS}"),
        ("a/./b", f"name is 'a/./b'; expected {PARTS}"),
    ],
)
def test_a_wrong_name_says_why(value: Any, sentence: str) -> None:
    assert told(name=value) == [("name", sentence)]


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("llm", "llm"), ("LLM", "llm"), (" Chat ", "llm"), ("text_generation", "llm"), ("embeddings", "embedding"),
        ("Feature-Extraction", "embedding"), ("reranker", "rerank"), ("text-to-image", "image"),
        ("moderations", "moderation"), ("text-classification", "classification"),
        ("object_detection", "detection"), ("generic", "tensor"),
    ],
)  # fmt: skip
def test_a_type_has_many_spellings_and_one_form(given: str, kind: str) -> None:
    served = "kserve_v2" if kind in ("classification", "detection", "tensor") else "openai"
    assert good(type=given, protocol=served).type == kind


@pytest.mark.parametrize(
    ("value", "hint"),
    [("llmm", " Did you mean 'llm'?"), ("embeding", " Did you mean 'embedding'?"), ("", ""), ("weather", "")],
)
def test_a_wrong_type_lists_the_types(value: str, hint: str) -> None:
    assert told(type=value)[-1] == ("type", f"type is {value!r}; expected {TYPES}.{hint}")


def test_types_of_other_kinds_are_refused() -> None:
    assert told(type=3) == [("type", f"type is 3; expected {TYPES}.")]
    assert told(type=["weather"]) == [("type", f"type is ['weather']; expected {TYPES}.")]


@pytest.mark.parametrize(
    ("value", "shown", "hint"),
    [("opena", "'opena'", " Did you mean 'openai'?"), ("grpc!", "'grpc!'", ""), (7, "7", ""), ([], "[]", "")],
)
def test_a_wrong_protocol_lists_the_protocols(value: Any, shown: str, hint: str) -> None:
    ((place, sentence),) = told(protocol=value)
    assert place == "protocol"
    assert sentence.startswith(f"protocol is {shown}; expected {PROTOCOLS}.")
    assert sentence.endswith(hint)


def test_a_protocol_that_does_not_serve_the_type_says_what_it_serves() -> None:
    (error,) = wrong(type="embedding", protocol="claude")
    assert (error.path, error.expected) == ("type", "one of llm")
    assert error.message == "protocol anthropic does not serve type embedding; it serves llm"


@pytest.mark.parametrize("value", ["meta/Llama 3", "名前", "a:b@c"])
def test_the_upstream_s_name_may_be_any_text(value: str) -> None:
    assert good(upstream_model=value).upstream_model == value


@pytest.mark.parametrize("value", [" m", "m ", "", " ", 4, True, []])
def test_the_upstream_s_name_is_text_without_spaces_around(value: Any) -> None:
    ((place, sentence),) = told(upstream_model=value)
    assert (place, sentence.partition("; ")[2]) == (
        "upstream_model",
        "expected the model's name at the upstream, as text",
    )


@pytest.mark.parametrize(("key", "limit"), [("upstream_model", 200), ("owner", 150), ("description", 2000)])
def test_texts_have_a_length(key: str, limit: int) -> None:
    assert getattr(good(**{key: "x" * limit}), key) == "x" * limit
    ((place, sentence),) = told(**{key: "x" * (limit + 1)})
    assert place == key
    assert sentence.endswith(f"expected at most {limit} characters, none of them a control character")


@pytest.mark.parametrize("letter", ["\x00", "\x07", "\x0b", "\x1f", "\x7f", "\ud800"])
def test_texts_hold_no_control_characters(letter: str) -> None:
    ((place, sentence),) = told(description=f"a{letter}b")
    assert (place, "none of them a control character" in sentence) == ("description", True)


def test_texts_may_have_lines_and_tabs() -> None:
    assert good(description="a\n\tb").description == "a\n\tb"


@pytest.mark.parametrize("key", ["owner", "description"])
@pytest.mark.parametrize(("value", "shown"), [(1, "1"), ([], "[]"), (False, "false")])
def test_texts_are_text(key: str, value: Any, shown: str) -> None:
    assert told(**{key: value}) == [(key, f"{key} is {shown}; expected text")]


@pytest.mark.parametrize(
    "value", ["sk-live-1", "SK-x", "hf_abc", "xoxb-1", "gsk_1", "AKIA1", "eyJhbGciOi", "a b", 7, []]
)
def test_a_secret_in_place_of_a_credential_is_neither_taken_nor_repeated(value: Any) -> None:
    (error,) = wrong(credential=value)
    assert (error.path, error.given) == ("credential", "(not shown)")
    assert error.message == (
        "credential is not the name of a credential stored under Credentials; never write the secret itself into a spec"
    )


def test_a_credential_is_a_name() -> None:
    assert good(credential="openai-prod").credential == "openai-prod"
    assert good().credential is None


@pytest.mark.parametrize(
    ("value", "place", "sentence"),
    [
        ("a", "tags", f"tags is 'a'; expected {TAGS}"),
        (["t"] * 65, "tags", None),
        (["a,b"], "tags[0]", f"tags[0] is not part of {TAGS}"),
        (["a", " b"], "tags[1]", f"tags[1] is not part of {TAGS}"),
        ([""], "tags[0]", f"tags[0] is not part of {TAGS}"),
        ([1], "tags[0]", f"tags[0] is not part of {TAGS}"),
        (["x" * 65], "tags[0]", f"tags[0] is not part of {TAGS}"),
        (["a", "b", "a"], "tags[2]", "tags[2] is 'a'; expected each item once"),
    ],
)
def test_wrong_tags_are_told_one_by_one(value: Any, place: str, sentence: str | None) -> None:
    ((where, words),) = told(tags=value)
    assert where == place
    assert words == sentence if sentence else words.endswith(f"expected {TAGS}")


def test_tags_and_aliases_stay_in_order() -> None:
    spec = good(tags=["b", "a", "with space", "x" * 64], aliases=["z", "org/y"])
    assert spec.tags == ("b", "a", "with space", "x" * 64)
    assert spec.aliases == ("z", "org/y")


@pytest.mark.parametrize(
    ("value", "place", "sentence"),
    [
        ("a", "aliases", "aliases is 'a'; expected a list of names"),
        (["a b"], "aliases[0]", "aliases[0] is not part of a list of names"),
        (["a", "a"], "aliases[1]", "aliases[1] is 'a'; expected each item once"),
        (["x", "m"], "aliases[1]", "aliases[1] is 'm'; expected another name than the model's own"),
    ],
)
def test_wrong_aliases_are_told_one_by_one(value: Any, place: str, sentence: str) -> None:
    assert told(aliases=value) == [(place, sentence)]


@pytest.mark.parametrize("value", ["yes", 1, 0, [], "true"])
def test_strict_is_true_or_false(value: Any) -> None:
    ((place, sentence),) = told(strict=value)
    assert (place, sentence.partition("; ")[2]) == ("strict", "expected true or false")
    assert good(strict=True).strict is True
    assert good().strict is False


@pytest.mark.parametrize(
    ("given", "amount"),
    [
        ("12GB", 12 * 10**9), ("12 gb", 12 * 10**9), (" 0.003GB ", 3_000_000), ("512MiB", 512 * 2**20), ("1KiB", 1024),
        ("7B", 7), ("1TB", 10**12), ("2TiB", 2 * 2**40), ("0GB", 0), (7, 7), (0, 0), (10**18 - 1, 10**18 - 1),
    ],
)  # fmt: skip
def test_sizes_are_bytes(given: Any, amount: int) -> None:
    assert good(resources={"gpu_memory": given}).resources.gpu_memory == amount


@pytest.mark.parametrize(
    "given",
    ["12", "12 parsecs", "GB", "-1GB", "1e3GB", ".5GB", -1, 1.5, True, [], 10**18, "9" * 39 + "B", "99999999TB"],
)
def test_wrong_sizes_say_what_a_size_is(given: Any) -> None:
    ((place, sentence),) = told(resources={"vram_per_token": given})
    assert place == "resources.vram_per_token"
    assert sentence.startswith("vram_per_token is ")
    assert sentence.endswith(f"expected {SIZE}")


@given(st.integers(0, 10**18 - 1))
def test_a_written_size_means_the_same_bytes(amount: int) -> None:
    written = written_size(amount)
    assert good(resources={"gpu_memory": written}).resources.gpu_memory == amount
    assert isinstance(written, int) or written.rstrip("KMGTB").isdigit()


@given(st.integers(1, 999), st.sampled_from(sorted(UNITS)))
def test_every_unit_counts_what_it_says(number: int, unit: str) -> None:
    assert good(resources={"gpu_memory": f"{number}{unit}"}).resources.gpu_memory == number * UNITS[unit]


@pytest.mark.parametrize(
    ("given", "place", "sentence"),
    [
        ({"connect": 0}, "timeouts.connect", f"connect is 0; expected {SECONDS}"),
        ({"idle": -1}, "timeouts.idle", f"idle is -1; expected {SECONDS}"),
        ({"total": 86_401}, "timeouts.total", f"total is 86401; expected {SECONDS}"),
        ({"first_byte": "3"}, "timeouts.first_byte", f"first_byte is '3'; expected {SECONDS}"),
        ({"connect": True}, "timeouts.connect", f"connect is true; expected {SECONDS}"),
        ({"connect": float("nan")}, "timeouts.connect", f"connect is nan; expected {SECONDS}"),
        ({"first": 1}, "timeouts.first", "unknown key 'first'. Did you mean 'first_byte'?"),
        (3, "timeouts", "timeouts is 3; expected a mapping such as {connect: 3, total: 600}"),
    ],
)
def test_wrong_timeouts_say_why(given: Any, place: str, sentence: str) -> None:
    assert told(timeouts=given) == [(place, sentence)]


def test_timeouts_have_defaults_one_by_one() -> None:
    limits = good(timeouts={"connect": 1, "total": 86_400}).timeouts
    assert (limits.connect, limits.first_byte, limits.idle, limits.total) == (1.0, 60.0, 60.0, 86_400.0)
    assert good(timeouts={"idle": None}).timeouts.idle == 60.0


@pytest.mark.parametrize(
    ("given", "place", "sentence"),
    [
        (3, "resources", "resources is 3; expected a mapping such as {gpu_memory: 12GB}"),
        ({"gpu": 1}, "resources.gpu", "unknown key 'gpu'; expected one of gpu_memory, vram_per_token"),
        ({"gpu_memry": 1}, "resources.gpu_memry", "unknown key 'gpu_memry'. Did you mean 'gpu_memory'?"),
    ],
)
def test_wrong_resources_say_why(given: Any, place: str, sentence: str) -> None:
    assert told(resources=given) == [(place, sentence)]


@pytest.mark.parametrize(
    ("key", "hint"), [("parms", ". Did you mean 'params'?"), ("endpoints", ". Did you mean 'endpoint'?"), ("x", None)]
)
def test_an_unknown_key_is_named_and_its_value_is_not(key: str, hint: str | None) -> None:
    (error,) = wrong(**{key: "sk-hunter2"})
    assert error.path == error.given == key
    assert error.expected == KEYS
    assert error.message == f"unknown key {key!r}{hint or f'; expected {KEYS}'}"


def test_a_long_key_is_cut() -> None:
    (error,) = wrong(**{"k" * 500: 1})
    assert error.path == "k" * 60


@pytest.mark.parametrize("value", [None, [], "text", 7])
def test_a_row_is_a_mapping(value: Any) -> None:
    with pytest.raises(SpecInvalid) as caught:
        read(value)
    (error,) = caught.value.errors
    assert error.path == ""
    assert re.fullmatch(r"the document is .+; expected a mapping with name, type, protocol and endpoint", error.message)


def test_every_error_of_a_row_is_told_at_once() -> None:
    places = [place for place, _ in told(name="", type="x", protocol="y", endpoint="z", strict=3, owner=4, more=5)]
    assert places == ["more", "name", "type", "protocol", "endpoint", "owner", "strict"]


def test_what_is_left_out_is_not_written() -> None:
    assert document(good()) == {
        "name": "m",
        "type": "llm",
        "protocol": "openai",
        "endpoint": "http://h:8000",
    }
