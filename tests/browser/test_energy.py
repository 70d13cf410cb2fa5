"""Energy and cost in a browser: axe finds nothing, nothing scrolls sideways, and prices are set by typing them."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from controlplane.base.models import User
from routing.energy_tables import EnergyTariff
from routing.models import Node
from tests.browser.conftest import Site
from tests.browser.test_axe import signed_in, violations
from tests.routing.energy.own_devices import OwnDevices, lately

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def furnish_energy(owner: User) -> None:
    """Two devices of which one is busy, three models, and no price."""
    own = OwnDevices(owner, lately())
    Node.objects.update(emulated=True)
    first, second = own.device("GPU-5f2c-0"), own.device("GPU-5f2c-1")
    for model, devices in (("chat-small", [first]), ("chat-large", [first, second]), ("vision", [second])):
        own.place(model, *devices)
    for name, base in (("GPU-5f2c-0", 110), ("GPU-5f2c-1", 90)):
        own.draw(name, lambda at, base=base: base + 420 * (at // 60 % 2), 0, 480, counted=True)  # type: ignore[misc]
    for number in range(60):
        model = ("chat-small", "chat-large", "vision")[number % 3]
        own.call(model, 60 + number * 4, 2 + number % 7, api_key_id=None)
    own.settle(360)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_prices_are_set_and_cost_is_shown(chromium: Browser, site: Site, language: str) -> None:
    admin = User.objects.create_user("ada", role="admin", language=language)
    furnish_energy(admin)
    with signed_in(chromium, site, admin) as context:
        context.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
        page = context.new_page()
        page.goto(f"{site.url}/energy?span=7d")
        expect(page.locator('tr[data-name="chat-large"]')).to_be_visible()
        found = violations(page, "/energy")
        page.goto(f"{site.url}/energy/prices")
        for label, value in (("#e-currency", "EUR"), ("#e-pue", "1.2"), ("#e-grid", "350"), ("#e-price-0", "2.4")):
            page.fill(label, value)
        picture(page, f"energy-form-{language}")
        with page.expect_navigation():
            page.locator("form[action='/energy/prices/set'] button").click()
        found += violations(page, "/energy/prices")
        EnergyTariff.objects.update(valid_from="2026-01-01T00:00Z")
        page.fill("#e-hours", "hour,g_per_kwh\nnoon,3")
        with page.expect_navigation():
            page.locator("form[action='/energy/intensity'] button").click()
        found += violations(page, "wrong hours")
        for width in (1400, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for address in ("/energy?span=7d", "/energy?span=7d&by=day", "/energy/prices"):
                page.goto(f"{site.url}{address}")
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{address} at {width}"
                picture(page, f"{address.strip('/').replace('/', '-')}-{language}-{width}")
    assert not found, "\n".join(found)


def picture(page: Page, name: str) -> None:
    """Keep the page as it looks, if PICTURES names a folder."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
