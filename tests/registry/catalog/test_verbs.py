"""Verbs over models: releases, audit, revision, permission, search."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from controlplane.base import access, revision
from controlplane.base.audit import chain as audit
from controlplane.base.models import Change, Job, User
from controlplane.base.refusals import Conflict, Invalid, Missing, Stale
from registry.access import credentials
from registry.catalog import verbs as catalog
from registry.catalog.verbs import ModelFilter
from registry.models import Credential, Model, ModelState, Release

pytestmark = pytest.mark.django_db


def document(name: str = "chat-a", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "llm", "protocol": "openai", "endpoint": "http://10.0.0.1:8000/v1", **more}


def release_of(model: Model) -> Release:
    assert model.release is not None
    return model.release


@pytest.fixture
def engineer(person: Callable[..., User]) -> User:
    return person("engineer")


def test_a_new_model_waits_for_its_probe(engineer: User) -> None:
    before = revision.current()
    model = catalog.create(engineer, document(tags=["a"]), request_id="r-1")
    assert (model.state, model.tags, release_of(model).number) == (ModelState.PROBING, ["a"], 1)
    assert revision.current() == before + 1
    entry = Change.objects.get()
    assert (entry.verb, entry.object_id, entry.request_id) == ("model.create", "chat-a", "r-1")
    assert Job.objects.get().input == {"models": [model.pk]}
    assert audit.verify()[0]


def test_every_error_of_a_spec_is_told(engineer: User) -> None:
    with pytest.raises(Invalid) as refused:
        catalog.create(engineer, {"name": "", "type": "nonsense", "protocol": "openai", "endpoint": 7})
    assert {item["path"] for item in refused.value.detail} >= {"name", "type", "endpoint"}
    assert not Model.objects.exists()
    assert not Change.objects.exists()


def test_a_name_is_taken_once(engineer: User) -> None:
    catalog.create(engineer, document(aliases=["b"]))
    with pytest.raises(Conflict, match="chat-a"):
        catalog.create(engineer, document())
    with pytest.raises(Invalid, match="'b' is a name of the model 'chat-a'"):
        catalog.create(engineer, document("b"))
    with pytest.raises(Invalid, match="address of the console"):
        catalog.create(engineer, document("import"))


def test_a_change_makes_a_release_and_a_stale_one_is_refused(engineer: User) -> None:
    first = release_of(catalog.create(engineer, document()))
    changed = catalog.change(engineer, "chat-a", document(endpoint="http://10.0.0.2:8000"), first.digest)
    assert (release_of(changed).number, changed.endpoint) == (2, "http://10.0.0.2:8000")
    with pytest.raises(Stale):
        catalog.change(engineer, "chat-a", document(), first.digest)
    same = catalog.change(engineer, "chat-a", document(endpoint="http://10.0.0.2:8000"))
    assert release_of(same).number == 2
    assert Release.objects.count() == 2
    with pytest.raises(Invalid, match="a name is for good"):
        catalog.change(engineer, "chat-a", document("other"))


def test_words_for_people_need_no_new_probe(engineer: User) -> None:
    catalog.create(engineer, document())
    Model.objects.update(state=ModelState.READY)
    assert catalog.change(engineer, "chat-a", document(owner="team-x")).state == ModelState.READY
    assert catalog.change(engineer, "chat-a", document(endpoint="http://10.0.0.9")).state == ModelState.PROBING


def test_bulk_verbs_count_what_they_changed(engineer: User) -> None:
    ids = [catalog.create(engineer, document(f"m-{n}")).pk for n in range(3)]
    before = revision.current()
    assert catalog.disable(engineer, ids) == 3
    assert catalog.disable(engineer, ids) == 0
    assert catalog.enable(engineer, ids[:2]) == 2
    assert catalog.tag(engineer, ids, add=["gold", "eu"], remove=["x"]) == 3
    assert catalog.tag(engineer, ids, add=["gold"]) == 0
    assert revision.current() == before + 3
    assert Model.objects.get(pk=ids[2]).state == ModelState.DISABLED
    assert Model.objects.filter(tags=["gold", "eu"]).count() == 3
    assert catalog.delete(engineer, [*ids[:2], 10**15]) == 2
    assert list(Model.objects.values_list("name", flat=True)) == ["m-2"]
    assert audit.verify()[0]


def test_probing_needs_a_model_that_may_be_called(engineer: User) -> None:
    model = catalog.create(engineer, document())
    assert catalog.probe(engineer, [model.pk]).kind == "probe"
    catalog.disable(engineer, [model.pk])
    with pytest.raises(Missing):
        catalog.probe(engineer, [model.pk])


def test_an_export_imports_unchanged(engineer: User) -> None:
    catalog.create(engineer, document(tags=["a"], params={"temperature": {"type": "float", "range": [0, 1]}}))
    assert "temperature" in catalog.export_yaml(engineer)
    assert catalog.export_yaml(engineer, []) != catalog.export_yaml(engineer)


def test_a_credential_goes_to_its_own_origin_only(engineer: User) -> None:
    row = credentials.create(engineer, "lab", "http://10.0.0.1:8000/some/path", "sk-canary-123456")
    assert (row.origin, row.hint) == ("http://10.0.0.1:8000", "…3456")
    assert b"canary" not in bytes(Credential.objects.get().ciphertext)
    assert credentials.reveal(Credential.objects.get()) == "sk-canary-123456"
    assert catalog.create(engineer, document(credential="lab")).credential == row
    with pytest.raises(Invalid, match="is not sent to"):
        catalog.create(engineer, document("other", endpoint="http://10.0.0.2:8000", credential="lab"))
    with pytest.raises(Invalid, match="no credential named"):
        catalog.create(engineer, document("other", credential="nope"))
    with pytest.raises(Conflict, match="chat-a"):
        credentials.delete(engineer, row.pk)
    with pytest.raises(Invalid, match="printable"):
        credentials.change_secret(engineer, row.pk, "a\r\nx-evil: 1")


@pytest.mark.parametrize("verb", ["create", "change", "delete", "disable", "probe", "tag"])
def test_a_viewer_only_reads(person: Callable[..., User], engineer: User, verb: str) -> None:
    viewer = person("viewer")
    model = catalog.create(engineer, document())
    calls: dict[str, Callable[[], object]] = {
        "create": lambda: catalog.create(viewer, document("n")),
        "change": lambda: catalog.change(viewer, "chat-a", document()),
        "delete": lambda: catalog.delete(viewer, [model.pk]),
        "disable": lambda: catalog.disable(viewer, [model.pk]),
        "probe": lambda: catalog.probe(viewer, [model.pk]),
        "tag": lambda: catalog.tag(viewer, [model.pk], add=["x"]),
    }
    with pytest.raises(access.Forbidden):
        calls[verb]()
    assert catalog.get(viewer, "chat-a") == model


@pytest.mark.django_db(transaction=True)
def test_search_filters_counts_and_pages(engineer: User, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    Model.objects.bulk_create(
        Model(
            name=f"m-{n:04d}",
            type=("llm", "embedding")[n % 2],
            protocol="openai",
            endpoint="http://x",
            tags=[f"t{n % 3}"],
        )
        for n in range(120)
    )
    with django_assert_max_num_queries(5):
        found = catalog.search(engineer, ModelFilter(q="m-", type=("llm",)), "-name", 2)
    assert (found.total, found.pages, found.page, len(found.rows)) == (60, 2, 2, 10)
    assert found.rows[-1].name == "m-0000"
    assert dict(found.facets["type"]) == {"llm": 60, "embedding": 60}
    assert dict(found.facets["tag"]) == {"t0": 20, "t1": 20, "t2": 20}
    assert catalog.search(engineer, page=10**9).page == 3
    assert catalog.search(engineer, ModelFilter(tag=("t1",), state=("probing",))).total == 40
    assert len(catalog.matching_ids(engineer, ModelFilter(type=("llm",)))) == 60


@pytest.mark.parametrize("q", ["%", "_", "\\", "\x00", "'; drop table x", "\udcff", "m-\x00"])
def test_wildcards_and_broken_text_find_nothing(engineer: User, q: str) -> None:
    catalog.create(engineer, document())
    assert catalog.search(engineer, ModelFilter(q=q, tag=(q,), owner=(q,))).total == 0
    with pytest.raises(Missing):
        catalog.get(engineer, q)


def test_unreasonable_searches_are_refused(engineer: User) -> None:
    with pytest.raises(Invalid, match="200"):
        catalog.search(engineer, ModelFilter(q="x" * 201))
    with pytest.raises(Invalid, match="password"):
        catalog.search(engineer, sort="password")
