"""Lists under a hand: a row opens, ticks and texts stay as they are, the heads stay in sight."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from controlplane.base import events
from controlplane.base.models import User
from tests.browser.conftest import Notes, Site, enter
from tests.browser.test_axe import signed_in
from tests.site import furnish, write_models
from versions.models import Source

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


HELD = """
window.held = true;
const Real = WebSocket;
window.WebSocket = class extends Real { constructor(url) { super(window.held ? "ws://127.0.0.1:9/" : url); } };
"""


def test_what_changed_before_the_socket_listened_is_shown_and_what_changes_after_too(
    chromium: Browser, site: Site
) -> None:
    admin = User.objects.create_user("ada", role="admin")
    furnish(admin)
    page = signed_in(chromium, site, admin).new_page()
    page.add_init_script(HELD)
    page.goto(f"{site.url}/sources")
    row = page.locator("tr[id^='so-']").first
    tell_of_sources("the hub answered 503")
    expect(row).not_to_contain_text("503")
    page.evaluate("window.held = false")
    expect(row).to_contain_text("the hub answered 503", timeout=15_000)
    tell_of_sources("the hub is busy")
    expect(row).to_contain_text("the hub is busy", timeout=15_000)


def tell_of_sources(reason: str) -> None:
    """What a scan that failed does."""
    Source.objects.update(state_reason=reason)
    events.publish("sources", {})
