"""Protocol documents: every wrong key or value is refused with its file and path, and names never collide."""

from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from registry.canon import FailureKind, Request, Task
from registry.protocols import codecs
from registry.protocols.compiler.adapters import compile_document
from registry.protocols.compiler.catalog import ALIASES, PROTOCOLS, aliases_of, canonical_name, load, source
from registry.protocols.document import DocumentInvalid, MappingStep, read, schema
from registry.specfile.file import read as read_spec

MINIMAL: dict[str, Any] = {"name": "wire", "title": "A wire", "types": ["llm"], "operations": {}}
CHAT: dict[str, Any] = {"path": "/chat", "same_format": "choices", "rest": "send"}


def changed(**changes: Any) -> dict[str, Any]:
    """The smallest document with changes."""
    return {**MINIMAL, **changes}


def test_the_smallest_document() -> None:
    document = read(MINIMAL, "wire.yaml")
    assert (document.auth.kind, document.base_path) == ("none", "")
    assert (document.aliases, document.detection, document.control.init, document.errors) == ((), (), (), ())


@pytest.mark.parametrize("key", MINIMAL)
def test_required_keys(key: str) -> None:
    given = {name: value for name, value in MINIMAL.items() if name != key}
    with pytest.raises(DocumentInvalid, match=rf"^wire\.yaml: Object missing required field `{key}`"):
        read(given, "wire.yaml")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"surprise": 1}, "unknown field `surprise`"),
        ({"name": 7}, "`$.name`"),
        ({"types": "llm"}, "`$.types`"),
        ({"types": [1]}, "`$.types[0]`"),
        ({"auth": {"kind": "magic"}}, "`$.auth.kind`"),
        ({"auth": {"secret": "x"}}, "`$.auth`"),
        ({"headers": {"a": 1}}, "`$.headers[...]`"),
        ({"detection": [{}]}, "`$.detection[0]`"),
        ({"detection": [{"path": "/", "status": ["200"]}]}, "`$.detection[0].status[0]`"),
        ({"detection": [{"path": "/", "weight": "heavy"}]}, "`$.detection[0].weight`"),
        ({"discovery": {}}, "`$.discovery`"),
        ({"control": {"load": []}}, "`$.control`"),
        ({"control": {"init": [{"path": 1}]}}, "`$.control.init[0].path`"),
        ({"errors": [{"message": ["a"]}]}, "`$.errors[0]`"),
        ({"errors": [{"when": "a", "kinds": {"x": 1}}]}, "`$.errors[0].kinds[...]`"),
        ({"operations": {"chatting": CHAT}}, "Invalid enum value 'chatting'"),
        ({"operations": {"chat": {}}}, "`$.operations[...]`"),
        ({"operations": {"chat": {**CHAT, "rest": "keep"}}}, "`$.operations[...].rest`"),
        ({"operations": {"chat": {**CHAT, "transport": "carrier pigeon"}}}, "`$.operations[...].transport`"),
        ({"operations": {"chat": {**CHAT, "stream": {}}}}, "`$.operations[...].stream`"),
        ({"operations": {"chat": {**CHAT, "stream": {"framing": "csv"}}}}, "`$.operations[...].stream.framing`"),
        ({"operations": {"chat": {**CHAT, "body": [{"get": "a"}]}}}, "`$.operations[...].body[0]`"),
        ({"operations": {"chat": {**CHAT, "body": [{"put": "a", "if": "b"}]}}}, "`$.operations[...].body[0]`"),
        ({"operations": {"chat": {**CHAT, "body": [{"put": "a", "get": 7}]}}}, "`$.operations[...].body[0].get`"),
        ({"operations": {"chat": {**CHAT, "body": [{"put": "a", "range": [1]}]}}}, "`$.operations[...].body[0].range`"),
    ],
)
def test_a_wrong_document_says_where(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        read(changed(**changes), "wire.yaml")
    assert str(caught.value).startswith("wire.yaml: ")
    assert path in str(caught.value)


@pytest.mark.parametrize("value", [None, 7, [], "name: wire", True])
def test_a_document_is_a_mapping(value: Any) -> None:
    with pytest.raises(DocumentInvalid, match=r"^wire\.yaml: Expected `object`"):
        read(value, "wire.yaml")


@pytest.mark.parametrize("key", ["template", "expression", "eval", "if", "when", "regex", "format", "for"])
def test_the_mapping_language_stays_data(key: str) -> None:
    with pytest.raises(DocumentInvalid, match=f"unknown field `{key}`"):
        read(changed(operations={"chat": {**CHAT, "body": [{"put": "a", "get": "b", key: "x"}]}}), "wire.yaml")


@pytest.mark.parametrize(("get", "sources"), [("a", ("a",)), (["a", "b"], ("a", "b")), ([], ())])
def test_a_step_names_one_field_or_several(get: Any, sources: tuple[str, ...]) -> None:
    step = msgspec.convert({"put": "x", "get": get}, MappingStep)
    assert step.sources == sources


def folder(where: Path, **documents: dict[str, Any]) -> Path:
    """A folder of documents by file name."""
    for name, document in documents.items():
        (where / f"{name}.yaml").write_text(yaml.safe_dump(document))
    return where


def test_documents_are_found_by_their_file_s_name(tmp_path: Path) -> None:
    found = load(folder(tmp_path, wire=MINIMAL, other=changed(name="other")))
    assert list(found) == ["other", "wire"]
    with pytest.raises(DocumentInvalid, match=r"third\.yaml: the name is 'wire'; expected the file's name 'third'"):
        load(folder(tmp_path, third=MINIMAL))


def test_two_protocols_never_share_a_spelling(tmp_path: Path) -> None:
    found = load(folder(tmp_path, wire=changed(aliases=["W1"]), other=changed(name="other", aliases=["w1"])))
    with pytest.raises(DocumentInvalid, match="wire: the alias 'W1' belongs to other already"):
        aliases_of(found)
    alone = load(folder(tmp_path, other=changed(name="other", aliases=["OTHER", "o"])))
    assert aliases_of({"other": alone["other"]}) == {"other": "other", "o": "other"}


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_a_shipped_document_can_be_read_again_from_its_text(name: str) -> None:
    text = source(name)
    assert read(yaml.safe_load(text), name) == PROTOCOLS[name]
    jsonschema.validate(yaml.safe_load(text), schema())
    assert PROTOCOLS[name].title
    assert PROTOCOLS[name].description


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_a_shipped_document_can_be_detected_and_checked(name: str) -> None:
    document = PROTOCOLS[name]
    assert any(probe.has or probe.equals for probe in document.detection)
    assert all(probe.evidence and probe.weight > 0 for probe in document.detection)
    assert document.health
    assert document.discovery is not None


def test_an_unknown_protocol_has_no_text() -> None:
    with pytest.raises(KeyError):
        source("../secrets")


@pytest.mark.parametrize(("alias", "name"), sorted(ALIASES.items()))
def test_every_spelling_leads_to_its_protocol(alias: str, name: str) -> None:
    for spelling in (alias, alias.upper(), f" {alias.title()} ", alias.replace("_", "-"), alias.replace("_", " ")):
        assert canonical_name(spelling) == name


@pytest.mark.parametrize("wrong", ["", " ", "open ai inc", "soap", "_", "\x00"])
def test_other_words_are_no_protocol(wrong: str) -> None:
    assert canonical_name(wrong) is None


def test_errors_lead_to_kinds_that_exist() -> None:
    for document in PROTOCOLS.values():
        for rule in document.errors:
            assert set(rule.kinds.values()) <= set(FailureKind)
            assert all(phrase == phrase.lower() for phrases in rule.says.values() for phrase in phrases)


def test_every_codec_is_reachable_by_its_name() -> None:
    assert codecs.exists("ollama.messages")
    for wrong in ("ollama.Calls", "ollama.FINISH", "os.system", "ollama", "", "ollama.messages.x", "content.texts"):
        assert not codecs.exists(wrong)
    assert len(set(codecs.known())) == len(codecs.known())


def request(stream: bool = False, /, **fields: Any) -> Request:
    """A chat call."""
    return Request(Task.CHAT, {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()}, stream)


def test_a_new_wire_is_a_document_alone() -> None:
    operation = {
        "path": "/talk/{model}",
        "stream_path": "/talk/{model}/stream",
        "query": {"v": "2"},
        "headers": {"x-wire": "1"},
        "rest": "home",
        "home": "options",
        "body": [
            {"put": "engine", "value": "$model"},
            {"put": "input.turns", "get": "messages", "required": True},
            {"put": "mode", "value": "chat"},
            {"put": "limit", "get": ["max_tokens", "length"], "default": 100},
            {"put": "live", "value": "$stream"},
        ],
        "same_format": "choices",
    }
    document = read(changed(operations={"chat": operation}, base_path="/api"), "wire.yaml")
    spec = read_spec({"name": "m", "type": "llm", "protocol": "openai", "endpoint": "http://h"})
    encode = compile_document(document, spec).operations[Task.CHAT].encode
    whole = encode(request(messages=[1], heat=0.5), "up/1")
    assert (whole.wire.method, whole.wire.path, whole.wire.query) == ("POST", "/talk/up%2F1", b"v=2")
    assert whole.wire.headers == ((b"x-wire", b"1"),)
    assert msgspec.json.decode(whole.wire.body) == {
        "engine": "up/1",
        "input": {"turns": [1]},
        "mode": "chat",
        "limit": 100,
        "live": False,
        "options": {"heat": 0.5},
    }
    assert [(item.parameter, item.action) for item in whole.adapted] == [("length", "defaulted")]
    streamed = encode(request(True, messages=[1], length=7), "m")
    assert streamed.wire.path == "/talk/m/stream"
    assert msgspec.json.decode(streamed.wire.body)["live"] is True
    assert msgspec.json.decode(streamed.wire.body)["limit"] == 7
