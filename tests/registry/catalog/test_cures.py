"""Curing many models at once: only what a probe's own sentence asks for, checked, recorded, and taken back whole."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from controlplane.base import access, config
from controlplane.base.messages import Sentence
from controlplane.base.models import Change, Job, User
from controlplane.base.refusals import Invalid
from registry import reasons
from registry.catalog import cures, releases
from registry.catalog import verbs as catalog
from registry.models import Model, ModelState
from registry.specfile import file as spec_file

pytestmark = pytest.mark.django_db
UNKNOWN = Sentence("The upstream does not know the model")
OFFERING = reasons.offering(UNKNOWN, "old", ["llama", "qwen"])


@pytest.fixture
def engineer(person: Callable[..., User]) -> User:
    return person("engineer")


def unreachable(count: int, reason: str = OFFERING, **more: Any) -> list[Model]:
    """Models that ask for `old` and do not answer for this reason."""
    common = {"type": "llm", "protocol": "openai", "endpoint": "http://10.0.0.1", "upstream_model": "old", **more}
    specs = [spec_file.read({"name": f"m{number}", **common}) for number in range(count)]
    with transaction.atomic():
        entries = [releases.Entry(spec, spec_file.digest(spec_file.document(spec))) for spec in specs]
        ids = releases.store(entries, None).created
    rows = list(Model.objects.filter(pk__in=ids).order_by("pk"))
    for row in rows:
        row.state, row.state_reason = ModelState.UNREACHABLE, reasons.of_model(row.name, reason)
        row.save(update_fields=["state", "state_reason"])
    return rows


def asked(model: Model) -> str:
    """The upstream name that a model asks for now."""
    return str(releases.spec_of(Model.objects.select_related("release").get(pk=model.pk)).upstream_model)


def test_models_whose_upstream_offers_other_names_are_listed_with_them(engineer: User) -> None:
    first, ready = unreachable(2)
    Model.objects.filter(pk=ready.pk).update(state=ModelState.READY)
    (found,) = cures.renamings(engineer, [first.pk, ready.pk, 10**9])
    assert (found.model_id, found.name, found.asked, found.offered) == (first.pk, "m0", "old", ("llama", "qwen"))


def test_an_upstreams_words_that_read_like_an_offer_are_none(engineer: User) -> None:
    (model,) = unreachable(1, Sentence("The upstream says: {text}", text=str(OFFERING)))
    assert cures.renamings(engineer, [model.pk]) == []


def test_new_names_are_stored_recorded_and_probed_as_one_job(engineer: User) -> None:
    models = unreachable(30)
    chosen = {model.pk: "llama" for model in models}
    changed, job = cures.set_upstream_model(engineer, chosen, request_id="r-1")
    assert sorted(changed) == sorted(chosen)
    assert {asked(model) for model in models} == {"llama"}
    assert job is not None
    assert sorted(job.input["models"]) == sorted(chosen)
    entry = Change.objects.filter(verb="model.change").latest("id")
    assert (entry.actor, entry.request_id) == (engineer.username, "r-1")
    assert len(entry.detail["upstream_model"]) == 20
    assert entry.detail["upstream_model"]["m0"] == ["old", "llama"]


def test_a_name_that_is_asked_for_already_changes_nothing(engineer: User) -> None:
    (model,) = unreachable(1)
    before = Change.objects.count()
    assert cures.set_upstream_model(engineer, {model.pk: "old", 10**9: "llama"}) == ([], None)
    assert cures.set_upstream_model(engineer, {}) == ([], None)
    assert (Change.objects.count(), Job.objects.count(), model.releases.count()) == (before, 0, 1)


def test_one_name_that_cannot_be_leaves_every_model_as_it_was(engineer: User) -> None:
    first, second = unreachable(2)
    with pytest.raises(Invalid) as refused:
        cures.set_upstream_model(engineer, {first.pk: "llama", second.pk: "x" * 1000})
    assert "upstream_model" in str(refused.value.message)
    assert asked(first) == asked(second) == "old"


def test_former_names_come_back_for_models_that_nobody_changed_since(engineer: User) -> None:
    untouched, touched, never = unreachable(3)
    cures.set_upstream_model(engineer, {untouched.pk: "llama", touched.pk: "qwen"})
    catalog.tag(engineer, [touched.pk], add=["mine"])
    assert cures.restore_upstream_model(engineer, [untouched.pk, touched.pk, never.pk]) == [untouched.pk]
    assert (asked(untouched), asked(touched), asked(never)) == ("old", "qwen", "old")


def test_a_name_of_its_own_comes_back_too(engineer: User) -> None:
    (model,) = unreachable(1, upstream_model="m0")
    cures.set_upstream_model(engineer, {model.pk: "llama"})
    assert asked(model) == "llama"
    assert cures.restore_upstream_model(engineer, [model.pk]) == [model.pk]
    assert asked(model) == "m0"


def test_an_address_is_opened_if_the_guard_itself_asks_for_it(person: Callable[..., User]) -> None:
    config.store_egress_allow(None, ["public"])
    models = unreachable(2)
    admin, ids = person("admin"), [model.pk for model in models]
    for entry in ("10.0.0.0/8", "0.0.0.0/0", "10.0.0.1:81", "", "x" * 5000):
        with pytest.raises(Invalid, match=r"is not what these models lack; the guard asks for 10\.0\.0\.1:80"):
            cures.allow(admin, ids, ["10.0.0.1:80", entry])
    assert config.egress_allow() == ("public",)
    job = cures.allow(admin, ids, ["10.0.0.1:80"])
    assert config.egress_allow() == ("public", "10.0.0.1:80")
    assert sorted(job.input["models"]) == ids
    with pytest.raises(Invalid, match="the guard asks for nothing"):
        cures.allow(admin, ids, ["10.0.0.1:80"])


def test_each_cure_asks_who(person: Callable[..., User]) -> None:
    (model,) = unreachable(1)
    viewer, engineer = person("viewer"), person("engineer")
    for verb in (
        lambda: cures.renamings(viewer, [model.pk]),
        lambda: cures.set_upstream_model(viewer, {model.pk: "llama"}),
        lambda: cures.restore_upstream_model(viewer, [model.pk]),
        lambda: cures.allow(engineer, [model.pk], ["10.0.0.1:80"]),
        lambda: cures.unreachable(None, catalog.ModelFilter()),
    ):
        with pytest.raises(access.Forbidden):
            verb()
    assert asked(model) == "old"


def test_too_many_models_at_once_are_refused(engineer: User) -> None:
    ids = range(catalog.MAX_BULK + 1)
    with pytest.raises(Invalid, match=r"models at once; at most [\d,]+ are allowed"):
        cures.renamings(engineer, ids)


def test_the_unreachable_are_grouped_by_cause(engineer: User) -> None:
    unreachable(4)
    Model.objects.filter(name="m3").update(state=ModelState.READY)
    (group,) = cures.unreachable(engineer, catalog.ModelFilter())
    assert [row.name for row in group.rows] == ["m0", "m1", "m2"]
    assert group.kind == reasons.NAME


def test_rows_of_a_job_name_the_models_that_are_still_away() -> None:
    away, back = unreachable(2)
    Model.objects.filter(pk=back.pk).update(state=ModelState.READY)
    rows = [{"name": "m0", "reason": OFFERING, "line": 3}, {"name": "m1", "reason": OFFERING}]
    (group,) = cures.of_job(Job(result={"failed": rows}))
    assert group.ids == (away.pk,)
    assert [row.line for row in group.rows] == [3, None]
    assert cures.of_job(Job(result=None)) == []
    assert cures.of_job(Job(result={})) == []
