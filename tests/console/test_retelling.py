"""Chinese pages tell errors in Chinese: every sentence of verbs, specs and transports has its phrase."""

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.test import Client
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from controlplane.base.web.retelling import retell
from registry.protocols.compiler.catalog import PROTOCOLS
from tests.site import write_models
from tests.upstreams import Upstreams

Visitor = Callable[..., Client]
FOLDER = Path(settings.BASE_DIR)
ALOUD = re.compile(r"\b(?!x\d|Idempotency|Content|Settings)[A-Za-z]{2,}(?: [a-z]{2,}){3,}")
"""Four English words in a row: a sentence that nobody translated."""


def test_evidence_of_every_protocol_is_told() -> None:
    with translation.override("zh-hans"):
        for document in PROTOCOLS.values():
            for probe in document.detection:
                assert not probe.evidence or retell(probe.evidence) != probe.evidence


def test_parts_are_carried_over_and_told_themselves() -> None:
    with translation.override("zh-hans"):
        assert retell("there is no model named 'a; b'") == "没有名为 'a; b' 的模型"
        assert retell("temperature is 'hot'; expected two numbers [low, high]") == (
            "temperature 的值是 'hot'；应为：两个数 [低, 高]"
        )
        assert retell("a.yaml:4: models[0].type: type is missing") == "a.yaml:4: models[0].type: 缺少 type"
        assert retell("Model 'x': the upstream says: out of memory") == "模型 'x'：上游的原话：out of memory"
    assert retell("there is no model named 'x'") == "there is no model named 'x'"


@given(st.text(max_size=300))
def test_what_nobody_knows_stays_as_it_is(text: str) -> None:
    with translation.override("zh-hans"):
        told = retell(f"⟦{text}⟧")
    assert told.startswith("⟦")
    assert told.endswith("⟧")


WRONG_FILE = """models:
  - {name: "a b", type: chatty, protocol: smoke, endpoint: 'http://u:p@h/', colour: red}
  - {name: 7, type: llm, protocol: openai, endpoint: "ftp://x"}
  - name: upside-down
    type: llm
    protocol: ollama
    endpoint: http://127.0.0.1:9/m?x=1
    params: {temperature: {type: float, range: [2, 0], outside: maybe}, top_p: {type: flaot}, model: {type: int}, k: 3}
    constraints: [{exclusive: [a]}, {when: 1}]
    resources: {gpu_memory: much}
    timeouts: {connect: -1}
    tags: [",", x, x]
    aliases: [upside-down]
    credential: sk-secret
    strict: maybe
  - {name: upside-down, type: tensor, protocol: openai, endpoint: [], owner: 3}
  - {name: nobody, type: llm, protocol: openai, endpoint: "http://127.0.0.1:9", credential: missing-one}
  - 3
"""
BROKEN_FILES = [
    "",
    "{",
    "a: [1",
    "- 1",
    "models: 3",
    "a: &a [*a]",
    "a: !tag 1",
    "\tx: 1",
    "a: 1\n b: 2",
    "'x",
    "? [a]: 1",
]
GOOD = {"name": "own", "type": "llm", "protocol": "openai", "endpoint": "http://127.0.0.1:9"}
FORMS = [
    ("/onboard/detect", {"address": "nonsense"}),
    ("/onboard/detect", {"address": "http://169.254.169.254/"}),
    ("/onboard/detect", {"address": "http://10.1.2.3:9/"}),
    ("/onboard/detect", {"address": "http://user:word@host/"}),
    ("/onboard/detect", {"address": "http://127.0.0.1:9/"}),
    ("/onboard/test", {"draft": "[", "m0-pick": "1"}),
    ("/onboard/test", {"draft": json.dumps([GOOD]), "m0-pick": "1", "m0-name": "own"}),
    ("/onboard/save", {"draft": json.dumps([GOOD]), "m0-name": "own"}),
    ("/onboard/save", {"draft": json.dumps([GOOD]), "m0-pick": "1", "m0-name": "new"}),
    ("/edit/chat-00000", {"text": "models:\n- {name: chat-00000}", "digest": "0"}),
    ("/edit/chat-00000", {"text": yaml.safe_dump({"models": [{**GOOD, "name": "chat-00000"}]}), "digest": "0"}),
    ("/edit/chat-00000", {"text": yaml.safe_dump({"models": [{**GOOD, "name": "else"}]})}),
    ("/bulk/tag", {"ids": [], "tags": ""}),
    ("/bulk/probe", {"ids": [0]}),
    ("/credentials/create", {"name": "c", "origin": "ftp://x", "secret": "s"}),
    ("/credentials/create", {"name": "c", "origin": "https://x", "secret": "söcret"}),
    ("/keys/create", {"name": "k", "scopes": ["call"], "models": "a b!", "calls_per_minute": "1"}),
    ("/keys/create", {"name": "k", "scopes": ["call"], "expires_at": "2001-01-01T00:00"}),
    ("/settings/egress", {"entries": "10.0.0.0/99"}),
    ("/settings/password", {"old": "wrong", "new": "short"}),
    ("/settings/invite", {"role": "king"}),
]


def visible(body: str) -> str:
    """The text of a page without code and what people typed."""
    bare = re.sub(r"<(pre|textarea|code|svg|kbd|script|option)\b.*?</\1>", " ", body, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]*>", "\n", bare))


@pytest.mark.parametrize(("address", "given"), FORMS)
def test_wrong_input_is_told_in_chinese(
    visitor: Visitor, upstreams: Upstreams, address: str, given: dict[str, str]
) -> None:
    write_models(1)
    admin = visitor("admin", language="zh-hans")
    answer = admin.post(address, given)
    assert answer.resolver_match is not None
    assert answer.status_code in (200, 400, 404, 409, 422), (answer.status_code, answer.headers)
    assert ALOUD.findall(visible(answer.content.decode())) == []


@pytest.mark.parametrize("text", [WRONG_FILE, *BROKEN_FILES])
def test_every_error_of_a_file_is_told_in_chinese(visitor: Visitor, upstreams: Upstreams, text: str) -> None:
    answer = visitor("engineer", language="zh-hans").post("/onboard/plan", {"text": text, "file": "f.yaml"})
    assert answer.status_code == 200
    assert ALOUD.findall(visible(answer.content.decode())) == []


def test_addresses_without_anything_are_told_in_chinese(visitor: Visitor, db: None) -> None:
    admin = visitor("admin", language="zh-hans")
    for address in ("/models/nobody", "/jobs/00000000-0000-4000-8000-000000000000", "/models?sort=colour"):
        assert ALOUD.findall(visible(admin.get(address).content.decode())) == []


def test_programs_read_english_whatever_the_language(visitor: Visitor, db: None) -> None:
    answer = visitor("admin", language="zh-hans").get("/api/models/nobody/", headers={"Accept-Language": "zh-hans"})
    assert "there is no model" in answer.json()["error"]["message"]
