"""Hot-fixed specs: what reaches the upstream is what the plan makes of the old request, and its new schema takes it."""

from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from registry.canon import Failure, Request, Task
from registry.protocols.compiler.adapters import compile_adapter
from registry.specfile import file as spec_file
from versions.diff.classify import classify
from versions.diff.model.specs import read_spec
from versions.diff.plan import apply
from versions.hotfix import adapt, callers_side

Document = dict[str, Any]
BASE: Document = {
    "name": "m", "type": "llm", "protocol": "openai", "endpoint": "http://x",
    "params": {
        "guidanceScale": {"type": "float", "range": [1, 20], "default": 7},
        "quality": {"type": "string", "options": ["HD", "low"], "default": "low"},
        "steps": {"type": "int", "range": [1, 50]},
        "seed": {"type": "int"},
    },
}  # fmt: skip


def changed(**params: Document | None) -> Document:
    """BASE with some parameters replaced; None removes one."""
    document = deepcopy(BASE)
    merged = {**document["params"], **params}
    return {**document, "params": {name: body for name, body in merged.items() if body is not None}}


def normal(document: Document) -> Document:
    return spec_file.document(spec_file.read(document))


def wire(document: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """What an adapter of this spec sends. Raises Failure if it refuses."""
    spec = spec_file.read(document)
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in {"messages": [], **fields}.items()}
    encoded = compile_adapter(spec).operations[Task.CHAT].encode(Request(Task.CHAT, raw), "m")
    sent: dict[str, Any] = msgspec.json.decode(encoded.wire.body)
    return sent


def fixed(base: Document, proposed: Document) -> Document:
    base, proposed = normal(base), normal(proposed)
    steps = [step.data() for step in classify(base, proposed).plan]
    found = adapt(base, proposed, steps)
    assert not found.left, found.left
    spec_file.read(found.document)
    return dict(found.document)


@pytest.mark.parametrize(
    ("proposed", "given_fields", "expected"),
    [
        (
            changed(guidanceScale=None, guidance_scale=BASE["params"]["guidanceScale"]),
            {"guidanceScale": 3},
            {"guidance_scale": 3, "quality": "low"},
        ),
        (changed(guidanceScale={"type": "float", "range": [1, 20], "default": 5}), {}, {"guidanceScale": 7}),
        (changed(guidanceScale={"type": "float", "range": [1, 20]}), {}, {"guidanceScale": 7}),
        (changed(steps={"type": "int", "range": [1, 30]}), {"steps": 44}, {"steps": 30}),
        (
            changed(quality={"type": "string", "options": ["hd", "low"], "default": "low"}),
            {"quality": "HD"},
            {"quality": "hd"},
        ),
        (changed(size={"type": "int", "required": True, "default": 4}), {}, {"size": 4}),
        (changed(extra={"type": "int"}), {"extra": 3}, {"extra": 3}),
    ],
    ids=["rename", "pin", "removed default", "clamp", "map", "inject", "offer"],
)  # fmt: skip
def test_a_compatible_hot_fix_for_each_kind_of_step(
    proposed: Document, given_fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    document = fixed(BASE, proposed)
    assert classify(normal(BASE), callers_side(document)).verdict == "compatible"
    assert expected.items() <= wire(document, given_fields).items()


def test_a_removed_parameter_is_taken_and_not_sent_and_a_person_is_asked() -> None:
    document = fixed(BASE, changed(seed=None))
    assert document["params"]["seed"]["sent"] is False
    assert "seed" not in wire(document, {"seed": 3})
    assert classify(normal(BASE), callers_side(document)).verdict == "breaking"


@pytest.mark.parametrize("protocol", ["openai", "anthropic", "ollama", "huggingface"])
def test_a_parameter_that_is_not_sent_reaches_no_wire_and_is_told(protocol: str) -> None:
    params = {"top_k": {"type": "int", "range": [1, 50], "default": 4, "sent": False}, "max_tokens": {"type": "int"}}
    spec = spec_file.read({**BASE, "protocol": protocol, "params": params})
    fields = {"messages": [{"role": "user", "content": "hi"}], "top_k": 3, "max_tokens": 5}
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    encode = compile_adapter(spec).operations[Task.CHAT].encode
    encoded = encode(Request(Task.CHAT, raw), "m")
    assert b"top_k" not in encoded.wire.body
    assert [(item.parameter, item.action) for item in encoded.adapted if item.parameter == "top_k"] == [
        ("top_k", "dropped")
    ]
    with pytest.raises(Failure, match="top_k"):
        encode(Request(Task.CHAT, raw, strict=True), "m")
    assert spec_file.read(spec_file.document(spec)) == spec


def test_a_renamed_option_that_is_the_default_stays_the_default() -> None:
    base = changed(quality={"type": "string", "options": ["HD", "low"], "default": "HD"})
    document = fixed(base, changed(quality={"type": "string", "options": ["hd", "low"], "default": "hd"}))
    assert document["params"]["quality"]["default"] == "HD"
    assert classify(normal(base), document).verdict == "compatible"
    assert wire(document, {})["quality"] == "hd"


def test_a_step_that_no_spec_can_say_is_left_with_the_reason() -> None:
    proposed = normal(changed(stop={"type": "array"}))
    found = adapt(normal(BASE), proposed, [{"do": "wrap", "path": ["stop"]}])
    assert found.document == proposed
    assert found.left[0][1] == "a spec cannot say wrap of stop"


NAMES = ("topK", "guidanceScale", "num_steps", "maxLength")
RENAMED = {"topK": "top_k", "guidanceScale": "guidance_scale", "num_steps": "numSteps", "maxLength": "max_length"}
WORDS = ("HD", "Low-Res", "fast")
NUMBERS = st.integers(-20, 40)


@st.composite
def parameters(draw: st.DrawFn) -> Document:
    kind = draw(st.sampled_from(["int", "float", "string", "bool"]))
    body: Document = {"type": kind}
    if kind == "string":
        body["options"] = draw(st.lists(st.sampled_from(WORDS), min_size=1, unique=True))
    if kind in ("int", "float") and draw(st.booleans()):
        low = draw(NUMBERS)
        body["range"] = [low, low + draw(st.integers(1, 30))]
    if draw(st.booleans()):
        body["default"] = draw(valid(body))
    elif draw(st.booleans()):
        body["required"] = True
    return body


def valid(body: Document) -> st.SearchStrategy[Any]:
    if body["type"] == "bool":
        return st.booleans()
    if "options" in body:
        return st.sampled_from(body["options"])
    low, high = body.get("range", [-100, 100])
    return st.integers(int(low), int(high))


@st.composite
def edits(draw: st.DrawFn, params: dict[str, Document]) -> dict[str, Document]:
    """The parameters after an upstream's change."""
    after = deepcopy(params)
    for name in list(params):
        body = after[name]
        if "range" in body and draw(st.booleans()):
            low, high = body["range"]
            body["range"] = [low, draw(st.integers(low, high + 5))]
        if "options" in body and draw(st.booleans()):
            body["options"] = [option.lower().replace("-", "_") for option in body["options"]]
        body.pop("default", None)
        if "default" in params[name] or draw(st.booleans()):
            body["default"] = draw(valid(body))
        if draw(st.integers(0, 3)) == 0:
            after[RENAMED[name]] = after.pop(name)
        elif draw(st.integers(0, 5)) == 0:
            del after[name]
    if draw(st.booleans()):
        after["added"] = {"type": "int", "required": True, "default": draw(NUMBERS)}
    return after


@st.composite
def cases(draw: st.DrawFn) -> tuple[Document, Document, dict[str, Any]]:
    params = draw(st.dictionaries(st.sampled_from(NAMES), parameters(), min_size=1))
    proposed = {**BASE, "params": draw(edits(params))}
    request = {name: draw(valid(body)) for name, body in params.items() if body.get("required") or draw(st.booleans())}
    return {**BASE, "params": params}, proposed, request


@given(cases())
@settings(max_examples=300)
def test_what_is_sent_is_the_plan_of_what_was_sent(case: tuple[Document, Document, dict[str, Any]]) -> None:
    base, proposed, request = normal(case[0]), normal(case[1]), case[2]
    report = classify(base, proposed)
    found = adapt(base, proposed, [step.data() for step in report.plan])
    serious = {
        item.key for item in classify(base, callers_side(found.document)).findings if item.severity != "compatible"
    }
    if found.left or serious - {"parameter-removed"}:
        event("not adapted")
        return
    event("steps" if report.plan else "no step")
    expected = apply(report.plan, wire(base, request))
    for name, body in proposed.get("params", {}).items():
        if name not in base["params"] and "default" in body:
            expected.setdefault(name, body["default"])
    sent = wire(found.document, request)
    assert sent == expected
    kept = {name: value for name, value in sent.items() if name not in ("model", "messages", "stream")}
    Draft202012Validator(read_spec(proposed).schema).validate(kept)
