"""H9: a body of small parts is refused before it costs anything, and a large one does not hold up others."""

import asyncio
import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.canon import Failure
from routing.dataplane import parts
from routing.dataplane.caller import read_body
from routing.dataplane.fields import read_large
from tests.registry.transports.faults import serving
from tests.routing.dataplane.test_body import Arriving, head
from tests.routing.serving import gateway_for, model_row
from tests.routing.upstreams import answering

texts = st.text(st.sampled_from('a":,{}[]\\\n\u00e9'), max_size=12)
documents = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 99), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(texts, inner, max_size=6)),
    max_leaves=40,
)
SMALL_PARTS = {
    "messages": b'{"model":"m","messages":[' + b",".join([b'{"role":"user","content":"hi"}'] * 40_000) + b"]}",
    "objects": b'{"model":"m","messages":[' + b",".join([b"{}"] * 400_000) + b"]}",
    "fields": b'{"model":"m","messages":[]' + b"".join(b',"a%d":1' % number for number in range(20_000)) + b"}",
    "arrays": b'{"model":"m","messages":[' + b",".join([b"[]"] * 400_000) + b"]}",
    "strings": b'{"model":"m","messages":[' + b",".join([b'"a"'] * 400_000) + b"]}",
    "nested": b'{"model":"m","messages":[' + b",".join([b"[" * 400 + b"]" * 400] * 1000) + b"]}",
}


def marks(value: Any) -> tuple[int, int]:
    """Objects and their fields; arrays and what separates elements and fields."""
    if not isinstance(value, dict | list):
        return 0, 0
    fields, elements = (1 + len(value), 0) if isinstance(value, dict) else (0, 1)
    elements += max(0, len(value) - 1)
    for inner in value.values() if isinstance(value, dict) else value:
        found = marks(inner)
        fields, elements = fields + found[0], elements + found[1]
    return fields, elements


def refused(body: bytes) -> bool:
    try:
        parts.check(body)
    except Failure as failure:
        return failure.code == "too_many_parts"
    return False


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents, st.booleans(), st.integers(1, 9), st.integers(0, 12), st.integers(0, 12))
def test_a_body_is_refused_if_it_has_more_parts_outside_its_strings_wherever_it_is_cut(
    document: Any, ascii_only: bool, cut: int, most_fields: int, most_elements: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("UNCOUNTED_BYTES", 0), ("SLICE", cut)):
            patch.setattr(parts, name, value)
        patch.setattr(parts, "MOST_FIELDS", most_fields)
        patch.setattr(parts, "MOST_ELEMENTS", most_elements)
        fields, elements = marks(document)
        body = json.dumps(document, ensure_ascii=ascii_only).encode()
        assert refused(body) == (fields > most_fields or elements > most_elements)


@pytest.mark.parametrize("shape", SMALL_PARTS)
async def test_h9_a_body_of_small_parts_is_answered_413_and_no_upstream_sees_it(shape: str) -> None:
    async with serving(answering()) as upstream, gateway_for([model_row("m", upstream.port)]) as g, g.http() as http:
        answer = await http.post("/v1/chat/completions", content=SMALL_PARTS[shape])
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_parts")
        assert upstream.accepted == 0


async def test_large_bodies_that_are_fine_pass_whole() -> None:
    seen: list[bytes] = []
    text = 'He said: "well, {[yes]}: no"; \\ été. ' * 100_000
    body = {"model": "m", "messages": [{"role": "user", "content": text}], "stop": ["a"]}
    tokens = {"model": "e", "input": [list(range(8000)) for _ in range(30)]}
    async with (
        serving(answering(seen=seen)) as upstream,
        gateway_for(
            [
                model_row("m", upstream.port),
                model_row("c", upstream.port, protocol="anthropic"),
                model_row("e", upstream.port, type="embedding"),
            ]
        ) as g,
        g.http() as http,
    ):
        answer = await http.post("/v1/chat/completions", content=json.dumps(body, ensure_ascii=False).encode())
        assert answer.status_code == 200
        assert json.loads(seen[0].partition(b"\r\n\r\n")[2])["messages"] == body["messages"]
        await http.post("/v1/chat/completions", json={**body, "model": "c", "max_tokens": 5})
        said = json.loads(seen.pop().partition(b"\r\n\r\n")[2])["messages"]
        assert said[0]["content"] in (text, [{"type": "text", "text": text}])
        await http.post("/v1/embeddings", json=tokens)
        assert json.loads(seen[1].partition(b"\r\n\r\n")[2])["input"] == tokens["input"]


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3"])
async def test_a_large_body_that_is_no_text_is_refused_wherever_that_shows(bad: bytes) -> None:
    body = b'{"model": "m", "messages": "' + b"\xc3\xa9" * 700_000 + bad + b'"}'
    with pytest.raises(Failure, match="not UTF-8"):
        await read_large(body)


async def test_h9_the_loop_goes_on_while_large_bodies_are_read() -> None:
    text = 'say: "a, {b}" ' * 2_000_000
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
    assert len(body) > 29_000_000

    async def read() -> dict[str, Any]:
        return await read_large(await read_body(Arriving([(body, False)]), head()))

    reading = asyncio.gather(*(read() for _ in range(4)))
    waits = []
    while not reading.done():
        begun = time.perf_counter()
        await asyncio.sleep(0)
        waits.append(time.perf_counter() - begun)
    assert all("messages" in fields for fields in await reading)
    waits.sort()
    assert len(waits) > 200
    assert waits[int(len(waits) * 0.99)] < 0.05
