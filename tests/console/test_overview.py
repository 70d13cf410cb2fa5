"""The overview: a chart over three spans, what fails most and why, the latest changes, and a newcomer's first steps."""

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from controlplane.base.models import User
from registry.access import callers
from registry.catalog import verbs as catalog
from registry.models import ApiKey
from routing.models import CallRecord
from tests.site import bare, furnish, write_models

Visitor = Callable[..., Client]
Person = Callable[..., User]
MOST_QUERIES = 55


def called(count: int, model: str = "chat-00000", ago: timedelta = timedelta(minutes=2), **more: object) -> None:
    """Records of calls that began so long ago."""
    fields = {"at": timezone.now() - ago, "model": model, "task": "chat", "status": 200, "duration_ms": 90.0}
    CallRecord.objects.bulk_create(CallRecord(id=uuid.uuid4(), revision=1, **{**fields, **more}) for _ in range(count))


def marks(body: str) -> list[tuple[str, str]]:
    """Of every age on the page: whether its figures are pushed, and its words."""
    mark = re.compile(r'<time class="state is-off"[^>]*data-age="(\w*)">([^<]*)<')
    return mark.findall(re.sub(r"of \d+ s", "of N s", body))


def page(visitor: Visitor, address: str = "/", role: str = "admin", language: str = "en") -> str:
    return visitor(role, language).get(address).content.decode()


@pytest.mark.parametrize(
    ("span", "ago", "unit", "unit_zh"),
    [
        ("15m", timedelta(minutes=4), "Calls per 30 s", "每 30 秒的调用数"),
        ("24h", timedelta(hours=7), "Calls per 30 min", "每 30 分钟的调用数"),
        ("30d", timedelta(days=20), "Calls per 12 h", "每 12 小时的调用数"),
    ],
)
def test_chart_shows_the_span_that_the_address_names(
    visitor: Visitor, span: str, ago: timedelta, unit: str, unit_zh: str
) -> None:
    at = timezone.now() - ago  # One moment: steps begin at round times, and one may begin between two.
    called(7, at=at)
    called(3, at=at, status=502, failure="upstream_error", message="no route")
    body = bare(page(visitor, f"/?span={span}"))
    assert unit in body
    assert unit_zh in page(visitor, f"/?span={span}", language="zh-hans")
    assert re.search(rf'href="\?span={span}" aria-current="true"', body)
    assert "10 calls, 3 failed, p95 90 ms" in body
    (row,) = [row for row in re.findall(r"<tr>.*?</tr>", body) if '<td class="num">10</td>' in row]
    assert '<td class="num">3</td>' in row


def test_old_calls_are_not_in_a_short_span_and_odd_spans_are_fifteen_minutes(visitor: Visitor) -> None:
    called(5, ago=timedelta(hours=2))
    for address in ("/", "/?span=15m", "/?span=nonsense"):
        body = page(visitor, address)
        assert "Nobody called in this time" in body
        assert '<div class="chart">' not in body
    assert "这段时间没有调用" in page(visitor, language="zh-hans")
    assert '<div class="chart">' in page(visitor, "/?span=24h")


def test_only_the_short_span_is_pushed(visitor: Visitor) -> None:
    assert marks(page(visitor)) == [("pushed", "as of N s ago")] * 2
    assert marks(page(visitor, "/?span=30d")) == [("", "as of N s ago")] * 2


@pytest.mark.parametrize(
    ("address", "wears"),
    [
        ("/calls", [("", "as of N s ago")]),
        ("/calls/summary/chat-00000", [("pushed", "as of N s ago")]),
        ("/calls/of/chat-00000", [("", "as of N s ago")]),
        ("/models/chat-00000?tab=releases", [("", "as of N s ago")]),
        ("/audit", [("", "as of N s ago")]),
        ("/models", []),
        ("/jobs", []),
    ],
)
def test_figures_that_stand_wear_their_age(
    visitor: Visitor, person: Person, address: str, wears: list[tuple[str, str]]
) -> None:
    furnish(person("admin"))
    called(3)
    assert marks(page(visitor, address)) == wears


def test_age_is_told_in_chinese(visitor: Visitor) -> None:
    called(3)
    assert re.search(r"<time[^>]*>\d+ 秒前的数据<", page(visitor, "/calls", language="zh-hans"))


def test_models_that_fail_most_are_named_with_cause_and_link(visitor: Visitor) -> None:
    write_models(3)
    called(20)
    called(4, status=502, failure="upstream_error", message="no route to 10.0.0.7")
    body = page(visitor, role="viewer")
    assert "no route to 10.0.0.7" in body
    assert "4 of 24 failed" in body
    assert 'href="/models/chat-00000"' in body
    assert re.search(r'href="/calls\?model=chat-00000&amp;status=failed&amp;since=20', body)


def test_error_rate_needs_somebody_from_five_percent_and_five_calls_on(visitor: Visitor) -> None:
    called(95)
    called(4, status=502, message="boom")
    assert "of the calls of the last 15 minutes failed" not in page(visitor)
    called(4, status=502, message="boom")
    cache.clear()
    body = page(visitor)
    assert "7.8 % of the calls of the last 15 minutes failed" in body
    assert "chat-00000: boom" in body


def test_latest_changes_name_object_and_author_for_those_who_may_read_them(visitor: Visitor, person: Person) -> None:
    callers.create(person("admin", "ada"), "search service", ["call"])
    body = page(visitor, role="reviewer")
    assert re.search(r'#k-\d+">search service</a>', body)
    assert "key made · ada" in body
    assert "已创建密钥 · ada" in page(visitor, role="reviewer", language="zh-hans")
    assert "Latest changes" not in page(visitor, role="engineer")


def test_first_steps_are_ticked_by_what_really_happened(visitor: Visitor, person: Person) -> None:
    ada = person("admin", "ada")
    program = User.objects.create(username="first-run", role="engineer", password="!")
    callers.create(program, "first run", ["call"])
    spec = {
        "name": "drill",
        "type": "llm",
        "protocol": "openai",
        "endpoint": "http://127.0.0.1:9",
        "tags": ["practice"],
    }
    catalog.create(ada, spec)
    called(3, api_key_id=ApiKey.objects.get().pk)
    body = page(visitor)
    assert body.count('class="ticked"') == 0
    assert "/v1/chat/completions" in body
    assert "&quot;drill&quot;" in body
    assert "PRACTICE=0" in body
    catalog.create(ada, {**spec, "name": "own", "tags": []})
    assert page(visitor).count('class="ticked"') == 1
    row, _ = callers.create(ada, "app", ["call"])
    assert page(visitor).count('class="ticked"') == 2
    called(1, api_key_id=row.pk)
    assert "First steps" not in page(visitor)


@pytest.mark.parametrize(("role", "shown"), [("viewer", False), ("engineer", True)])
def test_first_steps_are_for_those_who_may_take_them(visitor: Visitor, db: None, role: str, shown: bool) -> None:
    assert ("First steps" in page(visitor, role=role)) is shown


@pytest.mark.parametrize("span", ["15m", "24h", "30d"])
def test_page_takes_a_bounded_number_of_queries(visitor: Visitor, person: Person, span: str) -> None:
    furnish(person("admin", "owner"))
    browser = visitor("admin")
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(f"/?span={span}").status_code == 200
    assert len(queries) <= MOST_QUERIES
