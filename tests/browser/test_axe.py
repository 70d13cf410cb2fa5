"""axe-core finds nothing on any page, in either language, at either width, in either theme."""

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Literal

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect

from controlplane.base.models import Job, User
from registry.models import Model
from tests.browser.conftest import WAIT_MS, Site
from tests.races import a_race
from tests.site import BACKEND, PAGES, furnish
from tests.upstreams import Upstreams
from versions.models import Source, Update

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
RULES: dict[Literal["light", "dark"], dict[str, object]] = {
    "light": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "dark": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
"""What is checked in a theme. A theme changes colours only, so that the other rules are run once."""
RUN = """async (runOnly) => {
  const { violations } = await axe.run(document, { runOnly, resultTypes: ["violations"], elementRef: false });
  return violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 4).join(", ")}`);
}"""
SIZES = {1400: 900, 390: 844}
Reach = Callable[[Page], None]


def at_rest(page: Page) -> None:
    """The page as it opens."""


def pick_rows(page: Page) -> None:
    """Every row of the list ticked."""
    page.locator("[data-every]").check()


def check_bad_file(page: Page) -> None:
    """A plan with errors."""
    page.fill("#import-text", "models:\n  - name: a b\n    type: llmm\n    protocol: openai\n    endpoint: nowhere\n")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#plan table").first).to_be_visible()


def open_row(page: Page) -> None:
    """The first row's details."""
    page.locator("main tbody summary").first.click()


def open_call(page: Page) -> None:
    """The first call's page."""
    page.locator('main tbody a[href^="/calls/"]').first.click()
    page.wait_for_url("**/calls/*")


def open_palette(words: str) -> Reach:
    """The palette with `words` in it, and what it found."""

    def reach(page: Page) -> None:
        page.keyboard.press("Control+k")
        with page.expect_response(lambda answer: f"q={words}" in answer.url):
            page.locator("#palette input").fill(words)
        hits = page.locator("#palette-list [role=option]")
        expect(hits).to_have_count(0 if words == "zzz" else 4)

    return reach


def open_help(page: Page) -> None:
    """The list of shortcuts."""
    page.keyboard.press("?")


def open_menu(target: str) -> Reach:
    """The menu that a button opens."""
    return lambda page: page.locator(f"[popovertarget={target}]").locator("visible=true").first.click()


def detect(address: str) -> Reach:
    """The wizard's verdict on an address."""

    def reach(page: Page) -> None:
        page.fill("#address", address)
        page.keyboard.press("Tab")
        expect(page.locator("#draft #s2")).to_be_visible(timeout=20_000)

    return reach


def prove(address: str) -> Reach:
    """The wizard with every row unfolded, and a test call that worked."""

    def reach(page: Page) -> None:
        detect(address)(page)
        page.evaluate("for (const one of document.querySelectorAll('#draft details')) one.open = true")
        page.locator("#draft footer [hx-post$=test]").click()
        expect(page.locator("#verdict")).to_be_visible(timeout=20_000)

    return reach


def ask_to_disable(page: Page) -> None:
    """The dialog that asks before many models are disabled."""
    pick_rows(page)
    page.locator("[data-bulk] [formaction$=disable]").click()
    expect(page.locator("#confirm")).to_be_visible()


def offer_undo(page: Page) -> None:
    """The toast that takes a change back; it stays while the mouse is on it."""
    ask_to_disable(page)
    page.locator("#confirm [data-confirm-go]").click()
    page.locator(".toast", has=page.locator("button")).hover()


def lose_session(page: Page) -> None:
    """The dialog over a form whose session has ended. Whoever comes next signs in anew."""
    page.fill("#import-text", "models: 7")
    page.context.clear_cookies(name="sessionid")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#again")).to_be_visible()


def wizard(fleet: str) -> Iterator[tuple[str, Reach]]:
    """The wizard after an address that is not allowed, wants a key, is silent, is no model server, or speaks."""
    new = "/models/new"
    yield new, detect("http://10.77.0.1:8000")
    yield new, detect(f"{fleet}/m/1~key-s3cret")
    yield new, detect("http://127.0.0.1:9")
    yield new, detect(f"{fleet}/m/1~html200")
    yield new, prove(f"{fleet}/m/1")


def open_dialog(target: str) -> Reach:
    """The dialog that a button opens."""
    return lambda page: page.locator(f'[data-open="#{target}"]').locator("visible=true").first.click()


def states(model: Model, job: Job, race: Job) -> Iterator[tuple[str, Reach]]:
    """Addresses, and how their state is reached."""
    yield from ((address, at_rest) for address in PAGES)
    for tab in ("overview", "parameters", "adapter", "calls", "releases", "audit"):
        yield f"/models/{model.name}?tab={tab}", at_rest
    yield f"/models/{model.name}?tab=releases&before=1&after=2", at_rest
    yield from ((address, at_rest) for address in (f"/edit/{model.name}", f"/jobs/{job.pk}", f"/routing/lab/{race.pk}"))
    review = f"/reviews/{Update.objects.get(state='review').pk}"
    yield from ((review, at_rest), (review, open_dialog("approve")), (review, open_dialog("reject")))
    yield from ((review, open_dialog("defer")), (review, open_dialog("emergency")), ("/reviews?q=zzz", at_rest))
    source = f"/sources/{Source.objects.get().pk}"
    yield from ((source, at_rest), (source, open_dialog("change-source")), ("/sources", open_dialog("new-source")))
    yield "/gpus/agents", open_dialog("new-agent")
    yield from (("/models?q=zzz", at_rest), ("/models?state=unreachable", pick_rows), ("/no-such-page", at_rest))
    yield from (("/models/import", check_bad_file), ("/calls", open_call), ("/audit", open_row))
    yield from (("/models", open_palette("chat")), ("/models", open_palette("zzz")), ("/models", open_help))
    yield from (("/models", open_menu("account")), (f"/models/{model.name}", open_menu("model-more")))
    yield from (("/models?state=ready", ask_to_disable), ("/models?type=embedding", offer_undo))


def violations(page: Page, name: str) -> list[str]:
    """What axe-core finds at both widths in both themes, without loading the page anew."""
    found: list[str] = []
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)
    for width, height in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for theme, rules in RULES.items():
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            found += [f"{name} at {width} px, {theme}: {line}" for line in page.evaluate(RUN, rules)]
    page.set_viewport_size({"width": 1400, "height": 900})
    return found


def signed_in(chromium: Browser, site: Site, user: User) -> BrowserContext:
    """A browser in which `user` has a session."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, bypass_csp=True)
    context.set_default_timeout(WAIT_MS)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site.url}])
    return context


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_axe_finds_nothing_on_any_page(chromium: Browser, site: Site, upstreams: Upstreams, language: str) -> None:
    admin = User.objects.create_user("ada", role="admin", language=language)
    furnish(admin)
    model, job = Model.objects.get(name="chat-00000"), Job.objects.filter(kind="import").get()
    found: list[str] = []
    with signed_in(chromium, site, admin) as context:
        context.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
        page = context.new_page()
        last = ("/models/import", lose_session)
        for address, reach in (*states(model, job, a_race(owner=admin)), *wizard(upstreams.url), last):
            page.goto(f"{site.url}{address}")
            reach(page)
            found += violations(page, f"{address} {reach.__name__}")
        assert page.locator("html").get_attribute("lang") == language
    assert found == []


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_axe_finds_nothing_for_a_viewer_or_before_signing_in(chromium: Browser, site: Site, language: str) -> None:
    viewer = User.objects.create_user("vera", role="viewer", language=language)
    found: list[str] = []
    with signed_in(chromium, site, viewer) as context:
        context.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
        page = context.new_page()
        for address in (
            "/",
            "/models",
            "/jobs",
            "/keys",
            "/playground",
            "/calls",
            "/reviews",
            "/routing/lab",
            "/audit",
        ):
            page.goto(f"{site.url}{address}")
            found += violations(page, address)
        context.clear_cookies(name="sessionid")
        for address in ("/sign-in", "/set-up/used"):
            page.goto(f"{site.url}{address}")
            found += violations(page, address)
    assert found == []
