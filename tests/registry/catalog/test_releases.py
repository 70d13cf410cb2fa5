"""Releases: numbered, immutable, written in one go, and refused beside what exists already."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from controlplane.base import revision
from controlplane.base.models import Change, Job, User
from controlplane.base.refusals import Conflict, Invalid, Missing, Stale
from registry.access import credentials
from registry.catalog import releases
from registry.catalog import verbs as catalog
from registry.models import Model, ModelState, Release
from registry.specfile import file as spec_file

pytestmark = pytest.mark.django_db
Person = Callable[..., User]


@pytest.fixture
def engineer(person: Person) -> User:
    """Who onboards models."""
    return person("engineer")


def document(name: str = "m", **more: Any) -> dict[str, Any]:
    """A correct spec."""
    return {"name": name, "type": "llm", "protocol": "openai", "endpoint": "http://10.0.0.1:8000", **more}


def entry(**more: Any) -> releases.Entry:
    """A spec, ready to be written."""
    given = document(**more)
    return releases.Entry(spec_file.read(given), spec_file.digest(given))


def write(*entries: releases.Entry) -> releases.Stored:
    """Write them in one transaction."""
    with transaction.atomic():
        return releases.store(entries, None)


def test_new_and_changed_models_are_written_together() -> None:
    first = write(entry(name="a"), entry(name="b"))
    assert (len(first.created), first.changed) == (2, ())
    second = write(entry(name="b", owner="x"), entry(name="c"))
    assert (len(second.created), second.changed) == (1, (Model.objects.get(name="b").pk,))
    assert list(Release.objects.order_by("pk").values_list("model__name", "number")) == [
        ("a", 1), ("b", 1), ("b", 2), ("c", 1),
    ]  # fmt: skip
    model = Model.objects.get(name="b")
    assert model.release is not None
    assert (model.owner, model.release.number) == ("x", 2)


def test_an_older_release_stays_as_it_was() -> None:
    write(entry(owner="x"))
    before = Release.objects.values().get()
    write(entry(owner="y"))
    assert Release.objects.values().get(number=1) == before


def test_many_models_are_few_statements(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    entries = [entry(name=f"m{number}") for number in range(200)]
    write(*entries[:100])
    with django_assert_max_num_queries(12):
        write(*entries)
    assert (Model.objects.count(), Release.objects.count()) == (200, 300)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"owner": "x", "tags": ["a"], "description": "d", "aliases": ["b"]}, ModelState.READY),
        ({"endpoint": "http://10.0.0.2:8000"}, ModelState.PROBING),
        ({"params": {"heat": {"type": "float"}}}, ModelState.PROBING),
        ({"upstream_model": "x"}, ModelState.PROBING),
        ({"timeouts": {"total": 1}}, ModelState.PROBING),
    ],
)
def test_only_what_an_upstream_sees_needs_a_new_proof(changes: dict[str, Any], state: str) -> None:
    write(entry())
    Model.objects.update(state=ModelState.READY)
    write(entry(**changes))
    assert Model.objects.get().state == state
    Model.objects.update(state=ModelState.DISABLED)
    write(entry(endpoint="http://10.0.0.9"))
    assert Model.objects.get().state == ModelState.DISABLED


def test_a_row_copies_what_lists_show() -> None:
    write(entry(endpoint=["http://10.0.0.3", "http://10.0.0.4"], tags=["b", "a"], owner="ann"))
    model = Model.objects.get()
    assert (model.type, model.protocol, model.endpoint) == ("llm", "openai", "http://10.0.0.3")
    assert (model.tags, model.owner, model.credential) == (["b", "a"], "ann", None)
    assert (
        releases.spec_of(model)
        == entry(endpoint=["http://10.0.0.3", "http://10.0.0.4"], tags=["b", "a"], owner="ann").spec
    )


def told(**changes: Any) -> list[tuple[str, str]]:
    """What speaks against a spec beside what exists."""
    with pytest.raises(Invalid) as caught:
        releases.checked_spec(document(**changes))
    assert caught.value.code == "spec_invalid"
    return [(item["path"], item["message"]) for item in caught.value.detail]


def test_names_and_aliases_belong_to_one_model(engineer: User) -> None:
    write(entry(name="a", aliases=["nick"]))
    taken = "{} is a name of the model 'a' already; choose another"
    assert told(name="nick") == [("name", taken.format("'nick'"))]
    assert told(name="b", aliases=["x", "nick", "a"]) == [
        ("aliases[1]", taken.format("'nick'")),
        ("aliases[2]", taken.format("'a'")),
    ]
    assert releases.checked_spec(document(name="a", aliases=["nick", "more"])).aliases == ("nick", "more")


def test_a_credential_is_there_and_goes_where_it_belongs(engineer: User) -> None:
    credentials.create(engineer, "lab", "http://10.0.0.1:8000", "sk-1")
    assert told(credential="nope") == [
        ("credential", "there is no credential named 'nope'; create it under Credentials first")
    ]
    both = ["http://10.0.0.1:8000", "http://10.0.0.2:8000"]
    ((place, sentence),) = told(credential="lab", endpoint=both)
    assert place == "endpoint"
    assert sentence == "credential 'lab' is for http://10.0.0.1:8000 and is not sent to http://10.0.0.2:8000"
    assert releases.checked_spec(document(credential="lab")).credential == "lab"


def test_errors_of_the_document_come_before_those_of_the_world(engineer: User) -> None:
    write(entry(name="a"))
    assert [place for place, _ in told(name="a", type="x", credential="nope")] == ["type"]


def test_a_refusal_says_the_first_error_and_how_many_more() -> None:
    with pytest.raises(Invalid, match=r"^colour: unknown key 'colour'; .* \(and 2 more\)$"):
        releases.checked_spec(document(type="x", strict=3, colour=1, name="m"))
    with pytest.raises(Invalid, match=r"^strict: strict is 3; expected true or false$"):
        releases.checked_spec(document(strict=3))


def test_an_edit_of_an_older_version_is_stale(engineer: User) -> None:
    model = catalog.create(engineer, document())
    assert model.release is not None
    read = model.release.digest
    newer = catalog.change(engineer, "m", document(owner="x"), read)
    assert newer.release is not None
    with pytest.raises(Stale, match="m was changed since you read it; load it again") as caught:
        catalog.change(engineer, "m", document(owner="y"), read)
    assert caught.value.detail == {"digest": newer.release.digest}
    assert Model.objects.get().owner == "x"
    assert catalog.change(engineer, model.pk, document(owner="y")).owner == "y"


def test_an_unchanged_spec_writes_nothing(engineer: User) -> None:
    catalog.create(engineer, document())
    before = (revision.current(), Change.objects.count(), Job.objects.count(), Release.objects.count())
    catalog.change(engineer, "m", document(type="LLM", protocol="vllm", endpoint="http://10.0.0.1:8000/"))
    assert (revision.current(), Change.objects.count(), Job.objects.count(), Release.objects.count()) == before


def test_a_name_is_for_good(engineer: User) -> None:
    catalog.create(engineer, document())
    with pytest.raises(Invalid, match="the name 'n' differs from 'm': a name is for good, add an alias"):
        catalog.change(engineer, "m", document("n"))
    with pytest.raises(Conflict, match="a model named 'm' exists; open it to change it"):
        catalog.create(engineer, document())


def test_two_people_who_change_at_once_make_one_release_each(
    engineer: User, in_threads: Callable[..., None], transactional_db: None
) -> None:
    model = catalog.create(engineer, document())
    assert model.release is not None
    digest, owners, stale = model.release.digest, iter("abcd"), []

    def edit() -> None:
        try:
            catalog.change(engineer, "m", document(owner=next(owners)), digest)
        except Stale as refusal:
            stale.append(refusal)

    in_threads(edit, 4)
    assert len(stale) == 3
    assert list(Release.objects.order_by("number").values_list("number", flat=True)) == [1, 2]


@pytest.mark.parametrize("name", ["nothing", 12345, "a\x00b", "../m", ""])
def test_a_model_that_is_not_there_is_missing(engineer: User, name: Any) -> None:
    with pytest.raises(Missing):
        catalog.get(engineer, name)
    with pytest.raises(Missing):
        catalog.change(engineer, name, document())


def test_a_model_to_try_first(engineer: User) -> None:
    assert catalog.first(engineer) is None
    write(entry(name="a"), entry(name="b", type="embedding"), entry(name="c"), entry(name="d", tags=["practice"]))
    Model.objects.filter(name__in=["b", "c", "d"]).update(state=ModelState.READY)
    assert [
        found.name for found in (catalog.first(engineer), catalog.first(engineer, matching=["b*", "a"])) if found
    ] == ["c", "a"]
    catalog.delete(engineer, catalog.ids_of(engineer, ["c"]))
    found = catalog.first(engineer, without_tag="practice")
    assert found is not None
    assert found.name == "b"
    assert catalog.first(engineer, matching=["z*"]) is None


def test_names_lead_to_ids(engineer: User) -> None:
    write(entry(name="a"), entry(name="b"))
    assert sorted(catalog.ids_of(engineer, ["b", "a"])) == sorted(Model.objects.values_list("pk", flat=True))
    with pytest.raises(Missing, match="there is no model named 'z'"):
        catalog.ids_of(engineer, ["a", "z", "y"])
    assert catalog.known_names(engineer, ["a", "z"]) == {"a"}


def test_releases_are_listed_newest_first(engineer: User) -> None:
    catalog.create(engineer, document())
    model = catalog.change(engineer, "m", document(owner="x"))
    found = [(row.number, row.created_by) for row in catalog.releases_of(engineer, model)]
    assert found == [(2, engineer), (1, engineer)]
