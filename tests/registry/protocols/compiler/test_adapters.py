"""Protocol documents and specs become Python that reads well, the same text each time."""

import ast
import traceback
from typing import Any
from weakref import ref

import msgspec
import pytest
from msgspec import Raw
from msgspec.structs import replace

from registry.canon import FailureKind, Request, Task
from registry.protocols import codecs
from registry.protocols.adapter import CompileError
from registry.protocols.auth import SecretInvalid
from registry.protocols.compiler.adapters import RECENT, adapter_of, compile_adapter, compile_document
from registry.protocols.compiler.catalog import ALIASES, PROTOCOLS, aliases_of, canonical_name
from registry.protocols.document import (
    Auth,
    AuthKind,
    Document,
    DocumentInvalid,
    Framing,
    Media,
    Polling,
    Stream,
    Transport,
    UsagePaths,
    read,
    schema,
)
from registry.spec import Spec
from registry.specfile.file import read as read_spec
from registry.upstreams.binding import target

SHAPES = [(document.name, kind) for document in PROTOCOLS.values() for kind in document.types]
PARAMS = {
    "temperature": {
        "type": "float",
        "default": 0.7,
        "range": [0, 2],
        "convert": {"range": [0, 10]},
        "upstream": "heat",
    },
    "style": {"type": "string", "options": ["a'\"\\\n", "b"], "default": "b", "description": '"""'},
    "extra": {"type": "object", "default": {"a": [1, None, True]}},
}


def spec_of(protocol: str, kind: str = "llm", params: dict[str, Any] | None = None, name: str = "m") -> Spec:
    """A model."""
    row = {"name": name, "type": kind, "protocol": protocol, "endpoint": f"http://{name}"}
    return read_spec({**row, "params": PARAMS if params is None else params})


@pytest.mark.parametrize(("protocol", "kind"), SHAPES)
def test_source_is_deterministic_straight_and_well_formed(protocol: str, kind: str) -> None:
    spec = spec_of(protocol, kind)
    made, again = (compile_document(PROTOCOLS[protocol], spec) for _ in range(2))
    first, second = made.code, again.code
    assert (first.source, first.digest) == (second.source, second.digest)
    tree = ast.parse(first.source)
    branches = (ast.If, ast.For, ast.While, ast.Try, ast.Lambda, ast.ListComp)
    assert not [node for node in ast.walk(tree) if isinstance(node, branches)]
    assert max(map(len, first.source.splitlines())) <= 120
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            assert {alias.name for alias in node.names} <= used
        if isinstance(node, ast.FunctionDef):
            assert ast.get_docstring(node)
    assert set(first.operations) <= set(PROTOCOLS[protocol].operations)


def test_models_of_one_shape_share_an_adapter() -> None:
    assert compile_adapter(spec_of("openai", name="a")) is compile_adapter(spec_of("openai", name="b"))
    other = {**PARAMS, "style": {"type": "string"}}
    assert compile_adapter(spec_of("openai", name="a")) is not compile_adapter(spec_of("openai", params=other))


def test_adapters_that_nobody_holds_are_let_go() -> None:
    first = ref(adapter_of(spec_of("openai", params={"top_k": {"type": "int", "default": 0}})))
    for number in range(1, RECENT + 1):
        adapter_of(spec_of("openai", params={"top_k": {"type": "int", "default": number}}))
    assert first() is None


def test_an_error_in_generated_code_shows_its_line() -> None:
    encode = compile_adapter(spec_of("ollama")).operations[Task.CHAT].encode
    nothing: Any = None
    with pytest.raises(AttributeError) as caught:
        encode(nothing, "up")
    shown = "".join(traceback.format_exception(caught.value))
    assert "draft = Draft(request)" in shown


@pytest.mark.parametrize(
    "spelling", ["OPENAI", "HuggingFace", "tgi", "OLLAMA", "KServe", "triton", "V2", "kserve v2", "Claude"]
)
def test_aliases(spelling: str) -> None:
    assert canonical_name(spelling) in PROTOCOLS


def test_unknown_and_doubled_aliases() -> None:
    assert canonical_name("soap") is None
    assert all(alias == alias.lower() for alias in ALIASES)
    with pytest.raises(DocumentInvalid, match="belongs to"):
        aliases_of({"a": replace(PROTOCOLS["openai"], name="a"), "openai": PROTOCOLS["openai"]})


def changed(task: Task = Task.CHAT, **changes: Any) -> Document:
    """The OpenAI document with one operation changed."""
    document = PROTOCOLS["openai"]
    operation = replace(document.operations[task], **changes)
    return replace(document, operations={**document.operations, task: operation})


POLLING = Polling("id", "/jobs/{id}", "state", ("done",), ("failed",))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        *((replace(PROTOCOLS["openai"], auth=Auth(kind)), f"auth kind {kind}") for kind in
          (AuthKind.OAUTH2, AuthKind.SIGV4, AuthKind.TC3, AuthKind.HMAC_URL, AuthKind.JWT)),
        *((changed(stream=Stream(framing, codec="ollama.chat_delta")), f"framing {framing}") for framing in
          (Framing.JSON_ARRAY, Framing.AWS_EVENT_STREAM, Framing.WEBSOCKET, Framing.GRPC)),
        (changed(transport=Transport.GRPC), "transport grpc"),
        (changed(transport=Transport.WEBSOCKET), "transport websocket"),
        (changed(polling=POLLING), "polling of asynchronous jobs"),
        (changed(request_media=Media.MULTIPART), "media multipart"),
        (changed(usage=UsagePaths(cached=("usage.cached",))), "usage of cached"),
        (changed(reply="ollama.chat"), "either `reply`"),
        (changed(same_format="", reply="ollama.nothing"), "unknown codec 'ollama.nothing'"),
        (changed(stream=Stream(Framing.SSE)), "either `splice: true` or a codec"),
        (changed(Task.EMBEDDING, stream=Stream(Framing.SSE, splice=True)), "can stream"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused_by_name(document: Document, words: str) -> None:
    kind = "embedding" if "can stream" in words else "llm"
    with pytest.raises(CompileError, match=r"protocol openai") as caught:
        compile_document(document, spec_of("openai", kind, {}))
    assert words in str(caught.value)


def test_types_and_protocols_that_do_not_fit() -> None:
    with pytest.raises(CompileError, match="does not serve type embedding"):
        compile_document(PROTOCOLS["anthropic"], spec_of("openai", "embedding", {}))


def test_documents_are_checked() -> None:
    good = msgspec.to_builtins(PROTOCOLS["ollama"])
    assert read(good, "ollama.yaml") == PROTOCOLS["ollama"]
    for path, value in ((("auth",), {"kind": "magic"}), (("operations",), {"chatting": {}}), (("surprise",), 1)):
        with pytest.raises(DocumentInvalid, match=r"ollama\.yaml"):
            read({**good, path[0]: value}, "ollama.yaml")
    assert "operations" in str(schema())


def test_every_document_names_codecs_and_kinds_that_exist() -> None:
    for document in PROTOCOLS.values():
        for rule in document.errors:
            assert set(rule.kinds.values()) <= set(FailureKind)
    named = {
        codec
        for protocol, kind in SHAPES
        for codec in codecs.known()
        if codec in compile_adapter(spec_of(protocol, kind, {})).code.source
    }
    named |= {document.suggestion.facts for document in PROTOCOLS.values()} - {""}
    assert named == set(codecs.known()), "codecs that no document uses"


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (Auth(), ((), b"")),
        (Auth(AuthKind.BEARER), (((b"authorization", b"Bearer s 1"),), b"")),
        (Auth(AuthKind.HEADER, "X-Api-Key", "Key "), (((b"x-api-key", b"Key s 1"),), b"")),
        (Auth(AuthKind.QUERY, "key"), ((), b"key=s%201")),
        (Auth(AuthKind.BASIC), (((b"authorization", b"Basic cyAx"),), b"")),
    ],
)
def test_authorization(auth: Auth, expected: object) -> None:
    adapter = compile_document(replace(PROTOCOLS["openai"], auth=auth), spec_of("openai"))
    assert adapter.authorize("s 1") == expected
    assert adapter.authorize("") == ((), b"")


def test_a_secret_cannot_break_out_of_its_header() -> None:
    with pytest.raises(SecretInvalid) as caught:
        compile_adapter(spec_of("openai")).authorize("hunter2\r\nx-evil: 1")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("iris", "iris"),
        ("a/b", "a%2Fb"),
        ("..", "%2E%2E"),
        ("../x", "..%2Fx"),
        ("a b?c#d", "a%20b%3Fc%23d"),
        ("é", "%C3%A9"),
    ],
)
def test_model_names_stay_one_path_segment(name: str, path: str) -> None:
    adapter = compile_adapter(spec_of("kserve_v2", "tensor", {}))
    assert adapter.describe is not None
    assert adapter.describe.wire_for(name).path == f"/v2/models/{path}"
    assert adapter.init[0].wire_for(name).path == f"/v2/models/{path}/ready"


def test_control_calls_name_the_model() -> None:
    adapter = compile_adapter(spec_of("ollama"))
    assert adapter.init[0].wire_for('q"w').body == b'{"model":"q\\"w","stream":false}'
    assert adapter.terminate[0].wire_for("q").body == b'{"model":"q","stream":false,"keep_alive":0}'


@pytest.mark.parametrize(
    ("protocol", "endpoint", "path"),
    [
        ("openai", "http://h", "/v1/chat/completions"),
        ("openai", "http://h/v1/", "/v1/chat/completions"),
        ("openai", "http://h/m/3", "/m/3/v1/chat/completions"),
        ("openai", "http://h/api/paas/v4", "/api/paas/v4/chat/completions"),
        ("openai", "http://h/v1beta/openai", "/v1beta/openai/chat/completions"),
        ("anthropic", "http://h/gateway/v1", "/gateway/v1/messages"),
        ("ollama", "http://h:11434/api", "/api/chat"),
        ("huggingface", "http://h", "/generate"),
    ],
)
def test_base_paths_are_neither_doubled_nor_missed(protocol: str, endpoint: str, path: str) -> None:
    spec = read_spec({"name": "m", "type": "llm", "protocol": protocol, "endpoint": endpoint})
    adapter = compile_adapter(spec)
    messages = Raw(b'[{"role":"user","content":"a"}]')
    wire = adapter.operations[Task.CHAT].encode(Request(Task.CHAT, {"messages": messages}), "m").wire
    assert target(endpoint, adapter).path(wire) == path.encode()
