"""Every page: who may open it, what it says when there is nothing, and what its headers and markup promise."""

import re
from collections.abc import Callable

import pytest
from django.test import Client, RequestFactory

from controlplane.base.models import Job, User
from controlplane.views import broken
from registry.access import callers
from registry.catalog import verbs as catalog
from registry.models import Model
from routing.models import CallRecord
from tests.site import PAGES, furnish, write_models

Visitor = Callable[..., Client]
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=\"|\son[a-z]+=\"|javascript:", re.IGNORECASE)


@pytest.fixture
def furnished(person: Callable[..., User]) -> None:
    """One of everything that pages show."""
    furnish(person("admin", "owner"))


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_page_opens_with_and_without_content(visitor: Visitor, furnished: None, address: str, language: str) -> None:
    admin = visitor("admin", language)
    for _ in range(2):
        answer = admin.get(address)
        assert answer.status_code == 200
        body = answer.content.decode()
        assert not INLINE.search(body)
        assert f'lang="{language}"' in body
        assert body.count("<h1") == 1
        Model.objects.update(release=None)
        Model.objects.all().delete()
        CallRecord.objects.all().delete()
        Job.objects.all().delete()


@pytest.mark.parametrize("tab", ["overview", "parameters", "adapter", "calls", "releases", "audit"])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_tab_of_a_model(visitor: Visitor, furnished: None, tab: str, language: str) -> None:
    answer = visitor("admin", language).get(f"/models/chat-00000?tab={tab}")
    assert answer.status_code == 200
    assert not INLINE.search(answer.content.decode())


def test_policy_lets_nothing_inline_or_foreign_run(visitor: Visitor, db: None) -> None:
    policy = visitor().get("/sign-in").headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("address", "needed"), [("/audit", "Reviewer"), ("/models/new", "Engineer"), ("/keys", "Engineer")]
)
def test_forbidden_page_names_the_missing_role(visitor: Visitor, address: str, needed: str) -> None:
    answer = visitor("viewer").get(address)
    assert answer.status_code == 403
    assert f"This needs the role “{needed}”" in answer.content.decode()


def test_navigation_shows_only_what_one_may_open(visitor: Visitor) -> None:
    body = visitor("viewer").get("/").content.decode()
    assert 'href="/models"' in body
    assert 'href="/audit"' not in body
    assert 'href="/keys"' not in body


def test_signed_out_reader_is_asked_and_comes_back(visitor: Visitor, db: None) -> None:
    assert visitor().get("/models?state=ready").headers["Location"] == "/sign-in?next=%2Fmodels%3Fstate%3Dready"
    assert visitor().get("/models", headers={"HX-Request": "true"}).status_code == 401
    assert visitor().post("/playground/key", headers={"X-Requested-With": "patchbay"}).status_code == 401


@pytest.mark.parametrize("address", ["/nothing", "/models/no-such-model", "/jobs/00000000-0000-4000-8000-000000000000"])
def test_unknown_things_get_a_page_of_their_own(visitor: Visitor, address: str) -> None:
    answer = visitor("admin").get(address)
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.content.decode()
    assert answer.headers["X-Request-Id"] in answer.content.decode()


def test_wrong_method_and_expired_form_are_told_in_words(visitor: Visitor, person: Callable[..., User]) -> None:
    assert visitor("admin").get("/bulk/enable").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/sign-in", {"username": "a", "password": "b"})
    assert answer.status_code == 403
    assert "expired" in answer.content.decode()


def test_refused_verb_answers_scripts_with_a_message(visitor: Visitor) -> None:
    answer = visitor("admin").post("/bulk/disable", headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert "Tick at least one" in answer.headers["HX-Trigger"]


@pytest.mark.parametrize("query", ["page=x", "page=-1", "page=99999999", "page=0"])
def test_broken_page_numbers_are_no_fault_of_ours(visitor: Visitor, furnished: None, query: str) -> None:
    assert visitor("admin").get(f"/models?{query}").status_code in (200, 404)


def test_broken_page_needs_neither_database_nor_session(static_files: None) -> None:
    answer = broken(RequestFactory().get("/models"))
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()
    assert "go on" in answer.content.decode()


def test_overview_says_what_needs_somebody(visitor: Visitor, furnished: None) -> None:
    body = visitor("admin").get("/").content.decode()
    assert "2 models do not answer" in body
    assert "Import failed" in body
    assert "Newest revision" in body


def test_overview_starts_with_how_it_goes(visitor: Visitor, furnished: None) -> None:
    body = visitor("viewer").get("/").content.decode()
    assert "8 of 12 models answer; 0.2 calls/s; 8.3 % fail" in body
    assert "每秒 0.2 次调用；8.3 % 失败" in visitor("viewer", "zh-hans").get("/").content.decode()


def test_overview_offers_what_one_may_do(visitor: Visitor, furnished: None) -> None:
    header = re.compile(r'<header class="head">.*?</header>', re.DOTALL)
    for role, offered in (("viewer", False), ("engineer", True)):
        found = header.search(visitor(role).get("/").content.decode())
        assert found
        assert ("/models/import" in found[0], "/models/new" in found[0]) == (offered, offered)
        assert found[0].count("primary") == 1


def test_playground_searches_all_models_and_is_told_what_one_takes(visitor: Visitor, furnished: None) -> None:
    write_models_more(700)
    viewer = visitor("viewer")
    found = viewer.get("/playground/models", {"q": "more-00699"}).json()
    assert [offer["name"] for offer in found["models"]] == ["more-00699"]
    contract = viewer.get("/playground/models/chat-00000").json()
    assert contract["path"] == "chat/completions"
    assert [(one["name"], one["low"], one["high"], one["default"]) for one in contract["parameters"]] == [
        ("temperature", 0, 2, 0.7)
    ]
    tensors = viewer.get("/playground/models/score-00002").json()
    assert (tensors["path"], list(tensors["body"])) == ("models/score-00002/predict", ["inputs"])
    assert viewer.get("/playground/models/nothing").status_code == 404


def write_models_more(count: int) -> None:
    """`count` models without a release, behind all others in the alphabet of the list."""
    Model.objects.bulk_create(
        [
            Model(name=f"more-{n:05d}", type="llm", protocol="openai", endpoint="http://10.0.0.7:8000")
            for n in range(count)
        ]
    )


def test_palette_finds_models_and_only_allowed_places(visitor: Visitor, furnished: None) -> None:
    found = visitor("viewer").get("/palette?q=chat-0000").json()["results"]
    assert [entry["href"] for entry in found][:1] == ["/models/chat-00000"]
    places = {entry["href"] for entry in visitor("viewer").get("/palette?q=").json()["results"]}
    assert "/models" in places
    assert "/models/import" not in places
    assert "/models/import" in {entry["href"] for entry in visitor("engineer").get("/palette?q=").json()["results"]}


@pytest.mark.parametrize("words", ["new model", "New", "新建模型", "egress"])
def test_palette_finds_actions_by_english_words_in_chinese_too(visitor: Visitor, db: None, words: str) -> None:
    places = {entry["href"] for entry in visitor("admin", "zh-hans").get("/palette", {"q": words}).json()["results"]}
    assert ("/settings#egress" if words == "egress" else "/models/new") in places


def test_traffic_of_models_on_screen(visitor: Visitor, furnished: None) -> None:
    found = visitor("viewer").get("/calls/traffic?name=chat-00003&name=embed-00004&name=nothing").json()
    assert found["chat-00003"]["errors"] == 100.0
    assert found["embed-00004"]["errors"] == 0.0
    assert "nothing" not in found


@pytest.mark.parametrize(("language", "words"), [("en", "practice fleet (emulated)"), ("zh-hans", "练习机群（模拟）")])
@pytest.mark.parametrize("address", ["/", "/models", "/models?tag=practice", "/playground", "/models/drill"])
def test_practice_models_are_called_emulated_wherever_they_show(
    visitor: Visitor, address: str, language: str, words: str, person: Callable[..., User]
) -> None:
    spec = {
        "name": "drill",
        "type": "llm",
        "protocol": "openai",
        "endpoint": "http://127.0.0.1:9",
        "tags": ["practice"],
    }
    catalog.create(person("admin", "owner"), spec)
    body = visitor("viewer", language=language).get(address).content.decode()
    assert words in body
    assert ">practice<" not in body


def test_nothing_to_do_says_what_was_looked_at(visitor: Visitor, person: Callable[..., User]) -> None:
    write_models(10)
    Model.objects.filter(state="unreachable").update(state="probing")
    callers.create(person("admin", "owner"), "bot", ["call"], callers.KeyLimits())
    body = visitor("admin").get("/").content.decode()
    for words in ("Nothing waits for you", "6 models answered", "2 models are being probed", "2 models are disabled"):
        assert words in body


def test_audit_links_to_one_model_and_only_counts_many(visitor: Visitor, person: Callable[..., User]) -> None:
    admin = person("admin", "owner")
    models = write_models(3)
    catalog.disable(admin, [models[0].pk])
    catalog.disable(admin, [model.pk for model in models])
    body = visitor("admin").get("/audit").content.decode()
    assert f'href="/models/{models[0].name}"' in body
    assert "2 models" in body
    assert 'href="/models/2' not in body
