"""The palette in the reader's language, and the place that an entry leads to."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Notes, Site, enter

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
Open = Callable[..., tuple[Page, Notes]]


def test_the_egress_list_is_found_in_both_languages_and_lands_at_its_section(open_tab: Open, site: Site) -> None:
    page, notes = open_tab(language="zh-hans")
    enter(page, site, "admin", "zh-hans")
    for address, words in (("/models", "egress"), ("/settings", "出站")):
        page.goto(f"{site.url}{address}")
        page.keyboard.press("Control+k")
        page.locator("#palette input").fill(words)
        expect(page.locator("#palette-list [role=option]").first).to_contain_text("出站")
        page.keyboard.press("Enter")
        page.wait_for_url("**/settings#egress")
        expect(page.locator("#palette")).to_be_hidden()
        expect(page.locator("#egress")).to_be_in_viewport()
        assert page.locator("#egress").evaluate("section => section.getBoundingClientRect().top") < 200
    assert notes.problems == []
