"""The page that describes the REST API says what the OpenAPI document says, and the document says who may."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client

from tests.rest.test_access import ROWS
from tests.site import bare

pytestmark = pytest.mark.django_db
Visitor = Callable[..., Client]


@pytest.fixture
def document() -> Any:
    return Client().get("/api/schema?format=json").json()


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [(method.upper(), path, said) for path, there in document["paths"].items() for method, said in there.items()]


def test_every_operation_is_on_the_page(visitor: Visitor, document: Any) -> None:
    page = unescape(visitor("viewer").get("/api/docs").content.decode())
    articles = dict(re.findall(r'<article [^>]*aria-label="([^"]+)">(.*?)</article>', page, re.S))
    assert set(articles) == {f"{method} {path}" for method, path, _ in operations(document)}
    for method, path, said in operations(document):
        shown = articles[f"{method} {path}"]
        assert said["description"] in shown
        assert said["summary"] in page
        assert {one["name"] for one in said.get("parameters", ())} <= set(re.findall(r"strong\">([^<]+)<", shown))
        assert all(f"<code>{status}</code>" in shown for status in said["responses"] if status < "4")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_a_body_is_told_with_types_and_what_is_required(visitor: Visitor) -> None:
    page = visitor("viewer").get("/api/docs").content.decode()
    article = bare(unescape(page.split('id="post-keys"', 1)[1].split("</article>", 1)[0]))
    assert re.search(r"strong\">name</code><span[^>]*>string</span><span class=\"tag\">required", article)
    assert re.search(
        r"strong\">calls_per_minute</code><span[^>]*>integer or null</span><span class=\"note-line", article
    )
    assert "every API key is refused here" in article
    tag = unescape(page.split('id="post-models-tag"', 1)[1].split("</article>", 1)[0])
    assert 'curl -X POST "$PATCHBAY_URL/api/models/tag" \\\n  -H "Authorization: Bearer $PATCHBAY_KEY"' in tag


def test_the_document_says_who_may_as_the_reviewed_table_does(document: Any) -> None:
    told = {
        (method, re.sub(r"\{(\w+)\}", r"<\1>", path.lstrip("/"))): (said["x-role"], tuple(said["x-key-scopes"]))
        for method, path, said in operations(document)
    }
    table = {
        (method, re.sub(r"<\w+:", "<", route)): (role, () if scopes == "-" else tuple(scopes.split(",")))
        for method, route, role, scopes in ROWS
    }
    for operation, (role, scopes) in told.items():
        assert table[operation] == (role, scopes if role != "anyone" else ())


def test_the_page_is_in_the_readers_language_and_its_descriptions_in_english(visitor: Visitor) -> None:
    page = visitor("viewer", "zh-hans").get("/api/docs/")
    text = page.content.decode()
    assert (page.headers["Content-Language"], "API 参考" in text) == ("zh-hans", True)
    assert re.search(r'<p lang="en">One page of matching models.</p>', text)


def test_the_index_the_keys_page_and_the_palette_lead_to_it(visitor: Visitor) -> None:
    assert Client().get("/api/").json()["docs"].endswith("/api/docs")
    assert Client().get("/api/docs").headers["Location"].startswith("/sign-in?next=")
    assert 'href="/api/docs"' in visitor("engineer").get("/keys").content.decode()
    found = visitor("viewer").get("/palette?q=reference").json()["results"]
    assert [entry["href"] for entry in found] == ["/api/docs"]
