"""From an address to a saved model, whatever the address says; clicks, keys and seconds are counted."""

import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from controlplane.base import config
from controlplane.base.models import Change, Setting
from registry.models import Model
from tests.browser.conftest import Notes, Site, enter
from tests.browser.hand import Hand
from tests.upstreams import Upstreams

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
Open = Callable[..., tuple[Page, Notes]]


@pytest.fixture
def hand(open_tab: Open, site: Site) -> Iterator[Hand]:
    """An admin's, on the list of models; nothing may go wrong in the tab."""
    page, notes = open_tab()
    enter(page, site, "admin")
    page.goto(f"{site.url}/models")
    yield Hand(page)
    assert notes.problems == []
    assert notes.foreign == []


def test_private_address_takes_four_clicks_and_nothing_is_typed_twice(hand: Hand, upstreams: Upstreams) -> None:
    Setting.objects.filter(key=config.EGRESS).update(value=["public"])
    before = Change.objects.filter(verb="settings.change").count()
    begun, address = time.monotonic(), f"{upstreams.url}/m/1"
    origin = urlsplit(address).netloc
    hand.click("a", "New model")
    hand.write("#address", address)
    expect(hand.page.locator("#draft")).to_contain_text("Not allowed yet")
    hand.click("#draft button", f"Allow {origin} and go on")
    expect(hand.page.locator("#draft")).to_contain_text("It speaks OpenAI")
    expect(hand.page.locator("#address")).to_have_value(address)
    hand.click("#draft button", "Test call")
    expect(hand.page.locator("#verdict")).to_have_text("It works")
    hand.click("#draft footer .primary")
    hand.page.wait_for_url("**/models/practice-*")
    assert (hand.clicks, hand.keys) == (4, len(address) + 1)
    assert time.monotonic() - begun <= 20
    assert config.egress_allow() == ("public", origin)
    assert Change.objects.filter(verb="settings.change").count() == before + 1


def test_key_that_is_asked_for_is_typed_once_where_the_focus_is(hand: Hand, upstreams: Upstreams) -> None:
    address = f"{upstreams.url}/m/1~key-s3cret"
    hand.click("a", "New model")
    hand.write("#address", address)
    expect(hand.page.locator("#draft")).to_contain_text("It answers, and wants a key")
    expect(hand.page.locator("#draft")).to_contain_text("401")
    hand.write("#secret", "wrong-key")
    expect(hand.page.locator("#draft")).to_contain_text("It answers, and refuses this key")
    expect(hand.page.locator("#secret")).to_be_focused()
    hand.page.keyboard.press("Control+A")
    hand.write("#secret", "s3cret")
    expect(hand.page.locator("#draft")).to_contain_text("It speaks OpenAI")
    hand.click("#draft footer .primary")
    hand.page.wait_for_url("**/models/practice-*")
    assert hand.clicks == 2


def test_silence_is_told_and_looked_at_again(hand: Hand) -> None:
    hand.click("a", "New model")
    hand.write("#address", "http://127.0.0.1:9")
    expect(hand.page.locator("#draft")).to_contain_text("Nothing answers at http://127.0.0.1:9")
    hand.click("#draft button", "Look again")
    expect(hand.page.locator("#draft")).to_contain_text("Nothing answers at http://127.0.0.1:9")


def test_every_ticked_model_is_proven_and_what_fails_stays_off(hand: Hand, upstreams: Upstreams) -> None:
    hand.click("a", "New model")
    hand.write("#address", f"{upstreams.url}/m/1")
    hand.click("#draft .pick-row summary")
    hand.page.locator("#m0-name").wait_for(state="hidden")
    hand.click("#draft .pick-row summary")
    hand.page.locator("[name=m0-type]").select_option("embedding")
    hand.click("#draft footer .primary")
    expect(hand.page.locator("#verdict")).to_have_text("It does not work yet")
    expect(hand.page.locator("#test")).to_contain_text("Nothing was saved")
    hand.click("#test button", "Save, what does not work disabled")
    hand.page.wait_for_url("**/models/practice-*")
    assert Model.objects.get().state == "disabled"
