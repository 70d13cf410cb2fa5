"""The tasks that people come with, each by hand in one running product: clicks, keys and seconds are counted."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import openai
import pytest
import yaml
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.plugin import DjangoDbBlocker

from controlplane.base import accounts, config, revision
from controlplane.base.models import User
from registry.access import callers
from registry.catalog import verbs as catalog
from registry.models import Model
from routing.calls import records
from routing.models import CallRecord
from tests.browser.conftest import PASSWORD, Notes, Site, running_site
from tests.browser.hand import Hand
from tests.emptying import empty_tables
from tests.site import BACKEND, write_models
from tests.upstreams import Upstreams
from tests.workers import WORKER, celery_in, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
Open = Callable[..., tuple[Page, Notes]]
UNIQUE = "chat-00999"
PASTE = "(field, text) => { field.value = text; field.dispatchEvent(new Event('input', {bubbles: true})); }"


@pytest.fixture(scope="module")
def transactional_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database of the whole file, emptied at its end."""
    with django_db_blocker.unblock():
        yield
        empty_tables()


@pytest.fixture(scope="module")
def site(
    transactional_db: None, static_files: None, fleet_server: Upstreams, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The product with 1,002 models, and two more that answer: one of OpenAI's wire, one of Anthropic's."""
    folder = tmp_path_factory.mktemp("tasks")
    config.store_egress_allow(None, ["127.0.0.0/8"])
    write_models(1002)
    founder = User.objects.create_user("founder", role="admin")
    heat = {"type": "float", "default": 0.7, "range": [0, 1], "outside": "clamp"}
    for name, number, protocol in (("left", 1, "openai"), ("right", 2, "anthropic")):
        spec = {"name": name, "type": "llm", "protocol": protocol, "params": {"temperature": heat}}
        there = {"endpoint": f"{fleet_server.url}/m/{number}", "upstream_model": upstream_name(number, fleet_server)}
        catalog.create(founder, {**spec, **there})
    Model.objects.filter(name__in=("left", "right")).update(state="ready")
    revision.bump()
    with running_site(folder) as running, celery_in(folder) as run:
        run(*WORKER)
        yield running


def upstream_name(number: int, fleet: Upstreams) -> str:
    """What a model of the practice fleet is called there."""
    return str(yaml.safe_load(fleet.yaml(number))["models"][-1]["name"])


@pytest.fixture
def ada(site: Site) -> User:
    """An admin of this test's own."""
    return User.objects.create_user(f"ada-{uuid.uuid4().hex[:8]}", password=PASSWORD, role="admin")


@pytest.fixture
def tab(open_tab: Open, site: Site, ada: User) -> tuple[Hand, Notes]:
    """The admin's hand, signed in, on the overview, and what goes wrong there."""
    page, notes = open_tab()
    client = Client()
    client.force_login(ada, backend=BACKEND)
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site.url}])
    page.goto(f"{site.url}/")
    return Hand(page), notes


@pytest.fixture
def hand(tab: tuple[Hand, Notes]) -> Iterator[Hand]:
    """The admin's hand; nothing may go wrong in the tab."""
    yield tab[0]
    assert tab[1].problems == []
    assert tab[1].foreign == []


def stored(told: str) -> bool:
    """Whether the call's record has arrived; the drain is beat's work in the whole product."""
    records.drain()
    return CallRecord.objects.filter(pk=uuid.UUID(told)).exists()


def test_set_up_to_first_sight(open_tab: Open, site: Site) -> None:
    page, _ = open_tab()
    founder = User.objects.get(username="founder")
    page.goto(f"{site.url}/set-up/{accounts.setup_link('admin', founder, timedelta(hours=1))}")
    hand = Hand(page)
    expect(page.locator("[name=username]")).to_be_focused()
    hand.type("eve")
    hand.press("Tab")
    hand.type(PASSWORD)
    hand.click("main button[type=submit]")
    expect(page.locator("h1")).to_have_text("Overview")
    hand.spent(clicks=1, keys=24)


def test_import_of_500_with_seven_broken_rows(hand: Hand, fleet_server: Upstreams) -> None:
    rows = yaml.safe_load(fleet_server.yaml(512))["models"][12:]
    good = yaml.safe_dump({"models": rows}, sort_keys=False)
    for number in range(7):
        rows[70 * number]["type"] = "llmm"
    bad = yaml.safe_dump({"models": rows}, sort_keys=False)
    hand.click("main a", "Import YAML")
    editor = hand.page.locator("#import-text")
    editor.evaluate(PASTE, bad)
    hand.click("button", "Check the file")
    expect(hand.page.locator(".errors-table tbody tr")).to_have_count(7)
    expect(hand.page.locator(".errors-table")).to_contain_text("llmm")
    editor.evaluate(PASTE, good)
    hand.click("button", "Check the file")
    hand.click("#plan button", "Import 500 models")
    hand.page.wait_for_url("**/jobs/*")
    expect(hand.page.locator(".meta .is-done")).to_be_visible(timeout=60_000)
    expect(hand.page.locator('[data-p="done"]')).to_have_text("500")
    hand.spent(clicks=4, keys=0, seconds=120)


def test_one_of_a_thousand_models_by_the_list_and_by_the_palette(hand: Hand) -> None:
    hand.click("nav a", "Models")
    hand.page.wait_for_url("**/models")
    hand.start()
    hand.press("/")
    hand.type("999")
    expect(hand.page.locator("[data-rows] tbody tr")).to_have_count(1)
    hand.click("[data-rows] a.name", UNIQUE)
    expect(hand.page.locator("h1")).to_have_text(UNIQUE)
    hand.spent(clicks=1, keys=4)
    hand.start()
    hand.press("Control+k")
    hand.type("0999")
    expect(hand.page.locator("#palette [role=option]").first).to_contain_text(UNIQUE)
    hand.press("Enter")
    expect(hand.page.locator("h1")).to_have_text(UNIQUE)
    hand.spent(clicks=0, keys=6)


def test_key_with_limits(hand: Hand, site: Site) -> None:
    hand.page.goto(f"{site.url}/keys")
    hand.start()
    hand.click("header button", "New key")
    hand.write("#id_name", "search service")
    hand.click("#new-key summary", "Limits")
    hand.click("#id_calls_per_minute")
    hand.type("60")
    hand.click("#new-key button", "Make the key")
    expect(hand.page.locator("#secret")).to_contain_text("pb-")
    hand.spent(clicks=4, keys=24)
    key = hand.page.locator("#secret").inner_text()
    assert httpx.get(f"{site.url}/v1/models", headers={"Authorization": f"Bearer {key}"}, timeout=20).status_code == 200


def test_call_of_the_openai_sdk_is_found_by_its_id_and_tells_what_was_changed(
    hand: Hand, site: Site, ada: User
) -> None:
    key = callers.create(ada, "sdk", ["call"], callers.KeyLimits())[1]
    until(
        lambda: httpx.get(f"{site.url}/v1/models", headers={"Authorization": f"Bearer {key}"}, timeout=20).is_success,
        40,
    )
    client = openai.OpenAI(base_url=f"{site.url}/v1", api_key=key, max_retries=0, timeout=20)
    answer = client.chat.completions.with_raw_response.create(
        model="right", messages=[{"role": "user", "content": "Say hello."}], temperature=1.7
    )
    told = answer.headers["x-request-id"]
    until(lambda: stored(told), 40)
    hand.start()
    hand.press("Control+k")
    hand.paste(told)
    expect(hand.page.locator("#palette [role=option]").first).to_contain_text(told)
    hand.press("Enter")
    expect(hand.page.locator("main")).to_contain_text("temperature 1.7 → 1.0: clamped, the upstream allows less")
    hand.spent(clicks=0, keys=3)
    for spelling in (told, str(uuid.UUID(told))):
        hand.page.goto(f"{site.url}/calls")
        hand.start()
        hand.press("/")
        hand.paste(spelling)
        hand.press("Enter")
        expect(hand.page.locator("[data-rows] tbody tr")).to_have_count(1)
        hand.click("[data-rows] tbody a.name")
        expect(hand.page.locator("#told-id")).to_have_text(told)
        hand.spent(clicks=1, keys=28)


def test_two_are_compared_in_the_playground_and_a_call_is_followed(hand: Hand, site: Site) -> None:
    hand.page.goto(f"{site.url}/models/left")
    hand.start()
    hand.click("main a", "Try it")
    hand.click("button", "Add a column")
    hand.write("[data-lane]:last-child [data-model]", "right")
    hand.click("[data-run]")
    for lane in hand.page.locator("[data-lane]").all():
        expect(lane.locator('[data-m="status"]')).to_contain_text("200")
        expect(lane.locator("[data-out]")).not_to_be_empty()
    hand.spent(clicks=4, keys=15)
    expect(hand.page.locator("main")).not_to_contain_text("x-patchbay-adapted")
    link = hand.page.locator("[data-lane] [data-call]").last
    told = link.get_attribute("title") or ""
    until(lambda: stored(told), 40)
    hand.click(link)
    expect(hand.page.locator("#told-id")).to_have_text(told)


def test_forty_are_disabled_and_enabled_again(hand: Hand, site: Site) -> None:
    hand.page.goto(f"{site.url}/models?q=embed&sort=name")
    boxes = hand.page.locator("[name=ids]")
    expect(boxes).to_have_count(50)
    chosen = [boxes.nth(at).get_attribute("data-name") for at in range(40)]
    before = dict(Model.objects.filter(name__in=chosen).values_list("name", "state"))
    hand.start()
    hand.click(boxes.nth(0))
    hand.click(boxes.nth(39), shift=True)
    expect(hand.page.locator("[data-bulk-count]")).to_have_text("40 selected")
    hand.click("[data-bulk] button", "Disable")
    expect(hand.page.locator("#confirm")).to_contain_text("(40)")
    hand.click("#confirm button[data-confirm-go]")
    undo = hand.page.locator(".toast button")
    expect(undo).to_be_visible()
    assert set(Model.objects.filter(name__in=chosen).values_list("state", flat=True)) == {"disabled"}
    hand.click(undo)
    until(lambda: not Model.objects.filter(name__in=chosen, state="disabled").count() > 8, 40)
    hand.spent(clicks=5, keys=0)
    after = dict(Model.objects.filter(name__in=chosen).values_list("name", "state"))
    assert {name for name, state in after.items() if state == "disabled"} == {
        name for name, state in before.items() if state == "disabled"
    }


def test_revoked_key_is_refused_at_the_next_call(hand: Hand, site: Site, ada: User) -> None:
    name = "old app"
    headers = {"Authorization": f"Bearer {callers.create(ada, name, ['call'], callers.KeyLimits())[1]}"}
    until(lambda: httpx.get(f"{site.url}/v1/models", headers=headers, timeout=20).is_success, 40)
    hand.page.goto(f"{site.url}/keys")
    hand.start()
    hand.click(hand.page.locator("[data-rows] tr", has_text=name).get_by_role("button", name="Revoke"))
    hand.type(name)
    hand.click("#confirm button[data-confirm-go]")
    expect(hand.page.locator(".toast")).to_contain_text("revoked")
    hand.spent(clicks=2, keys=14)
    until(lambda: httpx.get(f"{site.url}/v1/models", headers=headers, timeout=20).status_code == 401, 40)


def test_egress_list_and_a_second_person(hand: Hand, open_tab: Open, site: Site) -> None:
    hand.page.goto(f"{site.url}/settings")
    hand.start()
    hand.click("#id_entries")
    hand.press("Control+End", "Enter")
    hand.type("10.9.0.0/16")
    hand.click("button", "Save the list")
    expect(hand.page.locator(".toast", has_text="Saved")).to_be_visible()
    hand.spent(clicks=2, keys=16)
    assert set(config.egress_allow()) == {"127.0.0.0/8", "10.9.0.0/16"}
    hand.start()
    hand.page.locator("#invite-role").select_option("engineer")
    hand.click("#people button", "Invite")
    expect(hand.page.locator("#invitation")).to_contain_text("/set-up/")
    hand.spent(clicks=2, keys=0)
    second = Hand(page := open_tab()[0])
    page.goto(hand.page.locator("#invitation").inner_text())
    expect(page.locator("h1")).to_have_text("You are invited")
    second.write("[name=username]", "bob")
    second.type(PASSWORD)
    second.click("main button[type=submit]")
    expect(page.locator("h1")).to_have_text("Overview")
    second.spent(clicks=1, keys=25)
    assert User.objects.get(username="bob").role == "engineer"


def test_why_a_model_is_unreachable(hand: Hand) -> None:
    reason = "connect to http://10.0.3.7:8000 failed: no route to host"
    Model.objects.filter(state="unreachable").update(probed_at=timezone.now())
    Model.objects.filter(name="chat-00003").update(state_reason=reason, updated_at=timezone.now())
    hand.start()
    hand.click(".needs li a", "Look")
    hand.click("[data-rows] a.name", "chat-00003")
    expect(hand.page.get_by_role("alert")).to_contain_text(reason)
    hand.spent(clicks=2, keys=0)


def test_keyboard_alone_from_an_address_to_the_list(hand: Hand, fleet_server: Upstreams) -> None:
    page = hand.page
    hand.start()
    hand.press("Control+k")
    hand.type("new m")
    expect(page.locator("#palette [role=option]").first).to_contain_text("New model")
    hand.press("Enter")
    hand.write("#address", f"{fleet_server.url}/m/522")
    expect(page.locator("#draft .primary")).to_be_visible()
    for _ in range(40):
        if page.evaluate("() => document.activeElement.matches('#draft footer .primary')"):
            break
        hand.press("Tab")
    hand.press("Enter")
    page.wait_for_url("**/models/practice-*")
    hand.press("g", "m")
    page.wait_for_url("**/models")
    hand.press("j", "Enter")
    page.wait_for_url("**/models/*")
    hand.spent(clicks=0, keys=60)


def test_language_is_changed_amid_a_form_and_nothing_typed_is_lost(
    hand: Hand, fleet_server: Upstreams, site: Site
) -> None:
    page = hand.page
    page.goto(f"{site.url}/models/new")
    hand.write("#address", f"{fleet_server.url}/m/538")
    name = page.locator("[name=m0-name]")
    expect(name).to_be_visible()
    name.fill("half-way")
    hand.start()
    hand.click("[popovertarget=account] >> visible=true")
    hand.click("#account button", "中文")
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(page.locator("#address")).to_have_value(f"{fleet_server.url}/m/538")
    expect(page.locator("[name=m0-name]")).to_have_value("half-way")
    hand.spent(clicks=2, keys=0)


def test_session_that_ends_keeps_the_form(tab: tuple[Hand, Notes], site: Site) -> None:
    hand, page = tab[0], tab[0].page
    page.goto(f"{site.url}/models/import")
    page.fill("#import-text", "models: 7  # mine")
    page.context.clear_cookies(name="sessionid")
    hand.start()
    hand.click("button", "Check the file")
    expect(page.locator("#again-password")).to_be_focused()
    hand.type(PASSWORD)
    hand.press("Enter")
    expect(page.locator("#plan")).to_contain_text("models is 7")
    expect(page.locator("#import-text")).to_have_value("models: 7  # mine")
    hand.spent(clicks=1, keys=21)
