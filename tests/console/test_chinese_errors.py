"""Who switches the language reads all errors in it, those that were stored before as well; programs read English."""

import json
import re
from collections.abc import Callable
from html import unescape

import pytest
import yaml
from django.db import transaction
from django.test import Client
from django.utils import timezone, translation

from controlplane.base.jobs import engine
from controlplane.base.jobs import verbs as jobs
from controlplane.base.messages import Sentence, stored
from controlplane.base.models import Job
from controlplane.base.web.telling import told
from registry.canon import Adaptation, Failure, FailureKind
from registry.catalog import probing, releases
from registry.models import Model
from registry.protocols.compiler.catalog import PROTOCOLS
from registry.specfile import file as spec_file
from routing.calls import records
from routing.dataplane.recorder import Record
from routing.dataplane.unspoken import unspoken, words_kept
from tests.site import write_models
from tests.upstreams import Upstreams

Visitor = Callable[..., Client]
ALOUD = re.compile(r"\b(?!x\d|Idempotency|Content|Settings)[A-Za-z]{2,}(?: [a-z]{2,}){3,}")
"""Four English words in a row: a sentence that nobody translated."""


def test_evidence_of_every_protocol_is_told() -> None:
    with translation.override("zh-hans"):
        for document in PROTOCOLS.values():
            for probe in document.detection:
                assert not probe.evidence or told(Sentence(probe.evidence)) != probe.evidence


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


def switched(visitor: Visitor, address: str) -> tuple[str, str]:
    """The visible text of a page in Chinese, then in English."""
    pages = []
    for language in ("zh-hans", "en"):
        answer = visitor("admin", language=language).get(address)
        assert answer.status_code == 200
        pages.append(visible(answer.content.decode()))
    return pages[0], pages[1]


def test_a_failed_probe_is_told_in_the_language_of_the_page(visitor: Visitor, upstreams: Upstreams) -> None:
    spec = spec_file.read({**GOOD, "name": "away"})
    entry = releases.Entry(spec, spec_file.digest(spec_file.document(spec)))
    with transaction.atomic():
        ids = releases.store([entry], None).created
    probing.probe_models(ids, lambda ready, failed: None, lambda: False)
    model = Model.objects.get(name="away")
    assert model.state_reason.startswith("Model 'away': upstream http://127.0.0.1:9 cannot be reached: ")
    chinese, english = switched(visitor, "/models/away")
    assert "上游 http://127.0.0.1:9 无法连接" in chinese
    assert ALOUD.findall(chinese) == []
    assert "upstream http://127.0.0.1:9 cannot be reached" in english
    api = visitor("admin", language="zh-hans").get("/api/models/?q=away").json()["results"][0]
    assert api["state_reason"] == str(model.state_reason)


def test_a_reason_that_was_stored_as_english_still_shows(visitor: Visitor) -> None:
    (model,) = write_models(1)
    Model.objects.filter(pk=model.pk).update(state="unreachable", state_reason="the cable is out")
    assert all("the cable is out" in page for page in switched(visitor, f"/models/{model.name}"))


def test_a_refused_call_is_told_in_the_language_of_the_page(visitor: Visitor, db: None) -> None:
    failure = Failure(FailureKind.INVALID_REQUEST, Sentence("unused"), parameter="temperature", code="out_of_range")
    record = Record(
        id="0" * 31 + "7", at=timezone.now(), model="m", task="chat", api_key_id=None, endpoint="", status=400,
        failure="invalid_request", message=stored(words_kept(failure)), stream=False, attempts=1, duration_ms=1.0,
        first_byte_ms=None, prompt_tokens=None, completion_tokens=None, usage_basis="", revision=1,
        adapted=unspoken([Adaptation("stop", "dropped", "secret words")]),
    )  # fmt: skip
    records.store([record])
    chinese, english = switched(visitor, f"/calls/{record.id}")
    assert "temperature 被拒绝：invalid_request (out_of_range)" in chinese
    assert "12 个字符的文本" in chinese
    assert "temperature was refused: invalid_request (out_of_range)" in english
    assert "text of 12 characters" in english


def test_a_failed_job_is_told_in_the_language_of_the_page(visitor: Visitor, db: None) -> None:
    job = jobs.enqueue("probe", {}, title=Sentence("Probe {title}", title="m"), max_attempts=1)
    silent = Sentence("upstream {origin} was silent for {limit} s", origin="http://a:1", limit="20")
    (lease,) = engine.claim()
    lease.retry({"code": "exception", "message": silent})
    assert Job.objects.get(pk=job.pk).error["message"] == (
        "gave up after 1 attempts: upstream http://a:1 was silent for 20 s"
    )
    chinese, english = switched(visitor, f"/jobs/{job.pk}")
    assert "尝试 1 次后放弃：上游 http://a:1 沉默了 20 秒" in chinese
    assert "探测 m" in chinese
    assert "gave up after 1 attempts: upstream http://a:1 was silent for 20 s" in english
