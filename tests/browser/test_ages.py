"""Figures that do not move by themselves wear an age that counts on; those that are pushed are live."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Notes, Site, enter
from tests.site import furnish

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
Open = Callable[..., tuple[Page, Notes]]


def test_a_list_of_calls_grows_older_by_itself(open_tab: Open, site: Site) -> None:
    page, notes = open_tab()
    page.clock.install()
    furnish(enter(page, site))
    page.goto(f"{site.url}/calls")
    age = page.locator(".table-foot time[data-age]")
    expect(age).to_contain_text("as of")
    page.clock.fast_forward(170_000)
    expect(age).to_contain_text("as of 3 min")
    page.goto(f"{site.url}/models/chat-00000?tab=calls")
    expect(page.locator(".table-foot time[data-age]")).to_contain_text("as of")
    assert notes.problems == []


def test_a_models_traffic_is_live_until_the_server_is_silent(open_tab: Open, site: Site) -> None:
    page, _ = open_tab()
    furnish(enter(page, site))
    page.goto(f"{site.url}/models/chat-00000")
    card = page.locator("section", has=page.locator("#traffic"))
    expect(card.locator("time[data-age]")).to_have_text("Live")
    page.route("**/calls/summary/**", lambda route: route.abort())
    expect(card.locator("time[data-age]")).to_contain_text("as of 1", timeout=30_000)
