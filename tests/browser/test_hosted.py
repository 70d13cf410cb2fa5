"""Models on GPUs in a browser: nothing for axe, no sideways scrolling, sorted and filtered by clicks."""

import re
import time
from itertools import count

import pytest
from playwright.sync_api import Browser, Page, expect

from controlplane.base.models import User
from registry.models import Model
from routing.models import StoredReplica
from tests.browser.conftest import Site
from tests.browser.test_axe import signed_in, violations
from tests.browser.test_device import fits_everywhere, picture
from tests.routing.device import feeding
from tests.routing.hosted.test_page import engine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SHIFTED = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => { for (const one of list.getEntries()) sum += one.value; })
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 300);
})"""
SEQUENCE = count(3)
LEAST_SHIFT = 0.005
"""A line of text that moves by its own width is less; a note above the page's parts was 0.05."""


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_who_sits_where_is_told_both_ways(chromium: Browser, site: Site, language: str) -> None:
    admin = User.objects.create_user("ada", role="admin", language=language)
    feeding.furnish(admin)
    for number, state in enumerate(("cold", "asleep", "loading", "failed")):
        model = Model.objects.create(name=f"model-{state}", type="llm", protocol="openai", endpoint=f"http://{number}")
        StoredReplica.objects.create(model=model, endpoint=model.endpoint, state=state)
    now = time.time()
    for name, base in (("chat-large", 1000.0), ("embed-small", 10.0)):
        said = {"requests_running": 7.0, "requests_waiting": 3.0, "kv_cache_usage_ratio": 0.431}
        engine(name, now - 10, 1, generation_tokens_total=base, **said)
        engine(name, now, 2, generation_tokens_total=base * 3, **said)
    feeding.tell()
    found: list[str] = []
    with signed_in(chromium, site, admin) as context:
        context.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
        page = context.new_page()
        for way in ("model", "device"):
            page.goto(f"{site.url}/gpus/models?by={way}")
            fits_everywhere(page, f"hosted-{way}-{language}")
            found += violations(page, way)
        degraded = {"status": "degraded", "reasons": ["no worker has stored call records for 65 s"], "revisions": [1]}
        page.route("**/readyz", lambda route: route.fulfill(json=degraded))
        page.set_viewport_size({"width": 1400, "height": 900})
        page.goto(f"{site.url}/")
        expect(page.locator("[data-degraded]")).to_be_visible()
        assert page.evaluate(SHIFTED) < LEAST_SHIFT
        fits_everywhere(page, f"overview-{language}")
        found += violations(page, "overview")
        page.goto(f"{site.url}/gpus/models")
        page.locator("thead th.num a").first.click()
        page.wait_for_url("**sort=**")
        expect(page.locator("[data-fleet-state]")).not_to_have_class("state is-queued")
        expect(page.locator("tbody tr").first).to_contain_text("chat-large")
        follows_and_pauses(page)
        page.goto(f"{site.url}/gpus/models?q=zzz")
        found += violations(page, "none matches")
        StoredReplica.objects.all().delete()
        page.goto(f"{site.url}/gpus/models")
        found += violations(page, "empty")
        picture(page, f"hosted-empty-{language}")
    assert found == []


def follows_and_pauses(page: Page) -> None:
    """Numbers follow the engine, no row moves, and nothing changes while it is paused."""
    rows = page.locator("tbody tr")
    order = rows.evaluate_all("all => all.map((row) => row.id)")
    told_within(page, 4242.0, "4,242")
    assert rows.evaluate_all("all => all.map((row) => row.id)") == order
    page.locator("[data-fleet-pause]").click()
    expect(page.locator("[data-fleet-pause]")).to_have_text(re.compile("Resume|继续"))
    engine("chat-large", time.time(), next(SEQUENCE), requests_waiting=7.0)
    page.wait_for_timeout(1500)
    expect(rows.first.locator("[data-value=waiting]")).to_have_text("4,242")
    page.locator("[data-fleet-pause]").click()
    told_within(page, 7.0, "7")


def told_within(page: Page, waiting: float, text: str) -> None:
    """An engine speaks, as often as engines do, until the page says what it says."""
    spot = page.locator("tbody tr").first.locator("[data-value=waiting]")
    for _ in range(60):
        engine("chat-large", time.time(), next(SEQUENCE), requests_waiting=waiting)
        page.wait_for_timeout(500)
        if spot.text_content() == text:
            return
    expect(spot).to_have_text(text)
