"""Models on GPUs in a browser: nothing for axe, no sideways scrolling, sorted and filtered by clicks."""

import time

import pytest
from playwright.sync_api import Browser, expect

from controlplane.base.models import User
from registry.models import Model
from routing.models import StoredReplica
from tests.browser.conftest import Site
from tests.browser.test_axe import signed_in, violations
from tests.browser.test_device import fits_everywhere, picture
from tests.routing.device import feeding
from tests.routing.hosted.test_page import engine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


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
        page.goto(f"{site.url}/")
        fits_everywhere(page, f"overview-{language}")
        found += violations(page, "overview")
        page.goto(f"{site.url}/gpus/models")
        page.locator("thead th.num a").first.click()
        expect(page.locator("tbody tr").first).to_contain_text("chat-large")
        page.goto(f"{site.url}/gpus/models?q=zzz")
        found += violations(page, "none matches")
        StoredReplica.objects.all().delete()
        page.goto(f"{site.url}/gpus/models")
        found += violations(page, "empty")
        picture(page, f"hosted-empty-{language}")
    assert found == []
