"""The page of a rollout in Chromium: figures, charts, a countdown, live news, and the way back in two clicks."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from controlplane.base import advisory_locks, events
from controlplane.base.models import User
from tests.browser.conftest import Notes, Site, enter
from tests.browser.test_axe import signed_in, violations
from tests.versions.rolling import a_model, approved
from versions.models import Rollout, Update
from versions.rollout import plans, verbs

pytestmark = pytest.mark.slow
OpenTab = Callable[..., tuple[Page, Notes]]


def furnished() -> Update:
    """An update at a quarter of the calls, with readings of two minutes."""
    update = approved(a_model("vision-large"), description="new")
    verbs._start(None, update.pk, plans.plan({"steps": [5, 25, 100], "bake_seconds": [300, 600, 600]}), "")
    verbs.advance(verbs.found(update.pk))
    keep_watch_away(update)
    write_readings(update, saved=3)
    return update


def keep_watch_away(update: Update) -> None:
    """Look at the rollout as the one process that does, so that the worker leaves the readings as they are."""
    with connection.cursor() as cursor:
        number = Rollout.objects.get(update=update.pk).pk % 2**31
        cursor.execute("select pg_advisory_lock(%s, %s)", [advisory_locks.ROLLOUT, number])


def write_readings(update: Update, saved: int) -> None:
    """Readings as the watch writes them."""
    now = timezone.now().timestamp()
    series = [
        [now - 120 + n, 5 if n < 60 else 25, 0.3, 0.3 + n / 200, 420.0 + n % 7, 430.0 + n % 11] for n in range(120)
    ]
    lines: dict[str, Any] = {
        name: {"blue": 0.31, "green": 0.42, "limit": 0.81, "state": "kept"} for name in ("failed", "refused", "lossy")
    }
    lines["slow"] = {"blue": 420.0, "green": 433.0, "limit": 630.0, "state": "doubtful"}
    readings = {"series": series, "lines": lines, "calls": [12_400, 3_100], "saved": saved, "at": now}
    Rollout.objects.filter(update=update.pk).update(readings=readings)


def picture(page: Page, name: str) -> None:
    """Keep a picture if PICTURES names a folder."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


@pytest.mark.parametrize(
    ("width", "theme", "language"), [(1400, "light", "en"), (1400, "dark", "zh-hans"), (390, "light", "zh-hans")]
)
def test_a_rollout_is_shown_and_taken_back(
    site: Site, open_tab: OpenTab, width: int, theme: str, language: str
) -> None:
    page, notes = open_tab(width, theme, language)
    enter(page, site, "engineer", language)
    update = furnished()
    page.goto(f"{site.url}/rollouts/{update.pk}")
    expect(page.locator("[data-figure=failed] .main-svg").first).to_be_visible(timeout=20_000)
    expect(page.locator("time[data-countdown]")).to_contain_text("min")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(page, f"rollout-{width}-{theme}-{language}")
    write_readings(update, saved=4_321)
    events.publish("updates", {"id": str(update.pk), "readings": True})
    expect(page.locator("[data-patch=calls]")).to_contain_text("4,321")
    page.goto(f"{site.url}/rollouts")
    expect(page.locator(f"#u-{update.pk}")).to_contain_text("25 %")
    picture(page, f"rollouts-{width}-{theme}-{language}")
    page.goto(f"{site.url}/rollouts/{update.pk}")
    page.locator("form[action$=roll-back] button").click()
    page.locator("#confirm [data-confirm-go]").click()
    expect(page.locator("[data-patch=meta] .is-rolled_back")).to_be_visible()
    assert Update.objects.get(pk=update.pk).state == "rolled_back"
    assert (notes.problems, notes.foreign) == ([], [])


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_axe_finds_nothing_on_rollouts(chromium: Browser, site: Site, language: str) -> None:
    """Running, ahead, paused, and undone, and the list of them."""
    admin = User.objects.create_user("ada", role="admin", language=language)
    update, ahead = furnished(), approved(a_model("next"), description="new")
    found: list[str] = []
    with signed_in(chromium, site, admin) as context:
        context.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
        page = context.new_page()
        for address in (f"/rollouts/{update.pk}", f"/rollouts/{ahead.pk}", "/rollouts"):
            page.goto(f"{site.url}{address}")
            found += violations(page, address)
        verbs.hold(update.pk, "why")
        page.goto(f"{site.url}/rollouts/{update.pk}")
        found += violations(page, "paused")
        verbs.go_back(update.pk, "why", broken=True)
        page.goto(f"{site.url}/rollouts/{update.pk}")
        found += violations(page, "rolled back")
    assert found == []
