"""An import whose rows fail for one cause: the job says it once, and the cure is looked over and applied."""

from collections.abc import Callable

import pytest
import yaml
from playwright.sync_api import Page, expect

from registry.models import Model
from tests.browser.conftest import Notes, Site, enter
from tests.upstreams import Upstreams

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
Open = Callable[..., tuple[Page, Notes]]
MANY = 12


def misnamed(upstreams: Upstreams) -> str:
    """A file of models that ask their upstreams for names that these do not know."""
    every = yaml.safe_load(upstreams.yaml(10 * MANY))["models"]
    rows = [row for row in every if (row["protocol"], row["type"]) == ("OPENAI", "LLM")][:MANY]
    return yaml.safe_dump({"models": [{**row, "upstream_model": f"acme-{row['name']}"} for row in rows]})


def test_what_fails_for_one_cause_is_cured_at_once(
    open_tab: Open, site: Site, worker: None, upstreams: Upstreams
) -> None:
    page, notes = open_tab()
    enter(page, site, "engineer")
    page.goto(f"{site.url}/models/import")
    page.fill("#import-text", misnamed(upstreams))
    page.get_by_role("button", name="Check the file").click()
    page.get_by_role("button", name=f"Import {MANY} models").click()
    page.wait_for_url("**/jobs/*")
    causes = page.locator("#causes")
    expect(causes).to_contain_text("Failed for 1 cause", timeout=30_000)
    expect(causes).to_contain_text("The upstream knows another name")
    expect(causes.locator("tbody tr")).to_have_count(0)
    causes.locator("summary").click()
    expect(causes.locator("tbody tr")).to_have_count(MANY)
    causes.get_by_role("button", name="Set upstream_model to what it offers").click()
    expect(page.locator("tbody tr")).to_have_count(MANY)
    assert Model.objects.filter(state="unreachable").count() == MANY
    page.get_by_role("button", name=f"Apply to {MANY} models").click()
    page.wait_for_url("**/jobs/*")
    expect(page.locator("[data-p=done]")).to_have_text(str(MANY), timeout=30_000)
    assert Model.objects.filter(state="ready").count() == MANY
    assert notes.problems == []
    assert notes.foreign == []
