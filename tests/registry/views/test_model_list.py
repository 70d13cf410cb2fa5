"""The model list: the database does the work, the address says all, and 5,000 models cost no more than 50."""

import re
from collections.abc import Callable

import pytest
import yaml
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controlplane.base.models import Job
from registry.models import Model
from tests.site import bare, write_models

Visitor = Callable[..., Client]
MOST_QUERIES = 10


@pytest.mark.parametrize("query", ["", "?q=chat-0", "?type=llm&state=ready&tag=tag-3&sort=-owner&page=3"])
def test_queries_stay_few_at_five_thousand_models(visitor: Visitor, query: str) -> None:
    write_models(5000)
    engineer = visitor("engineer")
    with CaptureQueriesContext(connection) as queries:
        assert engineer.get(f"/models{query}").status_code == 200
    assert len(queries) <= MOST_QUERIES, [query["sql"][:120] for query in queries]


def test_filter_facets_and_order_come_from_the_address(visitor: Visitor) -> None:
    write_models(60)
    body = visitor("viewer").get("/models?type=llm&state=ready&sort=-name").content.decode()
    names = [part.split('"')[0] for part in body.split('data-name="')[1:]]
    assert names == sorted(names, reverse=True)
    assert names
    assert all(name.startswith("chat-") for name in names)
    assert 'aria-sort="descending"' in body
    assert "?type=llm&amp;state=ready&amp;state=unreachable&amp;sort=-name" in body


def test_a_facet_takes_several_values_and_each_can_be_taken_back(visitor: Visitor) -> None:
    write_models(60)
    viewer = visitor("viewer")
    body = bare(viewer.get("/models?tag=tag-1&tag=tag-2&state=ready").content.decode())
    listed = set(re.findall(r'data-name="([^"]+)"', body))
    expected = Model.objects.filter(state="ready", tags__overlap=["tag-1", "tag-2"])
    assert listed == set(expected.values_list("name", flat=True))
    others = Model.objects.filter(state="ready")
    counts = dict(re.findall(r'<span class="cut">(tag-\d)</span><span class="n">(\d+)<', body))
    assert counts == {f"tag-{n}": str(others.filter(tags__contains=[f"tag-{n}"]).count()) for n in range(7)}
    assert body.count('class="chip"') == 3
    assert 'class="chip" href="/models?tag=tag-2&amp;state=ready"' in body
    assert 'href="/models?tag=tag-1&amp;tag=tag-2&amp;tag=tag-3&amp;state=ready"' in body
    assert len(re.findall(r'type="hidden" name="tag" value="tag-[12]"', body)) == 4


def test_every_model_of_several_values_is_changed(visitor: Visitor) -> None:
    write_models(30)
    visitor("engineer").post("/bulk/disable", {"all": "1", "tag": ["tag-1", "tag-2"]})
    left = Model.objects.exclude(state="disabled")
    assert not left.filter(tags__overlap=["tag-1", "tag-2"]).exists()
    assert left.filter(tags__overlap=["tag-3"]).exists()


def test_a_models_page_leads_back_to_the_list_as_it_was(visitor: Visitor) -> None:
    write_models(12)
    viewer = visitor("viewer")
    kept = "?type=llm&amp;state=ready&amp;state=disabled&amp;sort=-name"
    body = viewer.get("/models?type=llm&state=ready&state=disabled&sort=-name&page=1").content.decode()
    assert f'href="/models/chat-00000{kept}"' in body
    page = viewer.get("/models/chat-00000?type=llm&state=ready&state=disabled&sort=-name&tab=calls").content.decode()
    assert f'<p class="crumb"><a href="/models{kept}">' in page
    assert f'href="/models/chat-00000{kept}"' in page
    assert f'href="/models/chat-00000{kept}&amp;tab=releases"' in page
    assert '<p class="crumb"><a href="/models">' in viewer.get("/models/chat-00000").content.decode()


def test_nothing_found_offers_a_way_back(visitor: Visitor) -> None:
    write_models(3)
    body = visitor("viewer").get("/models?q=zebra").content.decode()
    assert "No model matches" in body
    assert 'href="/models"' in body


def test_first_visit_shows_what_a_model_is(visitor: Visitor) -> None:
    body = visitor("engineer").get("/models").content.decode()
    assert "No models yet" in body
    assert "protocol: openai" in body


def test_unknown_order_is_said_and_the_list_still_shows(visitor: Visitor) -> None:
    write_models(3)
    body = visitor("viewer").get("/models?sort=colour").content.decode()
    assert "colour" in body
    assert "chat-00000" in body


def test_every_matching_model_is_changed_not_only_the_page(visitor: Visitor) -> None:
    write_models(120)
    matching = Model.objects.filter(type="llm").exclude(state="disabled").count()
    answer = visitor("engineer").post("/bulk/disable", {"all": "1", "type": "llm", "back": "/models?type=llm"})
    assert answer.headers["Location"] == "/models?type=llm"
    assert Model.objects.filter(type="llm", state="disabled").count() >= matching
    assert Model.objects.filter(type="embedding", state="ready").exists()


def test_ticked_models_alone_are_tagged_exported_and_deleted(visitor: Visitor) -> None:
    first, second, third = write_models(3)
    engineer = visitor("engineer")
    engineer.post("/bulk/tag", {"ids": [first.pk, second.pk], "tags": "fresh -tag-0"})
    assert Model.objects.get(pk=first.pk).tags == ["fresh"]
    assert Model.objects.get(pk=third.pk).tags == ["tag-2"]
    exported = engineer.post("/bulk/export", {"ids": [first.pk]})
    assert "attachment" in exported.headers["Content-Disposition"]
    assert [row["name"] for row in yaml.safe_load(exported.content)["models"]] == [first.name]
    engineer.post("/bulk/delete", {"ids": [second.pk]})
    assert set(Model.objects.values_list("pk", flat=True)) == {first.pk, third.pk}


def test_probe_is_a_job_one_is_led_to(visitor: Visitor) -> None:
    (model,) = write_models(1)
    answer = visitor("engineer").post("/bulk/probe", {"ids": [model.pk]})
    job = Job.objects.get(kind="probe")
    assert answer.headers["Location"] == f"/jobs/{job.pk}"


def test_back_leads_nowhere_else(visitor: Visitor) -> None:
    (model,) = write_models(1)
    answer = visitor("engineer").post("/bulk/disable", {"ids": [model.pk], "back": "https://evil.example/"})
    assert answer.headers["Location"] == "/models"


def test_viewer_sees_no_actions_and_may_not_use_them(visitor: Visitor) -> None:
    (model,) = write_models(1)
    viewer = visitor("viewer")
    assert "Delete" not in viewer.get("/models").content.decode()
    assert viewer.post("/bulk/delete", {"ids": [model.pk]}).status_code == 403
    assert Model.objects.count() == 1


def test_disabling_can_be_undone_and_leaves_the_others_alone(visitor: Visitor) -> None:
    models = write_models(10)
    engineer = visitor("engineer")
    engineer.post("/bulk/disable", {"ids": [model.pk for model in models], "back": "/models"})
    page = bare(engineer.get("/models").content.decode())
    undone = re.search(r'action="(/bulk/enable)">.*?name="ids" value="([\d,]+)"', page)
    assert undone
    assert "Undo" not in engineer.get("/models").content.decode()
    engineer.post(undone[1], {"ids": undone[2], "back": "/models"})
    before = {model.name for model in models if model.state == "disabled"}
    assert set(Model.objects.filter(state="disabled").values_list("name", flat=True)) == before


@pytest.mark.parametrize(
    ("text", "found"), [("CHAT-00003", 1), ("team-1 score", 1), ("10.0.2.7", 1), ("%", 0), ("_", 0), ("teäm", 0)]
)
def test_words_are_found_in_name_endpoint_and_owner_whatever_their_case(
    visitor: Visitor, text: str, found: int
) -> None:
    write_models(6)
    body = visitor("viewer").get("/models", {"q": text}).content.decode()
    assert body.count('id="m-') == found


def test_search_has_an_index_for_long_lists(db: None) -> None:
    write_models(50)
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
        cursor.execute("set local enable_indexscan = off")
    assert "model_sought" in Model.objects.filter(sought__contains="chat-00012").explain()


def test_probe_on_a_models_page_stays_there_and_says_so(visitor: Visitor) -> None:
    (model,) = write_models(1)
    engineer = visitor("engineer")
    page = f"/models/{model.name}"
    assert 'name="stay"' in engineer.get(page).content.decode()
    answer = engineer.post("/bulk/probe", {"ids": [model.pk], "stay": "1", "back": page})
    assert answer.headers["Location"] == page
    assert "its answer appears here by itself" in engineer.get(page).content.decode()
    away = engineer.post("/bulk/probe", {"ids": [model.pk], "stay": "1", "back": "https://evil.example/"})
    assert away.headers["Location"].startswith("/jobs/")
