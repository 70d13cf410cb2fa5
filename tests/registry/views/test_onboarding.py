"""New model and import, against the practice fleet: evidence, test call, save; every row's error, then a job."""

import json
import re
from collections.abc import Callable
from html import unescape
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from controlplane.base import config
from controlplane.base.models import Change, Job, Setting, User
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
    assert model.credential == Credential.objects.get(name=urlsplit(model.endpoint).netloc)
    assert model.release.spec["upstream_model"] == json.loads(draft["draft"])[0]["name"]
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
        ("http://127.0.0.1:9/", "Nothing answers at http://127.0.0.1:9"),
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
        'data-goto-line="10"',
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


def test_private_address_is_allowed_by_an_admin_and_the_look_goes_on(visitor: Visitor, upstreams: Upstreams) -> None:
    Setting.objects.filter(key=config.EGRESS).update(value=["public"])
    given = {"address": f"{upstreams.url}/m/1", "secret": "sk-very-secret-key-1234"}
    origin = urlsplit(upstreams.url).netloc
    before = Change.objects.filter(verb="settings.change").count()
    admin = visitor("admin")
    User.objects.update(last_login=timezone.now())
    refused = visitor("engineer").post("/onboard/detect", given).content.decode()
    assert "Not allowed yet" in refused
    assert origin in refused
    assert f"Ask an admin ({User.objects.get(role='admin').username})" in refused
    assert "onboard/allow" not in refused
    assert visitor("engineer").post("/onboard/allow", given).status_code == 403
    assert f"Allow {origin} and go on" in admin.post("/onboard/detect", given).content.decode()
    assert "It speaks OpenAI" in admin.post("/onboard/allow", given).content.decode()
    assert config.egress_allow() == ("public", origin)
    assert Change.objects.filter(verb="settings.change", object_id=config.EGRESS).count() == before + 1


@pytest.mark.parametrize("address", ["http://169.254.169.254/", "http://[fe80::1]/", "http://0.0.0.0:80/"])
def test_what_can_never_be_reached_is_not_offered(visitor: Visitor, address: str, db: None) -> None:
    admin = visitor("admin")
    for path in ("/onboard/detect", "/onboard/allow"):
        body = admin.post(path, {"address": address}).content.decode()
        assert "can never be reached" in unescape(body)
        assert "and go on" not in body
    assert not Change.objects.filter(verb="settings.change").exists()


def test_looking_again_and_again_is_one_audit_entry(visitor: Visitor, upstreams: Upstreams) -> None:
    engineer = visitor("engineer")
    for secret in ("", "", "sk-one-key-12345", "sk-one-key-12345"):
        engineer.post("/onboard/detect", {"address": f"{upstreams.url}/m/1", "secret": secret})
    assert Change.objects.filter(verb="model.detect").count() == 2


def test_models_that_exist_are_marked_and_not_ticked(visitor: Visitor, draft: dict[str, str]) -> None:
    engineer = visitor("engineer")
    engineer.post("/onboard/save", draft)
    model = Model.objects.get()
    body = engineer.post("/onboard/detect", {"address": model.endpoint}).content.decode()
    assert "(1 already here)" in body
    assert f'href="/models/{model.name}"' in body
    assert not re.search(r'name="m0-pick" value="1" checked', body)


def test_untested_models_are_called_first_and_kept_only_disabled(visitor: Visitor, draft: dict[str, str]) -> None:
    engineer = visitor("engineer")
    broken = json.dumps([{**json.loads(draft["draft"])[0], "upstream_model": "no-such-model"}])
    body = engineer.post("/onboard/save", {**draft, "draft": broken}).content.decode()
    assert "It does not work yet" in body
    assert "Nothing was saved" in body
    assert not Model.objects.exists()
    engineer.post("/onboard/save", {**draft, "draft": broken, "then": "disabled"})
    assert Model.objects.get().state == "disabled"


def test_many_ticked_models_are_tested_some_at_a_time_and_saved_at_the_end(
    visitor: Visitor, draft: dict[str, str]
) -> None:
    (document,) = json.loads(draft["draft"])
    many = {"draft": json.dumps([{**document, "upstream_model": document["name"], "name": f"m{n}"} for n in range(40)])}
    picks = {f"m{n}-pick": "1" for n in range(40)}
    engineer = visitor("engineer")
    body = engineer.post("/onboard/save", {**many, **picks}).content.decode()
    seen, steps = re.findall(r'name="proof" value="(\w+)"', body), [len(re.findall("<details", body))]
    assert "16 of 40 tested" in body
    while 'hx-trigger="load"' in body and "/onboard/test" in body:
        step = {"more": "1", "saving": "1", "then": "", "proof": seen}
        body = engineer.post("/onboard/test", {**many, **picks, **step}).content.decode()
        seen += re.findall(r'name="proof" value="(\w+)"', body)
        steps.append(len(re.findall("<details", body)))
    assert steps == [16, 16, 8]
    assert Change.objects.filter(verb="model.test").count() == 40
    assert 'hx-post="/onboard/save"' in body
    assert not Model.objects.exists()
    engineer.post("/onboard/save", {**many, **picks, "proof": seen})
    assert Model.objects.count() == 40
    assert Change.objects.filter(verb="model.test").count() == 40


def test_what_failed_is_not_called_again_in_the_next_step(visitor: Visitor, draft: dict[str, str]) -> None:
    (document,) = json.loads(draft["draft"])
    names = [document["name"] if n % 2 else "nobody" for n in range(20)]
    many = {
        "draft": json.dumps([{**document, "upstream_model": name, "name": f"m{n}"} for n, name in enumerate(names)])
    }
    picks = {f"m{n}-pick": "1" for n in range(20)}
    engineer = visitor("engineer")
    body = engineer.post("/onboard/test", {**many, **picks}).content.decode()
    assert "8 of 16 work" in body
    sealed = {name: re.findall(rf'name="{name}" value="(\w+)"', body) for name in ("proof", "failed")}
    assert [len(values) for values in sealed.values()] == [8, 8]
    body = engineer.post("/onboard/test", {**many, **picks, **sealed, "more": "1"}).content.decode()
    assert "10 of 20 work" in body
    assert Change.objects.filter(verb="model.test").count() == 20
    assert "Save, what does not work disabled" in body
    assert "16 of 20" not in body


def test_proof_of_a_call_is_for_that_spec_and_key_alone(visitor: Visitor, draft: dict[str, str]) -> None:
    engineer = visitor("engineer")
    body = engineer.post("/onboard/test", draft).content.decode()
    (proof,) = re.findall(r'name="proof" value="(\w+)"', body)
    for change in ({"m0-name": "other"}, {"secret": "sk-another-key-123"}):
        engineer.post("/onboard/save", {**draft, "proof": proof, **change, "then": "disabled"})
        assert Model.objects.latest("pk").state == "disabled"
        Model.objects.update(release=None)
        Model.objects.all().delete()
    engineer.post("/onboard/save", {**draft, "proof": proof, "then": "disabled"})
    assert Model.objects.get().state == "probing"


def test_the_plan_s_rows_are_walked_to_the_last(visitor: Visitor, db: None) -> None:
    rows = [
        f"  - {{name: chat-{n}, type: {'llm' if n % 2 else 'nonsense'}, protocol: openai, endpoint: "
        for n in range(420)
    ]
    text = "models:\n" + "".join(f'{row}"http://127.0.0.1:9/m"}}\n' for row in rows)
    engineer = visitor("engineer")
    for kind, start in (("wrong", 0), ("fine", 1)):
        names, page = [], 1
        while page:
            body = engineer.post("/onboard/plan", {"text": text, kind: page}).content.decode()
            names += re.findall(r'<span class="name">(chat-\d+)</span>', section(body, kind))
            page = turned(body, kind)
        assert names == [f"chat-{n}" for n in range(start, 420, 2)]


def section(body: str, kind: str) -> str:
    """The part of a plan that lists the invalid rows, or the valid ones."""
    wrong, _, fine = body.partition('<details class="fine"')
    return wrong if kind == "wrong" else fine


def turned(body: str, kind: str) -> int:
    """The page after this one of a plan's rows; 0 on the last."""
    found = re.search(rf"""hx-vals='{{"{kind}": "(\d+)"}}' data-turn="next\"""", body)
    return int(found[1]) if found else 0


def test_a_plan_says_each_thing_once_and_gives_the_wrong_rows_out(visitor: Visitor, db: None) -> None:
    engineer = visitor("engineer")
    body = unescape(engineer.post("/onboard/plan", {"text": BAD_FILE}).content.decode())
    (told,) = re.findall(r"type is 'flaot'[^<]*", body)
    assert body.count("'flaot'") == 1
    assert "expected one of" in told
    assert 'data-goto-line="10"' in body
    assert "Take these 2 out as YAML" in body
    taken = engineer.post("/onboard/wrong.yaml", {"text": BAD_FILE, "file": "fleet.yaml"})
    assert taken.headers["Content-Disposition"] == 'attachment; filename="invalid-rows.yaml"'
    text = taken.content.decode()
    assert "# upside-down: fleet.yaml:10: " in text
    again = engineer.post("/onboard/plan", {"text": text}).content.decode()
    assert "2 invalid rows" in again
    assert visitor("viewer").post("/onboard/wrong.yaml", {"text": BAD_FILE}).status_code == 403
