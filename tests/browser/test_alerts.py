"""Pages of alerts in a browser: nothing for axe to find, one click silences, and news arrives by itself."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from controlplane.base import events, redis_names
from controlplane.base.models import User
from routing.alerts import silences
from routing.alerts.models import Alert, AlertReceiver, Silence
from tests.browser.conftest import Site
from tests.browser.test_axe import signed_in, violations
from tests.site import furnish_alerts

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


WORDS = {"en": "firing now: {}", "zh-hans": "正在触发：{}"}


def picture(page: Page, name: str) -> None:
    """For people who want to look: wide and on a phone, light and dark."""
    folder = os.environ.get("PICTURES")
    if not folder:
        return
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.screenshot(path=str(Path(folder) / f"{name}-{theme}.png"), full_page=True)
    page.set_viewport_size({"width": 390, "height": 900})
    page.screenshot(path=str(Path(folder) / f"{name}-390.png"), full_page=True)
    page.set_viewport_size({"width": 1400, "height": 900})
    page.emulate_media(color_scheme="light")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_an_alert_is_silenced_with_one_click(chromium: Browser, site: Site, language: str) -> None:
    engineer = User.objects.create_user("ada", role="engineer", language=language)
    furnish_alerts()
    events.store().set(redis_names.ALERTS_LOOKED, 4e9)
    firing = Alert.objects.get(subject="GPU-2")
    with signed_in(chromium, site, engineer) as context:
        context.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
        page = context.new_page()
        found = []
        edit = f"/alerts/receivers/{AlertReceiver.objects.get().pk}/edit"
        for number, address in enumerate(
            ("/alerts", "/alerts?view=resolved", "/alerts/rules", "/alerts/rules/edit", "/alerts/receivers", edit)
        ):
            page.goto(f"{site.url}{address}")
            found += violations(page, address)
            picture(page, f"alerts-{number}-{language}")
        page.goto(f"{site.url}/alerts/rules/edit")
        page.locator("header.head button[type=submit]").first.click()
        expect(page.locator("td[data-label]").first).to_be_visible()
        found += violations(page, "checked rules")
        picture(page, f"alerts-checked-{language}")
        page.goto(f"{site.url}/alerts")
        badge = page.locator("[data-badge=alerts]")
        expect(badge).to_contain_text(WORDS[language].format(2))
        Alert.objects.filter(subject="GPU-2").update(state="resolved")
        expect(badge).to_contain_text(WORDS[language].format(1))
        Alert.objects.filter(subject="GPU-2").update(state="firing")
        page.reload()
        page.locator("[data-open='#new-silence']").click()
        found += violations(page, "new silence")
        page.keyboard.press("Escape")
        with page.expect_navigation():
            page.locator(f"form[action='/alerts/{firing.pk}/silence'] button").click()
        assert Silence.objects.count() == 2
        silences.acknowledge(engineer, Alert.objects.get(subject="GPU-1").pk, "on it")
        expect(page.locator(f"#al-{Alert.objects.get(subject='GPU-1').pk} .tag.accent")).to_be_visible()
        page.set_viewport_size({"width": 390, "height": 900})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert found == []
