"""New model and import, against the practice fleet: evidence, test call, save; every row's error, then a job."""

import json
import re
from collections.abc import Callable
from html import unescape

import pytest
from django.test import Client

from controlplane.base.models import Change, Job
from registry.models import Credential, Model
from tests.upstreams import Upstreams

Visitor = Callable[..., Client]
BAD_FILE = """models:
  - name: fine-one
    type: llm
    protocol: openai
    endpoint: http://127.0.0.1:9/m
  - name: upside-down
    type: llm
    protocol: openai
    endpoint: http://127.0.0.1:9/m
    params: {temperature: {type: float, range: [2, 0]}, top_p: {type: flaot}}
  - name: fine-one
    type: llm
    protocol: smoke-signals
    endpoint: not an address
"""


@pytest.fixture
def draft(visitor: Visitor, upstreams: Upstreams) -> dict[str, str]:
    """The form as it stands after detecting one model."""
    answer = visitor("engineer").post("/onboard/detect", {"address": f"{upstreams.url}/m/1/v1/chat/completions"})
    body = answer.content.decode()
    assert "speaks OpenAI" in body
    assert "/v1/models returned" in unescape(body)
    found = re.search(r'name="draft" value="([^"]*)"', body)
    name = re.search(r'name="m0-name" value="([^"]+)"', body)
    assert found
    assert name
    return {"draft": unescape(found[1]), "m0-pick": "1", "m0-name": name[1], "protocol": "openai"}


def test_evidence_marks_and_prefilled_parameters(draft: dict[str, str]) -> None:
    (document,) = json.loads(draft["draft"])
    assert document["protocol"] == "openai"
    assert document["endpoint"].startswith("http://127.0.0.1")
    assert "temperature" in document["params"]


def test_test_call_shows_what_went_and_what_came_with_the_key_masked(visitor: Visitor, draft: dict[str, str]) -> None:
    answer = visitor("engineer").post("/onboard/test", {**draft, "secret": "sk-very-secret-key-1234"})
    body = unescape(answer.content.decode())
    assert "It works" in body
    assert "POST /m/1/v1/chat/completions" in body
    assert "What callers get" in body
    assert "sk-very-secret-key-1234" not in body
    assert Change.objects.filter(verb="model.test").exists()
    assert not Model.objects.exists()


def test_save_keeps_edits_and_the_key_as_a_credential(visitor: Visitor, draft: dict[str, str]) -> None:
    edits = {
        "m0-name": "my-chat",
        "m0-p-temperature-default": "0.3",
        "m0-p-temperature-low": "0",
        "m0-p-temperature-high": "1",
    }
    answer = visitor("engineer").post("/onboard/save", {**draft, **edits, "secret": "sk-very-secret-key-1234"})
    assert answer.headers["Location"] == "/models/my-chat"
    model = Model.objects.get()
    assert model.release is not None
    temperature = model.release.spec["params"]["temperature"]
    assert (temperature["default"], temperature["range"]) == (0.3, [0, 1])
    assert model.credential == Credential.objects.get(name="127.0.0.1")
    assert Job.objects.filter(kind="probe").exists()


def test_nothing_is_half_saved(visitor: Visitor, draft: dict[str, str]) -> None:
    engineer = visitor("engineer")
    engineer.post("/onboard/save", {**draft, "m0-name": "taken"})
    answer = engineer.post("/onboard/save", {**draft, "m0-name": "taken", "secret": "sk-very-secret-key-1234"})
    assert "Nothing was saved" in answer.content.decode()
    assert "taken" in answer.content.decode()
    assert not Credential.objects.exists()


def test_another_one_keeps_address_and_key(visitor: Visitor, draft: dict[str, str]) -> None:
    answer = visitor("engineer").post("/onboard/save", {**draft, "then": "another"})
    assert "Address and key above are kept" in answer.content.decode()
    assert Model.objects.count() == 1


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nonsense", "nonsense"),
        ("http://169.254.169.254/", "169.254"),
        ("http://10.1.2.3:9/", "Settings"),
        ("http://127.0.0.1:9/", "No known protocol answered there"),
    ],
)
def test_bad_addresses_are_told_apart(visitor: Visitor, upstreams: Upstreams, address: str, words: str) -> None:
    answer = visitor("engineer").post("/onboard/detect", {"address": address})
    assert answer.status_code == 200
    assert words in unescape(answer.content.decode())


@pytest.mark.parametrize("given", ["", "[", "{}", "[1]", "[" * 9000])
def test_a_forged_draft_is_refused_in_words(visitor: Visitor, given: str, db: None) -> None:
    answer = visitor("engineer").post("/onboard/save", {"draft": given, "m0-pick": "1"})
    assert answer.status_code == 200
    assert "Nothing was saved" in answer.content.decode()


def test_dry_run_shows_every_error_of_every_row(visitor: Visitor, upstreams: Upstreams) -> None:
    answer = visitor("engineer").post("/onboard/plan", {"text": BAD_FILE, "file": "fleet.yaml"})
    body = unescape(answer.content.decode())
    for words in (
        "models[1].params.temperature.range",
        "models[1].params.top_p.type",
        "smoke-signals",
        "fleet.yaml:10",
    ):
        assert words in body
    assert "Import 1 valid row" in body
    assert not Model.objects.exists()
    assert not Job.objects.exists()


def test_import_is_one_job_however_often_one_clicks(visitor: Visitor, upstreams: Upstreams) -> None:
    engineer = visitor("engineer")
    text = upstreams.yaml(5)
    plan = engineer.post("/onboard/plan", {"text": text, "file": ""}).content.decode()
    assert "Import 5 models" in plan
    key = re.search(r'name="key" value="(\w+)"', plan)
    assert key
    given = {"text": text, "file": "", "mode": "atomic", "key": key[1]}
    places = {engineer.post("/onboard/apply", given).headers["Location"] for _ in range(3)}
    job = Job.objects.get(kind="import")
    assert places == {f"/jobs/{job.pk}"}
    assert "Waiting for a worker" in engineer.get(f"/jobs/{job.pk}").content.decode()


@pytest.mark.parametrize("text", ["", "{", "- 1", "models: 3", "a: &a [*a]"])
def test_what_is_no_spec_file_is_said(visitor: Visitor, text: str, db: None) -> None:
    answer = visitor("engineer").post("/onboard/plan", {"text": text})
    assert answer.status_code == 200
    assert "cannot be read as model specs" in answer.content.decode()


def test_edit_keeps_what_somebody_else_saved_meanwhile(visitor: Visitor, draft: dict[str, str]) -> None:
    engineer = visitor("engineer")
    engineer.post("/onboard/save", {**draft, "m0-name": "shared"})
    page = engineer.get("/edit/shared").content.decode()
    digest = re.search(r'name="digest" value="(\w+)"', page)
    text = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert digest
    assert text
    changed = {"text": unescape(text[1]) + "  owner: me\n", "digest": digest[1]}
    assert engineer.post("/edit/shared", changed).status_code == 302
    late = engineer.post("/edit/shared", {**changed, "text": unescape(text[1]) + "  owner: you\n"})
    assert late.status_code == 422
    assert "changed since you read it" in late.content.decode()
    assert Model.objects.get().owner == "me"
