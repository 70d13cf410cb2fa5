"""The page of GPUs in a browser: nothing for axe to find, and one device is drained by a click."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from controlplane.base.models import User
from registry.models import Model
from routing.inventory import discovery, exchange, replicas
from routing.inventory.discovery import SeenDevice, SeenNode
from routing.models import Device
from tests.browser.conftest import Site
from tests.browser.test_axe import signed_in, violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def furnish_fleet(owner: User) -> None:
    """Two nodes: one with a slice, a drained device and a model; one whose collector lies, with a device gone."""
    for name in ("chat-small", "vision-large"):
        Model.objects.create(name=name, type="chat", protocol="openai", endpoint="http://x")
    rows = "".join(
        f"  - {{uuid: GPU-{n}, vendor: nvidia, model: H100, index: {n}, memory: 80GB, labels: {{pool: chat}}}}\n"
        for n in range(3)
    )
    part = "  - {uuid: MIG-1, parent: GPU-1, vendor: nvidia, model: H100 1g.10gb, memory: 10GB, state: draining}\n"
    exchange.bring(owner, f"nodes:\n- name: gpu-node-1\n  address: 10.0.0.1\n  devices:\n{rows}{part}- name: spare\n")
    replicas.place(replicas.known("chat-small", "http://x").pk, {Device.objects.get(uuid="GPU-0").pk: 30 * 10**9})
    replicas.place(replicas.known("vision-large", "http://x").pk, {Device.objects.get(uuid="GPU-0").pk: 20 * 10**9})
    seen = [SeenDevice(f"E-{n}", "emulated", "E1", index=n, memory_bytes=-1 if n else 2**36) for n in range(2)]
    discovery.discovered(SeenNode("gpu-node-2"), seen)
    discovery.discovered(SeenNode("gpu-node-2"), seen[:1])


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_one_device_is_drained_by_a_click(chromium: Browser, site: Site, language: str) -> None:
    admin = User.objects.create_user("ada", role="admin", language=language)
    furnish_fleet(admin)
    device = Device.objects.get(uuid="GPU-0")
    with signed_in(chromium, site, admin) as context:
        context.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
        page = context.new_page()
        page.goto(f"{site.url}/gpus?view=table")
        found = violations(page, "/gpus?view=table")
        with page.expect_navigation():
            page.locator(f"form[action='/gpus/{device.pk}/drain'] button").click()
        if folder := os.environ.get("PICTURES"):
            page.screenshot(path=str(Path(folder) / f"gpus-{language}.png"), full_page=True)
            page.set_viewport_size({"width": 390, "height": 900})
            page.screenshot(path=str(Path(folder) / f"gpus-{language}-390.png"), full_page=True)
            page.set_viewport_size({"width": 1400, "height": 900})
        page.locator(f"[data-open='#labels-{device.pk}']").click()
        found += violations(page, "labels")
        for number, address in enumerate(("/gpus/new", f"/gpus/{device.pk}/edit", "/gpus/nodes/new")):
            page.goto(f"{site.url}{address}")
            found += violations(page, address)
            if folder := os.environ.get("PICTURES"):
                page.screenshot(path=str(Path(folder) / f"gpus-form-{number}-{language}.png"), full_page=True)
        page.goto(f"{site.url}/gpus/import")
        page.locator("#fleet-text").fill("nodes:\n- name: new\n- nme: x\n")
        with page.expect_navigation():
            page.locator("main form button[type=submit]").first.click()
        found += violations(page, "errors of a file")
    device.refresh_from_db()
    assert device.state == "draining"
    assert found == []
