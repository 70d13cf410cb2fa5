"""The page of telemetry sources in a browser: it says which source lies, and one is added, paused and resumed."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect

from controlplane.base import config
from controlplane.base.models import User
from routing.inventory import endpoints
from routing.models import EndpointState, TelemetryEndpoint
from routing.samples import faults
from routing.samples.readings import Complaint
from tests.browser.conftest import Site
from tests.browser.test_axe import signed_in, violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def furnish_sources(admin: User) -> None:
    """Three sources: a sound one, one that lies, one that is silent."""
    config.set_egress_allow(admin, ["10.0.0.0/8"])
    now = timezone.now()
    lies = [
        Complaint("negative", "DCGM_FI_DEV_POWER_USAGE", "GPU-5b1f0a52-6f0e-4b5e-9d8e-000000000001", "-12.0"),
        Complaint("clock off", value="+86400 s"),
    ]
    for name, kind, more in (
        ("gpu-node-1", "dcgm", {"state": EndpointState.WELL, "tells_of": ["GPU-1", "GPU-2"], "nodes": ["gpu-node-1"]}),
        ("gpu-node-2", "amd", {"state": EndpointState.COMPLAINING, "complaints": [faults.sentence(o) for o in lies]}),
        ("chat", "vllm", {"state": EndpointState.UNREACHABLE, "looked_at": now - timedelta(minutes=3)}),
    ):
        draft = {"name": name, "kind": kind, "url": f"http://10.0.0.1:9400/{name}", "emulated": kind == "amd"}
        row = endpoints.add(admin, draft)
        TelemetryEndpoint.objects.filter(pk=row.pk).update(**{"looked_at": now, **more})


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_page_says_which_source_lies(chromium: Browser, site: Site, language: str) -> None:
    admin = User.objects.create_user("ada", role="admin", language=language)
    with signed_in(chromium, site, admin) as context:
        context.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
        page = context.new_page()
        page.goto(f"{site.url}/gpus/telemetry")
        found = violations(page, "empty")
        picture(page, f"sources-empty-{language}")
        furnish_sources(admin)
        page.goto(f"{site.url}/gpus/telemetry")
        found += violations(page, "/gpus/telemetry")
        lying = page.locator("tr", has_text="gpu-node-2")
        assert "DCGM_FI_DEV_POWER_USAGE" in lying.inner_text()
        assert "+86400 s" in lying.inner_text()
        picture(page, f"sources-{language}")
        page.set_viewport_size({"width": 390, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= 390")
        picture(page, f"sources-{language}-390")
        page.set_viewport_size({"width": 1400, "height": 900})
        page.locator("[data-open='#new-telemetry']").first.click()
        found += violations(page, "a new source")
        picture(page, f"sources-new-{language}")
        dialog = page.locator("#new-telemetry")
        dialog.locator("[name=name]").fill("gpu-node-9")
        dialog.locator("[name=url]").fill("http://192.168.0.9:9400/metrics")
        with page.expect_navigation():
            dialog.locator("button[type=submit]").click()
        expect(dialog.locator(".err")).to_contain_text("192.168.0.9")
        dialog.locator("[name=url]").fill("http://10.0.0.9:9400/metrics")
        with page.expect_navigation():
            dialog.locator("button[type=submit]").click()
        row = TelemetryEndpoint.objects.get(name="gpu-node-9")
        with page.expect_navigation():
            page.locator(f"form[action='/gpus/telemetry/{row.pk}/pause'] button").click()
        expect(page.locator(f"#te-{row.pk} .is-paused")).to_be_visible()
        page.locator(f"#te-{row.pk} a[href='?edit={row.pk}']").click()
        expect(page.locator("#edit-telemetry [name=url]")).to_have_value(row.url)
        found += violations(page, "a source being changed")
    assert not found


def picture(page: object, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)  # type: ignore[attr-defined]
