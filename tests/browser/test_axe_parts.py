"""axe-core finds nothing in what opens over a list or within it: menus, dialogs, causes and an import's plan."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from controlplane.base import saved_views
from controlplane.base.models import User
from registry.models import Model
from registry.reasons import asking_for_key, offering
from registry.transports.egress import NOT_ALLOWED
from tests.browser.conftest import Site
from tests.browser.test_axe import Reach, open_menu, signed_in, violations
from tests.site import write_models

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
ROW = "  - name: new-{n}\n    type: {type}\n    protocol: openai\n    endpoint: http://127.0.0.1:9/m\n"
FILE = "models:\n" + "".join(ROW.format(n=n, type="nonsense" if n == 2 else "llm") for n in range(4))
REASONS = (
    offering("the upstream says: unknown model", "acme", ["chat-1"]),
    NOT_ALLOWED.given(where="10.0.1.7", port="8000", entry="10.0.1.7"),
    asking_for_key("the upstream says: no key", 401),
    "connection refused",
)
"""One for each kind of cause, the last one without a cure."""


def open_dialog(target: str) -> Reach:
    """A dialog of the list's views, by its button in the bar or in the view's menu."""

    def reach(page: Page) -> None:
        if target == "view-rename":
            open_menu("view-more")(page)
        page.locator(f"[data-open='#{target}']").click()
        expect(page.locator(f"#{target}")).to_be_visible()

    return reach


def open_causes(page: Page) -> None:
    """Every group of causes with its rows; three of them have a cure."""
    expect(page.locator("#causes .primary")).to_have_count(3)
    for group in page.locator("#causes details").all():
        group.locator("summary").click()
        expect(group.locator("tbody tr").first).to_be_visible()


def look_over_names(page: Page) -> None:
    """The cure of wrong names, before it is applied."""
    page.locator("#causes [formaction$='/cures/names']").click()
    page.wait_for_url("**/cures/names")


def check_mixed_file(page: Page) -> None:
    """A plan with a wrong row and valid ones unfolded."""
    page.fill("#import-text", FILE)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#plan .errors-table tbody tr")).to_have_count(1)
    page.locator("#plan details.fine > summary").click()


def parts(view: int) -> Iterator[tuple[str, Reach]]:
    """Addresses, and how the part of the page is opened."""
    yield from (("/models?type=llm", open_menu("list-display")), ("/models?type=llm", open_dialog("view-new")))
    mine = f"/models?view={view}&type=llm"
    yield from ((mine, open_menu("view-more")), (mine, open_dialog("view-rename")))
    yield from (("/models?state=unreachable", open_causes), ("/models?state=unreachable", look_over_names))
    yield "/models/import", check_mixed_file


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_axe_finds_nothing_in_what_opens(chromium: Browser, site: Site, language: str) -> None:
    admin = User.objects.create_user("ada", role="admin", language=language)
    for model, reason in zip(write_models(len(REASONS)), REASONS, strict=True):
        Model.objects.filter(pk=model.pk).update(state="unreachable", state_reason=reason)
    view = saved_views.save(admin, "models", "chat", "type=llm")
    found: list[str] = []
    with signed_in(chromium, site, admin) as context:
        context.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
        page = context.new_page()
        for address, reach in parts(view.pk):
            page.goto(f"{site.url}{address}")
            reach(page)
            found += violations(page, f"{address} {reach.__name__}")
        assert page.locator("html").get_attribute("lang") == language
    assert found == []
