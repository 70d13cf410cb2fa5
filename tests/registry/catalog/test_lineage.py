"""A model's releases: aliases of one of them, their differences, and going back."""

from collections.abc import Callable

import pytest
from django.test import Client

from controlplane.base.access import Forbidden
from controlplane.base.models import Change, Revision, User
from controlplane.base.refusals import Conflict, Invalid, Missing
from registry.catalog import lineage, verbs
from registry.models import Model, Release, ReleaseAlias

pytestmark = pytest.mark.django_db
SPEC = {"name": "m", "type": "llm", "protocol": "openai", "endpoint": "http://127.0.0.1:9"}
JSON = "application/json"


@pytest.fixture
def engineer(person: Callable[..., User]) -> User:
    """An engineer, whose model `m` has two releases."""
    found = person("engineer")
    verbs.create(found, SPEC)
    verbs.change(found, "m", {**SPEC, "description": "second"})
    return found


def revision() -> int:
    return Revision.objects.get().number


def test_an_alias_is_set_moved_and_taken_away_each_time_at_once(engineer: User) -> None:
    before = revision()
    lineage.set_alias(engineer, "m", "m-stable", 1)
    lineage.set_alias(engineer, "m", "m-stable", 2)
    assert [(row.name, row.release.number) for row in lineage.aliases_of(engineer, "m")] == [("m-stable", 2)]
    lineage.delete_alias(engineer, "m", "m-stable")
    assert not ReleaseAlias.objects.exists()
    assert revision() == before + 3
    assert Change.objects.filter(verb="model.alias").count() == 3


@pytest.mark.parametrize("alias", ["m", "other", "nick", "other-stable", "new", "a b", "", "x/aliases"])
def test_a_name_that_is_taken_or_no_name_is_refused(engineer: User, alias: str) -> None:
    verbs.create(engineer, {**SPEC, "name": "other", "aliases": ["nick"]})
    lineage.set_alias(engineer, "other", "other-stable", 1)
    with pytest.raises(Invalid):
        lineage.set_alias(engineer, "m", alias, 1)


def test_a_new_model_cannot_take_the_name_of_an_alias(engineer: User) -> None:
    lineage.set_alias(engineer, "m", "m-stable", 1)
    with pytest.raises(Invalid, match="m-stable"):
        verbs.create(engineer, {**SPEC, "name": "m-stable"})


def test_what_is_not_there_is_missing_and_a_viewer_changes_nothing(engineer: User, person: Callable[..., User]) -> None:
    with pytest.raises(Missing, match="no release 9"):
        lineage.set_alias(engineer, "m", "m-stable", 9)
    with pytest.raises(Missing, match="no alias"):
        lineage.delete_alias(engineer, "m", "gone")
    for verb in (lineage.set_alias, lineage.delete_alias):
        with pytest.raises(Forbidden):
            verb(person("viewer"), "m", "x", *([1] if verb is lineage.set_alias else []))


def test_going_back_serves_the_old_release_itself(engineer: User) -> None:
    model = lineage.restore(engineer, "m", 1)
    assert model.release is not None
    assert (model.release.number, Model.objects.get().releases.count()) == (1, 2)
    assert "second" not in str(verbs.export_yaml(engineer))
    with pytest.raises(Conflict, match="already"):
        lineage.restore(engineer, "m", 1)
    assert list(lineage.difference(engineer, "m", 1, 2)) == ["description"]


def test_rest_has_releases_aliases_differences_and_the_way_back(
    engineer: User, key_client: Callable[..., Client]
) -> None:
    client = key_client("manage")
    base = "/api/models/m"
    assert [row["number"] for row in client.get(f"{base}/releases").json()["results"]] == [2, 1]
    made = client.put(f"{base}/aliases", {"alias": "m-stable", "release": 1}, content_type=JSON)
    assert (made.status_code, made.json()["release"]) == (200, 1)
    assert client.get(f"{base}/aliases").json()["results"][0]["alias"] == "m-stable"
    assert "description" in client.get(f"{base}/difference?before=1&after=2").json()["changed"]
    assert client.get(f"{base}/difference?before=x&after=2").status_code == 400
    assert client.delete(f"{base}/aliases?alias=m-stable").status_code == 204
    assert client.delete(f"{base}/aliases?alias=m-stable").status_code == 404
    assert client.post(f"{base}/restore", {"release": 1}, content_type=JSON).status_code == 200
    assert client.post(f"{base}/restore", {"release": "1e9"}, content_type=JSON).status_code == 400


def test_the_releases_tab_goes_back_by_a_click(engineer: User, visitor: Callable[..., Client]) -> None:
    lineage.set_alias(engineer, "m", "m-stable", 1)
    browser = visitor("engineer")
    page = browser.get("/models/m?tab=releases").content.decode()
    assert "m-stable" in page
    assert "1 difference from the one that serves" in page
    browser.post("/restore/m", {"release": "1"})
    model = Model.objects.select_related("release").get()
    assert model.release is not None
    assert model.release.number == 1
    assert "/restore/m" not in visitor("viewer").get("/models/m?tab=releases").content.decode()


def test_the_picker_compares_any_two_releases(engineer: User, visitor: Callable[..., Client]) -> None:
    browser = visitor("viewer")
    verbs.change(engineer, "m", {**SPEC, "description": "third", "owner": "team"})
    page = browser.get("/models/m?tab=releases").content.decode()
    assert page.count(" selected>") == 2, "the release that serves and the newest one"
    assert "<del>" not in page.split("data-rows")[0], "nothing was asked yet"
    found = browser.get("/models/m?tab=releases&before=1&after=3").content.decode().split("data-rows")[0]
    assert "owner: <del>–</del> → <ins>team</ins>" in found
    assert "Nothing differs" in browser.get("/models/m?tab=releases&before=2&after=2").content.decode()
    for wrong in ("before=1&after=9", "before=9&after=1"):
        answer = browser.get(f"/models/m?tab=releases&{wrong}")
        assert (answer.status_code, "m has no release 9" in answer.content.decode()) == (200, True)
    assert browser.get("/models/m?tab=releases&before=x&after=%00").status_code == 200


def test_other_files_are_a_difference_and_one_release_has_nothing_beside_it(
    engineer: User, visitor: Callable[..., Client]
) -> None:
    verbs.create(engineer, {**SPEC, "name": "single"})
    assert "There is one release so far" in visitor("viewer").get("/models/single?tab=releases").content.decode()
    Release.objects.filter(model__name="m").update(spec=SPEC)
    Release.objects.filter(model__name="m", number=2).update(manifest="f" * 64)
    assert lineage.difference(engineer, "m", 1, 2) == {"manifest": {"from": "", "to": "f" * 64}}


def test_aliases_are_made_moved_and_deleted_on_the_page(engineer: User, visitor: Callable[..., Client]) -> None:
    browser = visitor("engineer")
    assert "No alias yet" in browser.get("/models/m?tab=releases").content.decode()
    made = browser.post("/aliases/set/m", {"alias": " m-stable ", "release": "1"})
    assert (made.status_code, made.headers["Location"]) == (302, "/models/m?tab=releases#aliases")
    browser.post("/aliases/set/m", {"alias": "m-stable", "release": "2"})
    page = browser.get("/models/m?tab=releases").content.decode()
    assert "m-stable calls release 2 from now on." in page
    assert "m-stable → 2" in browser.get("/models/m").content.decode()
    seen = visitor("viewer").get("/models/m?tab=releases").content.decode()
    assert "m-stable" in seen
    assert "/aliases/" not in seen
    wrong = browser.post("/aliases/set/m", {"alias": "a b", "release": "1"})
    text = wrong.content.decode()
    assert "alias is &#x27;a b&#x27;; expected 1 to 200 of the characters" in text
    assert (wrong.status_code, 'value="a b"' in text, 'aria-describedby="alias-problem"' in text) == (422, True, True)
    assert browser.post("/aliases/set/m", {"alias": "x", "release": "9"}).status_code == 404
    browser.post("/aliases/delete/m", {"alias": "m-stable"})
    assert not ReleaseAlias.objects.exists()
    assert browser.post("/aliases/delete/m", {"alias": "m-stable"}).status_code == 404
    moves = Change.objects.filter(verb="model.alias").order_by("id").values_list("detail", flat=True)
    assert [(move["from"], move["to"]) for move in moves] == [(None, 1), (1, 2), (2, None)]
    assert all(change.actor.startswith("engineer") for change in Change.objects.filter(verb="model.alias"))


def test_a_spec_s_own_aliases_are_shown_beside(engineer: User, visitor: Callable[..., Client]) -> None:
    verbs.change(engineer, "m", {**SPEC, "aliases": ["nick"]})
    page = visitor("engineer").get("/models/m?tab=releases").content.decode()
    assert "nick" in page
    assert "whichever release serves" in page
    assert "No alias yet" not in page
