"""Detection against the practice fleet, the truth and its lies, and against servers that are none."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.detection.detect import Detection, detect
from registry.detection.suggest import suggest
from registry.emulators.fleet import start
from registry.emulators.latency import Latency
from registry.emulators.roster import emulated
from registry.protocols.compiler.catalog import PROTOCOLS
from registry.specfile import file as spec_file
from registry.transports.egress import Egress, EndpointInvalid
from registry.transports.http import Client
from registry.upstreams.looking import CAP_S

Detect = Callable[..., Awaitable[Detection]]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    guard = Egress(("127.0.0.0/8",), frozenset())
    made = Client(lambda: guard)
    yield made
    await made.close()


@pytest.fixture
async def fleet() -> AsyncIterator[str]:
    server, _ = await start("127.0.0.1", 0, 32, Latency(0, 0))
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def words(found: Detection) -> str:
    return "\n".join(item.words for item in found.evidence)


def number_of(protocol: str, kind: str = "llm") -> int:
    return next(n for n in range(1, 33) if (emulated(n).protocol, emulated(n).type) == (protocol, kind))


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [
        ("openai", "llm"),
        ("openai", "embedding"),
        ("anthropic", "llm"),
        ("huggingface", "llm"),
        ("ollama", "llm"),
        ("ollama", "embedding"),
        ("kserve_v2", "tensor"),
    ],
)
async def test_every_wire_is_known_by_its_evidence_and_suggests_a_valid_spec(
    client: Client, fleet: str, protocol: str, kind: str
) -> None:
    number = number_of(protocol, kind)
    found = await detect(client, f"{fleet}/m/{number}")
    name = emulated(number).name
    assert (found.protocol, found.needs_key) == (protocol, False)
    assert [model.removesuffix(":latest") for model in found.models] == [name]
    assert found.evidence[0].matched
    assert " ms" in found.evidence[0].words
    spec = spec_file.read(found.suggested[0])
    assert (spec.name, spec.protocol, spec.endpoints) == (name, protocol, (f"{fleet}/m/{number}",))
    assert found.origins[0].keys() >= found.suggested[0].get("params", {}).keys()
    assert set(found.origins[0].values()) <= {"detected", "assumed"}
    if protocol != "openai":
        assert (spec.type, found.origins[0]["type"]) == (kind, "detected")


async def test_evidence_is_a_sentence_and_lists_of_many_models_are_counted(client: Client, fleet: str) -> None:
    found = await detect(client, f"{fleet}/all/openai/v1")
    assert "/v1/models returned 12 models in " in found.evidence[0].words
    assert len(found.suggested) == 12
    assert "/info answered 404 in " in words(found)


async def test_limits_that_the_upstream_tells_are_marked_detected(client: Client, fleet: str) -> None:
    tgi = await detect(client, f"{fleet}/m/{number_of('huggingface')}")
    assert tgi.suggested[0]["params"]["max_tokens"]["range"] == [1, 32768]
    assert (tgi.origins[0]["max_tokens"], tgi.origins[0]["temperature"]) == ("detected", "assumed")
    assert tgi.candidates == ("huggingface", "openai")
    ollama = await detect(client, f"{fleet}/m/{number_of('ollama')}")
    assert ollama.suggested[0]["params"]["temperature"] == {"type": "float", "default": 0.7, "range": [0, 2]}
    assert ollama.origins[0]["temperature"] == "detected"
    v2 = await detect(client, f"{fleet}/m/{number_of('kserve_v2', 'tensor')}")
    assert v2.suggested[0]["description"].startswith("inputs FEATURES FP32 [-1, ")


async def test_a_pasted_operation_path_is_cut(client: Client, fleet: str) -> None:
    for path in ("/v1", "/v1/", "/v1/chat/completions", "/v1/models"):
        found = await detect(client, f"{fleet}/m/1{path}")
        assert (found.protocol, found.endpoint) == ("openai", f"{fleet}/m/1")


async def test_an_upstream_that_asks_for_a_key_is_recognised_by_its_refusal(client: Client, fleet: str) -> None:
    for protocol in ("openai", "anthropic"):
        address = f"{fleet}/m/{number_of(protocol)}~key-s3cret"
        bare = await detect(client, address)
        assert (bare.protocol, bare.needs_key, bare.models) == (protocol, True, ())
        wrong = await detect(client, address, "s3cr3t")
        assert "s3cr3t" not in words(wrong)
        known = await detect(client, address, "s3cret")
        assert (known.protocol, len(known.models)) == (protocol, 1)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("html200", "a web page, not JSON"),
        ("wrongjson", "but not as this protocol does"),
        ("garbage", "text that is no JSON"),
        ("redirect", "169.254.169.254"),
        ("endless", "sent more than 1 MiB"),
        ("gzipbomb", ""),
        ("500", "asked to fail this call with 500"),
        ("bigheader", ""),
        ("wronglength", ""),
    ],
)
async def test_lying_upstreams_leave_evidence_and_no_protocol(
    client: Client, fleet: str, fault: str, said: str
) -> None:
    found = await detect(client, f"{fleet}/m/1~{fault}")
    assert found.protocol is None
    assert not found.suggested
    assert said in words(found)
    assert all(item.words for item in found.evidence)


async def test_silence_is_given_up_after_the_cap_for_all_probes_together(client: Client, fleet: str) -> None:
    begun = time.perf_counter()
    found = await detect(client, f"{fleet}/m/1~hang")
    assert CAP_S - 0.2 < time.perf_counter() - begun < CAP_S + 1.5
    assert found.protocol is None
    assert all(item.status is None for item in found.evidence)


async def test_nothing_listens_and_forbidden_addresses_are_said_so(client: Client) -> None:
    closed = await detect(client, "http://127.0.0.1:9")
    assert closed.protocol is None
    assert "cannot be reached" in words(closed)
    denied = await detect(client, "http://169.254.169.254/latest")
    assert denied.protocol is None
    assert "169.254.169.254" in words(denied)
    with pytest.raises(EndpointInvalid):
        await detect(client, "ftp://example.org")


async def test_bytes_that_are_no_http_are_survived(client: Client) -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    async with server:
        found = await detect(client, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert found.protocol is None
    assert all(item.words for item in found.evidence)


SAID = (
    *("max_model_len", "meta", "n_ctx", "parameters", "capabilities", "model_info", "x.context_length"),
    *("inputs", "outputs", "shape", "name", "datatype", "max_total_tokens", "max_tokens"),
)
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(SAID),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.sampled_from(sorted(PROTOCOLS)), st.text(st.characters(codec="utf-8"), min_size=1, max_size=60), JSON, JSON)
def test_whatever_an_upstream_says_of_its_models_the_suggestion_can_be_saved(
    protocol: str, model: str, card: Any, metadata: Any
) -> None:
    draft = suggest(PROTOCOLS[protocol], "http://10.0.0.1:8000", model, card, metadata)
    if model.isprintable() and model.strip() == model:
        assert spec_file.read(draft.document).name
