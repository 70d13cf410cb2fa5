"""Mending a file in the import's editor: from a told error to its line, and the wrong rows taken out."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Notes, Site, enter

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
Open = Callable[..., tuple[Page, Notes]]
ROW = "  - name: chat-{n}\n    type: {type}\n    protocol: openai\n    endpoint: http://127.0.0.1:9/m\n"
TEXT = "models:\n" + "".join(ROW.format(n=n, type="nonsense" if n == 40 else "llm") for n in range(60))
SELECTED = "field => field.value.slice(field.selectionStart, field.selectionEnd)"


def test_an_error_leads_to_its_line_and_the_wrong_rows_come_out(open_tab: Open, site: Site, tmp_path: Path) -> None:
    page, notes = open_tab()
    enter(page, site, "engineer")
    page.goto(f"{site.url}/models/import")
    page.fill("#import-text", TEXT)
    expect(page.locator(".gutter")).to_contain_text(str(TEXT.count("\n") + 1))
    page.click("main button[type=submit]")
    page.locator("#plan").get_by_role("button", name="Go to line 163").click()
    editor = page.locator("#import-text")
    expect(editor).to_be_focused()
    assert editor.evaluate(SELECTED) == "    type: nonsense"
    numbers, field = page.locator(".gutter").bounding_box(), editor.bounding_box()
    assert numbers
    assert field
    assert numbers["y"] < field["y"], "the numbers scroll with the text"
    with page.expect_download() as got:
        page.locator("#plan").get_by_role("button", name="Take it out as YAML").click()
    got.value.save_as(tmp_path / "invalid.yaml")
    assert "name: chat-40" in (tmp_path / "invalid.yaml").read_text()
    assert notes.problems == []
