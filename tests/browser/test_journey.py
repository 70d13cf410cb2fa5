"""From the set-up link to a revoked key, as a person does it."""

import time
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from controlplane.base import accounts, config, events
from controlplane.base.models import User
from registry.catalog import verbs as catalog
from registry.models import Model
from registry.specfile import file as spec_file
from tests.browser.conftest import Notes, Site
from tests.site import PAGES
from tests.upstreams import Upstreams

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
Open = Callable[..., tuple[Page, Notes]]
PASSWORD = "plenty of words here"
WRONG_WITH_PAGE = (Path(__file__).parent / "wrong_with_page.js").read_text()


@pytest.fixture
def admin(site: Site) -> User:
    """An admin with a password."""
    return User.objects.create_user("ada", password=PASSWORD, role="admin")


def sign_in(page: Page, site: Site) -> None:
    """Sign in as the admin."""
    page.goto(f"{site.url}/sign-in")
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url(f"{site.url}/")


def test_from_set_up_to_a_revoked_key(open_tab: Open, site: Site, worker: None, upstreams: Upstreams) -> None:
    page, notes = open_tab()
    page.goto(f"{site.url}/set-up/{accounts.setup_link('admin', None, timedelta(hours=1))}")
    page.fill("[name=username]", "ada")
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    expect(page.locator("h1")).to_have_text("Overview")
    import_models(page, site, upstreams.yaml(12))
    find_a_model(page, site)
    stream_in_the_playground(page, site)
    make_use_and_revoke_a_key(page, site)
    assert notes.problems == []
    assert notes.foreign == []


def import_models(page: Page, site: Site, text: str) -> None:
    """Check a file, import it, watch the job to its end."""
    page.goto(f"{site.url}/models/import")
    page.fill("#import-text", text.replace("range: [0, 1]", "range: [1, 0]", 1))
    page.click("text=Check the file")
    expect(page.locator("#plan")).to_contain_text("Import 11 valid rows")
    page.fill("#import-text", text)
    page.click("text=Check the file")
    page.click("text=Import 12 models")
    page.wait_for_url("**/jobs/*")
    expect(page.locator(".meta .is-done")).to_be_visible(timeout=30_000)
    expect(page.locator('[data-p="done"]')).to_have_text("12")
    assert Model.objects.filter(state="ready").count() == 12


def find_a_model(page: Page, site: Site) -> None:
    """By facet, by search, by keyboard; then its tabs."""
    page.goto(f"{site.url}/models")
    expect(page.locator("tbody tr")).to_have_count(12)
    page.keyboard.press("/")
    page.keyboard.type("chat")
    page.wait_for_url("**q=chat**")
    expect(page.locator("tbody tr").first).to_contain_text("chat")
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("chat")
    expect(page.locator("#code-curl")).to_contain_text(f"{site.url}/v1/chat/completions")
    page.click("text=Adapter")
    expect(page.locator("#adapter-code")).to_contain_text("def ")
    page.click(".tabs >> text=Recent calls")
    expect(page.locator("main")).to_contain_text("Nobody called it yet")


def stream_in_the_playground(page: Page, site: Site) -> None:
    """Two columns at once, streamed through /v1."""
    names = Model.objects.filter(type="llm").order_by("name").values_list("name", flat=True)[:2]
    page.goto(f"{site.url}/playground?model={names[0]}&model={names[1]}")
    page.click("[data-run]")
    for lane in page.locator("[data-lane]").all():
        expect(lane.locator('[data-m="status"]')).to_contain_text("200")
        expect(lane.locator("[data-out]")).not_to_be_empty()
        expect(lane.locator('[data-m="ttft"]')).to_contain_text("ms")


def make_use_and_revoke_a_key(page: Page, site: Site) -> None:
    """The key is shown once, works at once, and stops."""
    page.goto(f"{site.url}/keys")
    page.locator("header button", has_text="New key").click()
    page.fill("#id_name", "support bot")
    page.click("text=Make the key")
    secret = page.locator("#secret").inner_text()
    headers = {"Authorization": f"Bearer {secret}"}
    assert len(httpx.get(f"{site.url}/v1/models", headers=headers, timeout=20).json()["data"]) == 12
    page.goto(f"{site.url}/keys")
    assert secret not in page.content()
    page.locator("td button", has_text="Revoke").click()
    go = page.locator("button[data-confirm-go]")
    expect(go).to_be_disabled()
    page.fill("#confirm-name", "support bot")
    go.click()
    expect(page.locator(".toast")).to_contain_text("revoked")
    until = time.monotonic() + 5
    while httpx.get(f"{site.url}/v1/models", headers=headers, timeout=20).status_code != 401:
        assert time.monotonic() < until
        page.wait_for_timeout(100)


def test_one_model_takes_few_fields_clicks_and_seconds(
    open_tab: Open, site: Site, admin: User, upstreams: Upstreams
) -> None:
    page, notes = open_tab()
    sign_in(page, site)
    page.goto(f"{site.url}/models")
    begun, clicks, fields = time.monotonic(), 0, 0
    page.locator("a", has_text="New model").first.click()
    clicks += 1
    page.locator("#address").press_sequentially(f"{upstreams.url}/m/1")
    page.keyboard.press("Tab")
    fields += 1
    page.locator("#draft button", has_text="Test call").click()
    clicks += 1
    expect(page.locator("#verdict")).to_have_text("It works")
    expect(page.locator("#sent")).to_contain_text("POST /m/1/")
    page.locator("#draft footer .primary").click()
    clicks += 1
    page.wait_for_url("**/models/practice-*")
    assert (fields <= 3, clicks <= 4) == (True, True)
    assert time.monotonic() - begun <= 20
    assert Model.objects.count() == 1
    assert notes.problems == []


def test_session_that_ends_costs_nothing_typed(open_tab: Open, site: Site, admin: User) -> None:
    page, _ = open_tab()
    sign_in(page, site)
    page.goto(f"{site.url}/settings")
    page.fill("#id_entries", "10.9.0.0/16")
    page.context.clear_cookies(name="sessionid")
    page.click("text=Save the list")
    page.fill("#again-password", "wrong")
    page.locator("#again button").click()
    expect(page.locator("[data-again-error]")).to_have_text("The password is not right.")
    page.fill("#again-password", PASSWORD)
    page.locator("#again button").click()
    expect(page.locator(".toast", has_text="Saved")).to_be_visible()
    assert config.egress_allow() == ("10.9.0.0/16",)


def test_page_is_live_again_within_five_seconds_of_a_crash(open_tab: Open, site: Site, admin: User) -> None:
    page, _ = open_tab()
    sign_in(page, site)
    state = page.locator("[data-live-state]")
    expect(state).to_have_text("Live")
    site.kill()
    expect(state).to_have_text("Reconnecting…")
    site.start()
    begun = time.monotonic()
    expect(state).to_have_text("Live", timeout=5_000)
    assert time.monotonic() - begun <= 5


def test_rows_change_in_place_while_somebody_types(
    open_tab: Open, site: Site, admin: User, upstreams: Upstreams
) -> None:
    furnish(upstreams)
    page, notes = open_tab()
    sign_in(page, site)
    page.goto(f"{site.url}/models")
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    page.fill("[data-search]", "practice")
    page.wait_for_url("**q=practice**")
    row = page.locator("tbody tr").first
    row.locator("[name=ids]").check()
    row.evaluate("row => { row.marked = true; }")
    model = Model.objects.get(name=row.locator(".name").inner_text())
    Model.objects.filter(pk=model.pk).update(state="unreachable", state_reason="the cable is out")
    events.publish("models", {"count": 1})
    expect(row.locator(".is-unreachable")).to_be_visible(timeout=8_000)
    expect(row).to_contain_text("the cable is out")
    assert row.evaluate("row => row.marked")
    expect(row.locator("[name=ids]")).to_be_checked()
    expect(page.locator("[data-search]")).to_have_value("practice")
    assert notes.problems == []


@pytest.mark.timeout(600)
def test_pages_fit_and_can_be_read(open_tab: Open, site: Site, admin: User, upstreams: Upstreams) -> None:
    furnish(upstreams)
    name = Model.objects.values_list("name", flat=True)[0]
    tabs = [f"/models/{name}?tab={tab}" for tab in ("overview", "parameters", "adapter", "releases")]
    for language, (width, theme) in product(("en", "zh-hans"), ((1400, "light"), (390, "dark"))):
        User.objects.filter(pk=admin.pk).update(language=language)
        page, notes = open_tab(width, theme, language)
        sign_in(page, site)
        for address in (*PAGES, *tabs, f"/edit/{name}"):
            page.goto(f"{site.url}{address}")
            assert wrong_in_both_themes(page) == [], f"{address} at {width} px, {language}"
        assert notes.problems == []
        assert notes.foreign == []


def wrong_in_both_themes(page: Page) -> list[str]:
    """What is wrong as the page was opened, then in the other theme, in which the next page is opened."""
    found: list[str] = page.evaluate(WRONG_WITH_PAGE)
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    page.emulate_media(color_scheme="light" if dark else "dark", reduced_motion="reduce")
    found += page.evaluate(WRONG_WITH_PAGE)
    return found


def furnish(upstreams: Upstreams) -> None:
    """A few models in different states."""
    actor = User.objects.get(username="ada")
    accounts.setup_link("viewer", actor, timedelta(hours=1))
    for number, state in enumerate(("ready", "unreachable", "disabled", "probing")):
        Model.objects.filter(pk=onboard(actor, upstreams, number).pk).update(
            state=state, state_reason="connection refused" if state == "unreachable" else ""
        )


def onboard(actor: User, upstreams: Upstreams, number: int) -> Model:
    """One practice model, saved."""
    row = spec_file.parse(upstreams.yaml(number + 1)).rows[number]
    return catalog.create(actor, row.document)
