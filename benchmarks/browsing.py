"""How slow the slowest calls get while four people use the console: 1,500 calls a second, alone and beside browsers.

The browsers are four Chromium windows with sessions of their own, which load page after page with everything on it.
They run only while a core has nothing else to do: people have processors of their own, and must not take the server's.

`python -m benchmarks.browsing PORT PASSWORD SECONDS` is the browsers: it prints a line once they are signed in, loads
pages for so long, and prints how many as JSON.
"""

import asyncio
import itertools
import json
import os
import sys
import time

from playwright.async_api import Browser, Page, async_playwright

from benchmarks.gateway_measures import GRACE_SECONDS, MESSAGES, LoadFailed, bounded, request
from benchmarks.gateway_ways import Way

RATE, CONNECTIONS, BROWSERS = 1500, 16, 4
START_SECONDS = 60
PAGES = ("/models", "/models/bench-1", "/calls", "/models?page=2", "/", "/models?q=bench-4", "/jobs", "/keys")


def steady(way: Way, seconds: float) -> dict[str, float]:
    """Call at a steady rate for so long. Raises LoadFailed."""
    with request(way, {"messages": MESSAGES}) as file:
        figures = [str(each) for each in (way.port, CONNECTIONS, seconds, file, RATE)]
        with bounded([sys.executable, "-m", "benchmarks.rated", *figures], seconds + GRACE_SECONDS) as output:
            output.readline()
            line = output.readline()
    if not line:
        raise LoadFailed(f"{RATE} calls/s did not end within {seconds + GRACE_SECONDS:g} s")
    found: dict[str, float] = json.loads(line)
    if found["errors"]:
        raise LoadFailed(f"{found['errors']:.0f} calls of {RATE} a second failed")
    return found


def browse(way: Way, password: str, seconds: float) -> dict[str, float]:
    """One round: alone, then beside the browsers. Raises LoadFailed."""
    calm = steady(way, seconds)
    loading = seconds + 2
    command = [sys.executable, "-m", "benchmarks.browsing", str(way.port), password, str(loading)]
    with bounded(command, loading + START_SECONDS + GRACE_SECONDS) as output:
        if not output.readline():
            raise LoadFailed("the browsers did not start; Chromium is one of Debian's packages")
        beside = steady(way, seconds)
        pages = json.loads(output.readline() or '{"per_second": 0}')
    names = ("p50_ms", "p99_ms", "calls")
    shown = {f"calm_{name}": calm[name] for name in names} | {name: beside[name] for name in names}
    return shown | {"pages_per_second": pages["per_second"]}


async def sign_in(browser: Browser, url: str, password: str) -> Page:
    """A window of its own with a session."""
    page = await (await browser.new_context(base_url=url)).new_page()
    await page.goto("/sign-in")
    await page.fill("[name=username]", "bench")
    await page.fill("[name=password]", password)
    await page.click("main button[type=submit]")
    await page.wait_for_url(f"{url}/")
    return page


async def load_pages(page: Page, first: int, until: float) -> int:
    """Load one page after the other until then; how many. Raises SystemExit if one is refused."""
    for number in itertools.count(first):
        path = PAGES[number % len(PAGES)]
        answer = await page.goto(path, wait_until="load")
        if answer is None or answer.status != 200:
            raise SystemExit(f"{path} was not answered with a page")
        if time.monotonic() > until:
            return number - first + 1
    raise AssertionError


async def main(port: int, password: str, seconds: float) -> None:
    """Sign in, say so, load pages, say how many."""
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        windows = [await sign_in(browser, f"http://127.0.0.1:{port}", password) for _ in range(BROWSERS)]
        print("signed in", flush=True)
        until = time.monotonic() + seconds
        loaded = await asyncio.gather(*(load_pages(page, 2 * n, until) for n, page in enumerate(windows)))
        print(json.dumps({"per_second": sum(loaded) / seconds}), flush=True)
        await browser.close()


if __name__ == "__main__":
    # Not niceness, because Chromium sets its own where it may.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
