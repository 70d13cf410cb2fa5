"""A whole site for Chromium: web process and worker as programs, the practice fleet in a thread, own stores."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from controlplane.base.models import User
from tests.ports import reserved_port
from tests.programs import Front
from tests.upstreams import Upstreams
from tests.workers import WORKER, Start, database_url

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
START_S = 90
PASSWORD = "plenty of words here"
WAIT_MS = 60_000
expect.set_options(timeout=20_000)
"""Two slow cores may need longer than Playwright's five seconds; promises to users have bounds of their own."""


@dataclass
class Site:
    """The running product at `url`; the web process can be killed and started again."""

    port: int
    folder: Path
    front: Front | None = None

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the gateway and the console, and wait until pages are answered."""
        environment = {**os.environ, "DATABASE_URL": database_url(), "DATA_DIR": str(settings.DATA_DIR)}
        self.front = Front(self.port, self.folder, environment)
        self.front.start()
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/sign-in", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(self.front.said())

    def kill(self) -> None:
        """Kill both, as a crash would."""
        if self.front is not None:
            self.front.kill()
            self.front = None


@dataclass
class Notes:
    """What went wrong in a tab, and where its requests went."""

    problems: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. Playwright's loop runs in this thread until the file ends; Django is told it is fine."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """The web process, without a worker; its log is in `folder`."""
    running = Site(reserved_port(), folder)
    try:
        running.start()
        yield running
    finally:
        running.kill()


@pytest.fixture
def site(transactional_db: None, static_files: None, upstreams: Upstreams, tmp_path: Path) -> Iterator[Site]:
    """The web process, without a worker."""
    with running_site(tmp_path) as running:
        yield running


@pytest.fixture
def worker(site: Site, start_celery: Start) -> None:
    """A worker for the site's jobs."""
    start_celery(*WORKER)


@pytest.fixture
def open_tab(chromium: Browser, site: Site) -> Iterator[Callable[..., tuple[Page, Notes]]]:
    """Opens tabs: `open_tab(width=390, theme="dark", language="zh-hans")`. The second value gathers what went wrong."""
    contexts = []

    def make(width: int = 1400, theme: str = "light", language: str = "en") -> tuple[Page, Notes]:
        context = chromium.new_context(
            viewport={"width": width, "height": 844}, color_scheme="dark" if theme == "dark" else "light"
        )
        context.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page, notes = context.new_page(), Notes()
        page.on("console", lambda message: note_console(message, notes))
        page.on("pageerror", lambda error: notes.problems.append(str(error)))
        page.on("request", lambda request: note_request(request, site, notes))
        return page, notes

    yield make
    for context in contexts:
        context.close()


def enter(page: Page, site: Site, role: str = "admin", language: str = "en") -> User:
    """Make an account with `role` and sign in with it."""
    user = User.objects.create_user(f"{role}-{language}", password=PASSWORD, role=role, language=language)
    page.goto(f"{site.url}/sign-in")
    page.fill("[name=username]", user.username)
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url(f"{site.url}/")
    return user


def note_console(message: ConsoleMessage, notes: Notes) -> None:
    """Keep errors and refusals by the content policy."""
    if message.type == "error" or "Content Security Policy" in message.text:
        notes.problems.append(message.text)


def note_request(request: Request, site: Site, notes: Notes) -> None:
    """Keep requests that leave the site."""
    if not request.url.startswith((site.url, "data:")):
        notes.foreign.append(request.url)
