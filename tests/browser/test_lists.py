"""Lists under a hand: a row opens, ticks and texts stay as they are, the heads stay in sight."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Notes, Site, enter
from tests.site import furnish, write_models

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
Open = Callable[..., tuple[Page, Notes]]
TOP_OF_HEAD = "document.querySelector('[data-rows] th:nth-child(2)').getBoundingClientRect().top"


def test_a_click_on_a_row_opens_it_and_a_tick_or_a_selected_text_does_not(open_tab: Open, site: Site) -> None:
    page, notes = open_tab()
    furnish(enter(page, site))
    page.goto(f"{site.url}/models")
    row = page.locator("[data-rows] tbody tr").first
    row.locator(".tick").click(position={"x": 3, "y": 3})
    row.locator("input").check()
    row.locator("td").nth(3).evaluate("cell => getSelection().selectAllChildren(cell)")
    row.locator("td").nth(3).dispatch_event("click")
    expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")
    assert page.url == f"{site.url}/models"
    page.evaluate("getSelection().removeAllRanges()")
    with page.context.expect_page() as aside:
        row.locator("td").nth(3).click(modifiers=["Control"])
    assert aside.value.url.startswith(f"{site.url}/models/")
    row.locator("td").nth(3).click()
    page.wait_for_url("**/models/chat-00000")
    for address in ("/calls", "/jobs"):
        page.goto(f"{site.url}{address}")
        page.locator("[data-rows] tbody tr").first.locator("td").last.click(position={"x": 4, "y": 4})
        page.wait_for_url(f"**{address}/*")
    assert notes.problems == []


def test_heads_stay_in_sight(open_tab: Open, site: Site) -> None:
    page, _ = open_tab()
    enter(page, site)
    write_models(50)
    for width, top in ((1400, 0), (800, 52)):
        page.set_viewport_size({"width": width, "height": 500})
        page.goto(f"{site.url}/models")
        expect(page.locator(".scroll.fits")).to_be_visible()
        page.locator("[data-rows] tbody tr").last.scroll_into_view_if_needed()
        page.wait_for_function(f"Math.abs({TOP_OF_HEAD} - {top}) < 2")
