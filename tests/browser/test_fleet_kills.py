"""Everything behind the Fleet page is killed at once: the page says that it is stale, and is right again by itself."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from controlplane.services.children import wait_for
from tests.browser.conftest import PASSWORD
from tests.services.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]
KILLED = ("console", "worker", "valkey", "postgres")
RIGHT_AGAIN_S = 5.0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """The whole product with eight emulated GPUs, their exporters, and the collector."""
    one = Running(tmp_path / "data", practice=2, gpus=8)
    yield one
    one.end()


def fresh(running: Running, key: str) -> bool:
    """Whether programs are told values of every device that are at most two seconds old."""
    try:
        status, body = running.get("/api/devices/", key)
    except OSError:
        return False
    told = [device["latest"].get("power_watts") for device in json.loads(body)["results"]] if status == 200 else []
    return len(told) == 8 and all(value is not None and value["age_s"] <= 2 for value in told)


def set_up(page: Page, link: str) -> None:
    """Make the first account."""
    page.goto(link)
    page.fill("[name=username]", "ada")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url("**/")


def test_killed_stores_worker_and_web_make_the_page_stale_and_then_right_again(
    chromium: Browser, running: Running
) -> None:
    supervisor = running.begin()
    running.until("Stop with Ctrl-C", 150)
    written = running.first_run()
    page = chromium.new_page()
    set_up(page, written["setup_link"])
    assert wait_for(lambda: fresh(running, written["api_key"]), 30), running.printed()
    page.goto(f"http://127.0.0.1:{running.port}/gpus?metric=power")
    badge, cell = page.locator("[data-fleet-state]"), page.locator("a.cell[data-id]").first
    expect(badge).to_have_text("Live")
    os.kill(supervisor.pid, signal.SIGSTOP)
    before = {name: running.killed(name) for name in KILLED}
    expect(badge).to_contain_text("Stale: last news")
    expect(page.locator("[data-fleet]")).to_have_class("stack all-stale")
    page.evaluate("document.querySelector('a.cell[data-id]').firstChild.nodeValue = 'old'")
    os.kill(supervisor.pid, signal.SIGCONT)
    assert all(running.came_back(name, pid) for name, pid in before.items())
    assert wait_for(lambda: fresh(running, written["api_key"]), 60), running.printed()
    begun = time.monotonic()
    expect(badge).to_have_text("Live")
    expect(cell).not_to_have_text("old")
    took = time.monotonic() - begun
    expect(page.locator(".cell.stale[data-id]")).to_have_count(0)
    assert took <= RIGHT_AGAIN_S
    assert httpx.get(f"http://127.0.0.1:{running.port}/healthz").status_code == 200
