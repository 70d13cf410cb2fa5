"""The Fleet page in a browser: what frames say is what cells say, by keyboard, in both languages, and after a gap."""

import base64
import json
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from controlplane.base import events
from controlplane.base.models import User
from controlplane.base.stream_frames import StreamColumn, StreamEncoder, StreamTable, whole_numbers
from routing.history import store
from routing.inventory import discovery, exchange, verbs
from routing.inventory.discovery import SeenDevice, SeenNode
from routing.models import Device
from routing.samples.frames import pack
from routing.samples.readings import Observed, SourceReading
from tests.browser.conftest import Notes, Site, enter
from tests.browser.test_axe import signed_in, violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
Open = Callable[..., tuple[Page, Notes]]
BUSY = {"utilization_ratio": 0.634, "memory_used_bytes": 40e9, "temperature_celsius": 64.0, "power_watts": 347.0}
DECODE = """async ([url, messages]) => {
  const { StreamRows, apply, read } = await import(url);
  const rows = new StreamRows();
  const said = [];
  for (const text of messages) {
    const changed = apply(rows, await read(Uint8Array.from(atob(text), (one) => one.charCodeAt(0))));
    const names = [...rows.columns.keys()];
    said.push({ changed, ages: rows.ages, numbers: names.map((name) => rows.ids.map((id) => rows.value(id, name))) });
  }
  return said;
}"""


@pytest.fixture
def feed(stores: None) -> Callable[[dict[str, dict[str, float]]], None]:
    """Sends one frame of one node and stores it, as a collector and the worker do."""
    run, sent = time.time_ns(), [0]

    def send(values: dict[str, dict[str, float]]) -> None:
        sent[0] += 1
        said = SourceReading({uuid: Observed(values=dict(given)) for uuid, given in values.items()})
        store.send(events.store(), [pack("node-a", run, sent[0], time.time(), said)])
        assert store.keep() == 1

    return send


def furnish(owner: User) -> None:
    """A node of ten devices that reports, and one with an emulated device that does not."""
    rows = "".join(f"  - {{uuid: GPU-{n}, vendor: nvidia, model: H100, index: {n}, memory: 80GB}}\n" for n in range(10))
    exchange.bring(owner, f"nodes:\n- name: node-a\n  devices:\n{rows}")
    discovery.discovered(SeenNode("node-b", emulated=True), [SeenDevice("E-0", "emulated", "E1", index=0)])
    verbs.move(Device, owner, Device.objects.get(uuid="GPU-9").pk, "cordon")


def cell(page: Page, uuid: str) -> Any:
    """A device's cell."""
    return page.locator(f'a.cell[href="/gpus/{uuid}"]')


def frames() -> tuple[list[bytes], list[StreamTable]]:
    """Random tables that follow each other, rows coming and going, and their frames."""
    rng = np.random.default_rng(7)
    columns = (StreamColumn("share", 100.0), StreamColumn("heat", 1.0, -60.0), StreamColumn("watts"))
    encoder, tables, ids = StreamEncoder("x", 5), [], [0]
    for number in range(60):
        if number % 10 == 0:
            ids = sorted(rng.choice(500, (3, 40, 0)[number // 20], replace=False).tolist())
        values = rng.uniform(-80, 2000, (3, len(ids))) * rng.choice([0.001, 1.0, 40.0])
        values[rng.random(values.shape) < 0.2] = math.nan
        tables.append(StreamTable(columns, ids, values, [0] * len(ids), ["é 源"], [float(number)]))
    return [encoder.frame(one, 1e9) for one in tables], tables


def test_the_script_reads_what_the_server_encodes(open_tab: Open, site: Site) -> None:
    page, notes = open_tab()
    page.goto(f"{site.url}/sign-in")
    messages, tables = frames()
    texts = [base64.b64encode(one).decode() for one in messages]
    said = page.evaluate(DECODE, [f"{site.url}{staticfiles_storage.url('js/stream.js')}", texts])
    for one, table in zip(said, tables, strict=True):
        steps = [[column.steps, column.low] for column in table.columns]
        meant = [
            [None if number == 65_535 else number / step + low for number in row]
            for row, (step, low) in zip(whole_numbers(table).tolist(), steps, strict=True)
        ]
        assert one["numbers"] == meant
        assert one["ages"] == [round(table.ages[0])]
    assert (
        page.evaluate(DECODE, [f"{site.url}{staticfiles_storage.url('js/stream.js')}", [texts[0], texts[2]]])[1][
            "changed"
        ]
        is None
    )
    assert notes.problems == []


@pytest.mark.parametrize(("language", "word", "live"), [("en", "Utilisation", "Live"), ("zh-hans", "利用率", "实时")])
def test_cells_say_what_frames_say(
    chromium: Browser, site: Site, feed: Callable[..., None], language: str, word: str, live: str
) -> None:
    admin = User.objects.create_user("ada", role="admin", language=language)
    furnish(admin)
    feed({"GPU-0": BUSY, "GPU-1": {"utilization_ratio": 0.0}})
    found: list[str] = []
    with signed_in(chromium, site, admin) as context:
        context.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
        page = context.new_page()
        page.goto(f"{site.url}/gpus")
        expect(cell(page, "GPU-0")).to_have_text("63")
        expect(page.locator("[data-fleet-state]")).to_have_text(live)
        feed({"GPU-0": {**BUSY, "utilization_ratio": 0.97, "power_watts": 700.4}, "GPU-1": {"utilization_ratio": 0.05}})
        expect(cell(page, "GPU-0")).to_have_text("97")
        expect(cell(page, "GPU-0")).to_have_attribute("aria-label", f"node-a #0, {word} 97 %")
        expect(cell(page, "GPU-0")).to_have_class("cell l9")
        expect(cell(page, "GPU-1")).to_have_text("5")
        expect(cell(page, "E-0")).to_have_text("–")
        expect(page.locator("[data-total=power_w]")).to_have_text("700 W")
        expect(page.locator("[data-total=memory_used]")).to_have_text("40 GB")
        page.locator("[data-metric-switch] [data-metric=power]").click()
        expect(cell(page, "GPU-0")).to_have_text("700")
        assert page.url == f"{site.url}/gpus?metric=power"
        found += violations(page, "the map")
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.goto(f"{site.url}/gpus?view=table&sort=power")
        expect(page.locator("td[data-value=power]").first).to_have_text("700 W")
        feed({"GPU-0": {**BUSY, "power_watts": 12.0}, "GPU-1": {"power_watts": 13.0}})
        expect(page.locator("td[data-value=power]").first).to_have_text("12 W")
        found += violations(page, "the table")
    assert found == []


def test_the_map_is_used_by_keyboard(open_tab: Open, site: Site, feed: Callable[..., None]) -> None:
    page, notes = open_tab()
    furnish(enter(page, site))
    feed({"GPU-0": BUSY})
    page.goto(f"{site.url}/gpus")
    expect(page.locator("[data-fleet-state]")).to_have_text("Live")
    assert page.locator('a.cell[data-id]:not([tabindex="-1"])').count() == 1
    page.locator("[data-fleet-pause]").focus()
    page.keyboard.press("Tab")
    expect(cell(page, "GPU-0")).to_be_focused()
    expect(page.locator("[data-readout]")).to_contain_text("node-a #0 · NVIDIA H100 · Utilisation 63 %")
    for key, reached in (("ArrowRight", "GPU-1"), ("End", "E-0"), ("ArrowLeft", "GPU-9"), ("Home", "GPU-0")):
        page.keyboard.press(key)
        expect(cell(page, reached)).to_be_focused()
    page.set_viewport_size({"width": 390, "height": 844})
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.getAttribute('href')") in {"/gpus/GPU-8", "/gpus/GPU-9"}
    page.keyboard.press("ArrowUp")
    expect(cell(page, "GPU-0")).to_be_focused()
    assert page.locator('a.cell[data-id]:not([tabindex="-1"])').count() == 1
    page.locator("[data-search]").fill("node-b")
    expect(cell(page, "E-0")).to_be_visible()
    expect(cell(page, "GPU-0")).to_be_hidden()
    page.locator("[data-search]").fill("")
    cell(page, "GPU-2").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/gpus/GPU-2")
    assert notes.problems == []


def test_a_lost_frame_is_mended_and_a_pause_holds_still(open_tab: Open, site: Site, feed: Callable[..., None]) -> None:
    page, notes = open_tab()
    wishes: list[dict[str, str]] = []
    lose = [0]

    def between(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda text: heard(server, text))
        server.on_message(lambda message: drop(socket, message))

    def heard(server: WebSocketRoute, text: str | bytes) -> None:
        wishes.append(json.loads(text))
        server.send(text)

    def drop(socket: WebSocketRoute, message: str | bytes) -> None:
        if isinstance(message, bytes) and lose[0]:
            lose[0] -= 1
        else:
            socket.send(message)

    page.route_web_socket("**/live", between)
    furnish(enter(page, site))
    feed({"GPU-0": BUSY})
    page.goto(f"{site.url}/gpus")
    expect(page.locator("[data-fleet-state]")).to_have_text("Live")
    asked = wishes.count({"subscribe": "devices"})
    lose[0] = 1
    feed({"GPU-0": {"utilization_ratio": 0.11}})
    expect(cell(page, "GPU-0")).to_have_text("11")
    assert wishes.count({"subscribe": "devices"}) == asked + 1
    page.locator("[data-fleet-pause]").click()
    expect(page.locator("[data-fleet-pause]")).to_have_text("Resume")
    assert wishes[-1] == {"unsubscribe": "devices"}
    feed({"GPU-0": {"utilization_ratio": 0.22}})
    page.wait_for_function("performance.now() > 0")
    expect(cell(page, "GPU-0")).to_have_text("11")
    page.locator("[data-fleet-pause]").click()
    expect(cell(page, "GPU-0")).to_have_text("22")
    assert notes.problems == []


def test_a_source_that_falls_silent_is_hatched_and_told(open_tab: Open, site: Site, feed: Callable[..., None]) -> None:
    page, notes = open_tab()
    furnish(enter(page, site))
    feed({"GPU-0": BUSY})
    page.goto(f"{site.url}/gpus")
    expect(page.locator("[data-fleet-state]")).to_have_text("Live")
    expect(page.locator("[data-fleet-state]")).to_have_text("1 of 1 sources are stale")
    expect(cell(page, "GPU-0")).to_have_class("cell l6 stale")
    expect(cell(page, "GPU-0")).to_have_attribute("aria-label", "node-a #0, Utilisation 63 %, stale")
    expect(page.locator("[data-total=reporting]")).to_have_text("0 of 11 report")
    expect(page.locator(".lately summary .cut")).to_contain_text("silent · node-a")
    feed({"GPU-0": BUSY})
    expect(cell(page, "GPU-0")).to_have_class("cell l6")
    expect(page.locator("[data-fleet-state]")).to_have_text("Live")
    discovery.discovered(SeenNode("node-c"), [SeenDevice("NEW-1", "nvidia", "H100", index=0)])
    expect(page.locator("[data-new-devices]")).to_have_text("1 new, show")
    page.locator("[data-new-devices]").click()
    expect(cell(page, "NEW-1")).to_be_visible()
    assert notes.problems == []
