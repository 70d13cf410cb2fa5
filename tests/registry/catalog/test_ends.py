"""Dates of a model's end: what its spec says goes before what its upstream said, and a date is a release like any."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from controlplane.base.models import Change, Job, Revision, User
from controlplane.base.refusals import Invalid
from registry.catalog import importing, lineage, probing, verbs
from registry.lifecycle import Lifecycle
from registry.models import Model, ModelState

pytestmark = pytest.mark.django_db
SPEC: dict[str, Any] = {"name": "m", "type": "llm", "protocol": "openai", "endpoint": "http://127.0.0.1:9"}
JANUARY, JUNE, JULY = (datetime(2027, month, 1, tzinfo=UTC) for month in (1, 6, 7))


@pytest.fixture
def engineer(person: Callable[..., User]) -> User:
    """Whose model `m` says no date."""
    found = person("engineer")
    verbs.create(found, SPEC)
    return found


def ends() -> Lifecycle:
    """What callers of `m` are told."""
    return Lifecycle(*Model.objects.values_list("deprecated_at", "sunset_at").get())


def test_a_spec_s_date_is_told_instead_of_the_upstream_s_and_gone_with_the_spec_s(engineer: User) -> None:
    model = Model.objects.get()
    assert probing.note_ends(model.pk, Lifecycle(JANUARY, JUNE))
    verbs.change(engineer, "m", {**SPEC, "sunset": "2027-07-01"})
    assert ends() == Lifecycle(JANUARY, JULY)
    assert not probing.note_ends(model.pk, Lifecycle(None, JANUARY)), "callers are told nothing else"
    assert ends() == Lifecycle(JANUARY, JULY)
    assert Model.objects.get().upstream_ends == Lifecycle(JANUARY, JANUARY)
    lineage.restore(engineer, "m", 1)
    assert ends() == Lifecycle(JANUARY, JANUARY)


def test_what_an_upstream_ends_earlier_is_deprecated_by_then(engineer: User) -> None:
    verbs.change(engineer, "m", {**SPEC, "deprecated": "2027-07-01"})
    assert probing.note_ends(Model.objects.get().pk, Lifecycle(None, JUNE))
    assert ends() == Lifecycle(JUNE, JUNE)


def test_a_date_is_a_release_that_is_audited_and_asks_for_no_probe(engineer: User) -> None:
    Model.objects.update(state=ModelState.READY)
    Job.objects.all().delete()
    revision = Revision.objects.get().number
    verbs.change(engineer, "m", {**SPEC, "deprecated": "2027-06-01", "sunset": "2027-07-01"})
    assert (Model.objects.get().state, Job.objects.count()) == (ModelState.READY, 0)
    assert Revision.objects.get().number == revision + 1
    changed = Change.objects.filter(verb="model.change").latest("id").detail["changed"]
    assert changed["sunset"] == {"from": "", "to": "2027-07-01"}
    assert verbs.releases_of(engineer, Model.objects.get()).count() == 2
    verbs.change(engineer, "m", {**SPEC, "deprecated": "2027-06-01T00:00:00Z", "sunset": "2027-07-01"})
    assert verbs.releases_of(engineer, Model.objects.get()).count() == 2, "the same date in other words"


def test_a_file_of_specs_brings_and_shows_dates(engineer: User, person: Callable[..., User]) -> None:
    verbs.change(engineer, "m", {**SPEC, "sunset": "2027-07-01"})
    text = verbs.export_yaml(engineer)
    assert importing.plan(person("admin"), text).counts["unchanged"] == 1
    moved = importing.plan(person("admin"), text.replace("2027-07-01", "2027-08-01"))
    assert moved.counts["changed"] == 1
    (row,) = importing.plan(person("admin"), text.replace("2027-07-01", "July")).rows
    assert (row.name, row.action, row.errors[0].path) == ("m", "invalid", "models[0].sunset")


def test_rest_and_the_editor_say_the_same(
    engineer: User, key_client: Callable[..., Client], visitor: Callable[..., Client]
) -> None:
    api, page = key_client("manage"), visitor("engineer")
    wrong = {**SPEC, "deprecated": "2027-07-01", "sunset": "2027-06-01"}
    with pytest.raises(Invalid) as refused:
        verbs.change(engineer, "m", wrong)
    words = "'m' would end on 2027-06-01 (sunset), before it is deprecated on 2027-07-01"
    assert words in str(refused.value.message)
    answer = api.put("/api/models/m", wrong, "application/json")
    assert (answer.status_code, answer.json()["error"]["detail"][0]["path"]) == (400, "sunset")
    text = "models:\n- {name: m, type: llm, protocol: openai, endpoint: 'http://127.0.0.1:9', DATES}\n"
    edited = page.post("/edit/m", {"text": text.replace("DATES", "deprecated: 2027-07-01, sunset: 2027-06-01")})
    assert edited.status_code == 422
    assert words in edited.content.decode().replace("&#x27;", "'")
    assert page.post("/edit/m", {"text": text.replace("DATES", "sunset: 2027-06-01")}).status_code == 302
    found = api.get("/api/models/m").json()
    assert (found["deprecated_at"], found["sunset_at"], found["spec"]["sunset"]) == (
        None, "2027-06-01T00:00:00Z", "2027-06-01",
    )  # fmt: skip
    assert "2027-06-01" in page.get("/models/m").content.decode()
