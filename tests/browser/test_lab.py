"""The lab as a person uses it: a race from the click to its charts and figures, then several compared."""

from collections.abc import Callable
from itertools import product

import pytest
from playwright.sync_api import Page, expect

from controlplane.base.models import Job, User
from tests.browser.conftest import Notes, Site
from tests.browser.hand import Hand
from tests.browser.test_journey import PASSWORD, WRONG_WITH_PAGE, sign_in
from tests.races import PAIR, a_race, series

COMPILING_MS = 500_000
LIBRARY = "plotly.min"
LINES = ".scatterlayer .js-line"
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
Open = Callable[..., tuple[Page, Notes]]


@pytest.fixture
def admin(site: Site) -> User:
    """An admin with a password."""
    return User.objects.create_user("ada", password=PASSWORD, role="admin")


def test_a_race_is_run_watched_and_compared(open_tab: Open, site: Site, admin: User, worker: None) -> None:
    page, notes = open_tab()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, site)
    page.keyboard.press("g")
    page.keyboard.press("l")
    expect(page.locator("h1")).to_have_text("Routing lab")
    page.get_by_label("All at once").check()
    page.get_by_label("Policy", exact=True).first.select_option("static")
    page.get_by_label("against").select_option("hrrn")
    page.get_by_label("Seed", exact=True).fill("3")
    assert not [address for address in asked if LIBRARY in address]
    page.get_by_role("button", name="Run the race").click()
    page.wait_for_url("**/routing/lab/*-*")
    expect(page.locator("[data-phase]")).to_contain_text("simulator")
    expect(page.locator(".meta .is-done")).to_be_visible(timeout=COMPILING_MS)
    see_charts_and_figures(page)
    assert [address for address in asked if LIBRARY in address]
    first = page.url
    hand = Hand(page)
    hand.click(page.get_by_role("button", name="Run again with seed 4"))
    page.wait_for_url(lambda address: address != first)
    expect(page.locator(".meta .is-done")).to_be_visible(timeout=COMPILING_MS)
    expect(page.locator(".stats .stat").first).to_contain_text("%")
    hand.spent(clicks=1, keys=0, seconds=COMPILING_MS / 1000)
    compare_two(page, site)
    assert notes.problems == []
    assert notes.foreign == []


def see_charts_and_figures(page: Page) -> None:
    """Three charts with two lines each, the same as tables, and the figures with their difference."""
    for chart in page.locator("[data-chart]").all():
        expect(chart.locator(LINES)).to_have_count(2)
        assert chart.locator(LINES).first.get_attribute("d")
    first = page.locator(".charts details").first
    first.locator("summary").click()
    expect(first.locator("tbody tr")).to_have_count(12)
    figures = page.locator("table.figures")
    expect(figures).to_contain_text("Useful utilisation")
    expect(figures.locator("tbody tr")).to_have_count(13)
    expect(figures.locator("tr", has_text="Mean latency")).to_contain_text("better")


def compare_two(page: Page, site: Site) -> None:
    """Tick both races of the list."""
    page.goto(f"{site.url}/routing/lab")
    for box in page.locator("[name=job]").all():
        box.check()
    page.get_by_role("button", name="Compare the ticked races").click()
    expect(page.locator("th[scope=colgroup]")).to_have_count(2)
    expect(page.locator("main")).to_contain_text("These races had different calls")


def test_lines_grow_while_the_race_runs(open_tab: Open, site: Site, admin: User) -> None:
    job = a_race("running", admin, progress={"phase": "racing", "done": 10, "total": 100, "series": series(5)})
    page, notes = open_tab()
    sign_in(page, site)
    page.goto(f"{site.url}/routing/lab/{job.pk}")
    line = page.locator(f'[data-chart="waiting"] {LINES}').first
    expect(line).to_be_visible()
    before = line.get_attribute("d")
    Job.objects.filter(pk=job.pk).update(progress={"phase": "racing", "done": 60, "total": 100, "series": series(40)})
    expect(page.locator('[data-p="percent"]')).to_have_text("60 %")
    expect(line).not_to_have_attribute("d", before or "")
    assert notes.problems == []


def test_without_plotly_the_tables_open(open_tab: Open, site: Site, admin: User) -> None:
    job = a_race()
    page, _ = open_tab()
    page.route("**/plotly.min*", lambda route: route.abort())
    sign_in(page, site)
    page.goto(f"{site.url}/routing/lab/{job.pk}")
    expect(page.locator("[data-no-charts]")).to_be_visible()
    expect(page.locator(".charts tbody tr").first).to_be_visible()


def test_races_fit_and_can_be_read(open_tab: Open, site: Site, admin: User) -> None:
    swapped = {"scenario": "together", "policies": list(PAIR[::-1]), "seed": 2_147_483_647}
    races = [
        a_race(owner=admin),
        a_race(owner=admin, input=swapped),
        a_race("running", admin, progress={"phase": "compiling"}),
        a_race("failed", admin, error={"code": "race_failed", "message": "the race failed: no weights"}),
        a_race("cancelled", admin, result={"series": series(4), "figures": {}}),
    ]
    both = "&".join(f"job={race.pk}" for race in races[:2])
    pages = ["/routing/lab", f"/routing/lab/compare?{both}", *(f"/routing/lab/{race.pk}" for race in races)]
    for language, theme, width in product(("en", "zh-hans"), ("light", "dark"), (1400, 390)):
        User.objects.filter(pk=admin.pk).update(language=language)
        page, notes = open_tab(width, theme, language)
        sign_in(page, site)
        for address in pages:
            page.goto(f"{site.url}{address}")
            if page.locator("[data-series*=at_s]").count():
                expect(page.locator("[data-chart] .main-svg").first).to_be_visible(timeout=20_000)
            page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
            assert page.evaluate(WRONG_WITH_PAGE) == [], f"{address} at {width} px, {theme}, {language}"
        assert notes.problems == []
        assert notes.foreign == []
