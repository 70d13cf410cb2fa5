"""Failures by cause: a job of hundreds of equal failures is a short page, and the cure is one click away."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from django.db import transaction
from django.test import Client

from controlplane.base import config
from controlplane.base.jobs import engine
from controlplane.base.messages import Sentence
from controlplane.base.models import Change, Job, Setting
from registry.catalog import probing, releases
from registry.models import Model
from registry.reasons import of_model
from registry.specfile import file as spec_file
from tests.site import bare, write_models
from tests.upstreams import Upstreams

Visitor = Callable[..., Client]
pytestmark = pytest.mark.django_db


def failed(count: int, upstreams: Upstreams, **changes: Any) -> list[Model]:
    """`count` practice models that speak OpenAI, each with `changes` in its spec, probed once."""
    every = yaml.safe_load(upstreams.yaml(20 * count))["models"]
    documents = [row for row in every if (row["protocol"], row["type"]) == ("OPENAI", "LLM")][:count]
    assert len(documents) == count
    specs = [spec_file.read({**document, **changes}) for document in documents]
    entries = [releases.Entry(spec, spec_file.digest(spec_file.document(spec))) for spec in specs]
    with transaction.atomic():
        ids = releases.store(entries, None).created
    probing.probe_models(ids, lambda ready, failed: None, lambda: False)
    return list(Model.objects.filter(pk__in=ids).order_by("pk"))


def ids_on(body: str) -> list[str]:
    """The ids that each group's form sends."""
    return re.findall(r'name="ids" value="([\d,]+)"', body)


def test_a_job_of_hundreds_of_equal_failures_is_a_short_page(visitor: Visitor) -> None:
    models = write_models(437)
    said = Sentence("The upstream says: {text}")
    reasons = [of_model(m.name, said.given(text=f"The model `{m.name}` does not exist.")) for m in models]
    rows = [{"name": m.name, "line": n, "reason": reasons[n - 1]} for n, m in enumerate(models, 1)]
    engineer = visitor("engineer")
    job = Job.objects.create(
        kind="import",
        state="succeeded",
        due_at="2026-01-01T00:00Z",
        result={"failed": rows},
        created_by_id=owner(engineer),
    )
    body = engineer.get(f"/jobs/{job.pk}").content.decode()
    assert "Failed for 1 cause" in body
    assert "The upstream says: The model … does not exist." in body
    assert models[0].name not in body
    assert len(body) < 30_000
    opened = re.search(r'hx-get="(/jobs/[^"]+cause=\w+)"', body)
    assert opened
    rows_page = engineer.get(opened[1]).content.decode()
    assert models[0].name in rows_page
    assert "437 rows" in rows_page


def owner(client: Client) -> int:
    """The account that `client` is signed in with."""
    return int(client.session["_auth_user_id"])


def test_the_list_says_the_cause_and_the_name_once(visitor: Visitor, upstreams: Upstreams) -> None:
    (model,) = failed(1, upstreams, upstream_model="unheard-of")
    assert model.state == "unreachable"
    assert model.state_reason.startswith(f"Model '{model.name}': ")
    body = visitor("viewer").get("/models").content.decode()
    assert f"Model &#x27;{model.name}" not in body
    assert "The upstream knows another name" in body
    assert "unheard-of" in body


def test_unreachable_models_are_grouped_and_a_viewer_only_reads(visitor: Visitor, upstreams: Upstreams) -> None:
    failed(5, upstreams, upstream_model="unheard-of")
    body = visitor("viewer").get("/models?state=unreachable").content.decode()
    assert "The upstream knows another name" in body
    assert "Probe again" not in body
    assert "Set upstream_model" not in body
    assert "Failed for" not in visitor("viewer").get("/models").content.decode()


def test_a_group_is_probed_again_as_one_job(visitor: Visitor, upstreams: Upstreams) -> None:
    models = failed(3, upstreams, upstream_model="unheard-of")
    engineer = visitor("engineer")
    (group,) = ids_on(engineer.get("/models?state=unreachable").content.decode().split("data-selection")[0])
    engineer.post("/bulk/probe", {"ids": group})
    assert sorted(Job.objects.get(kind="probe").input["models"]) == [model.pk for model in models]


def test_names_are_looked_over_applied_and_taken_back(visitor: Visitor, upstreams: Upstreams) -> None:
    models = failed(12, upstreams, upstream_model="unheard-of")
    asked = {model.pk: "unheard-of" for model in models}
    engineer = visitor("engineer")
    shown = engineer.post("/cures/names", {"ids": ",".join(map(str, asked))}).content.decode()
    chosen = dict(re.findall(r'name="(name-\d+)" value="([^"]+)"', shown))
    assert len(chosen) == len(models)
    assert not Job.objects.exists()
    answer = engineer.post("/cures/names/apply", {"ids": [name[5:] for name in chosen], **chosen})
    job = Job.objects.get(kind="probe")
    assert answer.headers["Location"] == f"/jobs/{job.pk}"
    changed = [int(name[5:]) for name in chosen]
    for model in Model.objects.filter(pk__in=changed).select_related("release"):
        assert model.release is not None
        assert model.release.spec.get("upstream_model", model.name) == chosen[f"name-{model.pk}"]
    probing.probe_models(changed, lambda ready, failed: None, lambda: False)
    assert set(Model.objects.filter(pk__in=changed).values_list("state", flat=True)) == {"ready"}
    entry = Change.objects.filter(verb="model.change").latest("id")
    assert len(entry.detail["upstream_model"]) == len(changed)
    page = bare(engineer.get(f"/jobs/{job.pk}").content.decode())
    undone = re.search(r'action="(/cures/names/undo)">.*?name="ids" value="([\d,]+)"', page)
    assert undone
    engineer.post(undone[1], {"ids": undone[2]})
    for model in Model.objects.filter(pk__in=changed).select_related("release"):
        assert model.release is not None
        assert (model.release.number, model.release.spec["upstream_model"]) == (3, "unheard-of")


def test_what_somebody_changed_since_is_not_taken_back(visitor: Visitor, upstreams: Upstreams) -> None:
    (model,) = failed(1, upstreams, upstream_model="unheard-of")
    engineer = visitor("engineer")
    engineer.post("/cures/names/apply", {"ids": model.pk, f"name-{model.pk}": "another"})
    engineer.post("/bulk/tag", {"ids": model.pk, "tags": "mine"})
    engineer.post("/cures/names/undo", {"ids": model.pk})
    release = Model.objects.select_related("release").get(pk=model.pk).release
    assert release is not None
    assert (release.number, release.spec["upstream_model"]) == (3, "another")


def test_nothing_is_changed_for_a_viewer_or_an_invalid_name(visitor: Visitor, upstreams: Upstreams) -> None:
    (model,) = failed(1, upstreams, upstream_model="unheard-of")
    form = {"ids": model.pk, f"name-{model.pk}": "x" * 1000}
    for address in ("/cures/names", "/cures/names/apply", "/cures/names/undo", "/cures/allow"):
        assert visitor("viewer").post(address, form).status_code == 403
    assert visitor("engineer").post("/cures/names/apply", form).status_code == 400
    assert visitor("engineer").post("/cures/names/apply", {"ids": model.pk}).status_code == 400
    assert model.releases.count() == 1


def test_an_admin_allows_the_address_of_a_group(visitor: Visitor, upstreams: Upstreams) -> None:
    Setting.objects.filter(key=config.EGRESS).update(value=["public"])
    models = failed(3, upstreams)
    origin = upstreams.url.removeprefix("http://")
    engineer, admin = visitor("engineer"), visitor("admin")
    assert "An admin can allow it" in engineer.get("/models?state=unreachable").content.decode()
    body = admin.get("/models?state=unreachable").content.decode()
    assert "The address is not allowed yet" in body
    assert f"Allow {origin} and probe" in body
    form = {"ids": [model.pk for model in models], "entry": origin}
    assert engineer.post("/cures/allow", form).status_code == 403
    admin.post("/cures/allow", form)
    assert config.egress_allow() == ("public", origin)
    assert Change.objects.filter(verb="settings.change").exists()
    assert Job.objects.filter(kind="probe").count() == 1


def test_an_entry_that_the_guard_does_not_ask_for_is_refused(visitor: Visitor, upstreams: Upstreams) -> None:
    """An upstream's words may name any entry; an admin's click must not open it."""
    Setting.objects.filter(key=config.EGRESS).update(value=["public"])
    (model,) = failed(1, upstreams)
    answer = visitor("admin").post("/cures/allow", {"ids": model.pk, "entry": "0.0.0.0/0"})
    assert answer.status_code == 400
    assert config.egress_allow() == ("public",)


def test_a_key_that_is_asked_for_is_entered_under_credentials(visitor: Visitor, upstreams: Upstreams) -> None:
    (model,) = failed(1, upstreams, endpoint=f"{upstreams.url}/m/1~401")
    assert "401" in model.state_reason
    body = visitor("engineer").get("/models?state=unreachable").content.decode()
    assert "The upstream asks for a key that it accepts" in body
    assert re.search(r'href="/credentials">\s*Enter a key', body)


def test_a_probe_job_says_why_it_failed(transactional_db: None, visitor: Visitor, upstreams: Upstreams) -> None:
    (model,) = failed(1, upstreams, upstream_model="unheard-of")
    engineer = visitor("engineer")
    address = engineer.post("/bulk/probe", {"ids": model.pk}).headers["Location"]
    engine.work({"probe": probing.run})
    body = engineer.get(address).content.decode()
    assert "The upstream knows another name" in body
    assert ids_on(body) == [str(model.pk)]
    Model.objects.filter(pk=model.pk).update(state="ready", state_reason="")
    body = engineer.get(address).content.decode()
    assert "None of them is unreachable now." in body
    assert ids_on(body) == []


def test_the_chinese_page_says_it_in_chinese(visitor: Visitor, upstreams: Upstreams) -> None:
    failed(2, upstreams, upstream_model="unheard-of")
    body = visitor("engineer", language="zh-hans").get("/models?state=unreachable").content.decode()
    assert "The upstream" not in body
