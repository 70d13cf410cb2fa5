"""The page of a device in a browser: charts with gaps, figures that follow, meanings, a moment; nothing for axe."""

import os
import re
import time
from itertools import product
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from controlplane.base import events
from controlplane.base.models import User
from routing.history import store
from tests.browser.conftest import Site
from tests.browser.test_axe import signed_in, violations
from tests.routing.device import feeding
from tests.routing.plants import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def picture(page: Page, name: str) -> None:
    """Keep a picture where PICTURES names a folder."""
    folder = os.environ.get("PICTURES")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def fits_everywhere(page: Page, name: str) -> None:
    """Keep pictures in both themes at both widths; nothing scrolls sideways."""
    themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for theme, width in product(themes, (1400, 390)):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 900})
        picture(page, f"{name}-{theme}-{width}")
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_device_is_told_in_the_readers_language(chromium: Browser, site: Site, language: str) -> None:
    admin = User.objects.create_user("ada", role="admin", language=language)
    feeding.furnish(admin)
    clock = time.time()
    feeding.live_an_hour(clock)
    feeding.tell()
    found: list[str] = []
    with signed_in(chromium, site, admin) as context:
        context.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
        page = context.new_page()
        page.goto(f"{site.url}/gpus/{feeding.FULL}")
        expect(page.locator("[data-trends][data-drawn]")).to_be_attached(timeout=20_000)
        expect(page.locator(".events li").first).to_be_visible()
        gaps = page.evaluate("document.querySelector('.trend').data[0].y.filter((y) => y === null).length")
        assert gaps >= 30
        fits_everywhere(page, f"device-{language}")
        found += violations(page, "device")
        page.goto(f"{site.url}/gpus/{feeding.BARE}")
        expect(page.locator("[data-trends][data-drawn]")).to_be_attached(timeout=20_000)
        picture(page, f"device-bare-{language}")
        found += violations(page, "bare device")
        page.goto(f"{site.url}/gpus/{feeding.FULL}?at={int(clock) - 2700}")
        found += violations(page, "unreadable moment")
        page.goto(f"{site.url}/gpus/NOWHERE")
        found += violations(page, "unknown device")
        picture(page, f"device-unknown-{language}")
    assert found == []


def test_values_follow_the_device_each_second_and_rest_while_paused(chromium: Browser, site: Site) -> None:
    admin = User.objects.create_user("ada", role="admin")
    feeding.furnish(admin)
    feeding.tell()
    with signed_in(chromium, site, admin) as context:
        page = context.new_page()
        page.goto(f"{site.url}/gpus/{feeding.BARE}")
        power = page.locator("dl.eight [data-value=power_watts]")
        expect(power).to_have_text("77 W")
        for watts in (81.0, 240.0):
            told(watts)
            expect(power).to_have_text(f"{watts:.0f} W")
            expect(page.locator("[data-patch=d-10] [data-value]")).to_have_text(f"{watts:.0f} W")
        page.locator("h1").click()
        page.keyboard.press(".")
        expect(page.locator("[data-live-state]")).to_have_class(re.compile("is-off"))
        told(333.0)
        until(lambda: known_to_rest(page, site) == 333.0, 20)
        expect(power).to_have_text("240 W")
        page.keyboard.press(".")
        expect(power).to_have_text("333 W")


def known_to_rest(page: Page, site: Site) -> float:
    """What the REST API says the bare device draws."""
    found = page.request.get(f"{site.url}/api/devices?q={feeding.BARE}").json()["results"]
    return float(found[0]["latest"]["power_watts"]["value"])


def told(watts: float) -> None:
    """The bare device draws so much now."""
    values = {**feeding.bare_values(0.0), "power_watts": watts}
    store.send(events.store(), [feeding.frame(time.time(), 0.0, {feeding.BARE: values})])
    store.keep()
