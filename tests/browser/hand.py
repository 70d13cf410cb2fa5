"""A person's hand: it clicks and types, and counts what it does."""

import time
from dataclasses import dataclass, field

from playwright.sync_api import Locator, Page, expect


@dataclass
class Hand:
    """A hand on `page`. A chord is one key, and so is pasting; leaving a field with Tab is one too."""

    page: Page
    clicks: int = 0
    keys: int = 0
    begun: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        """Count from here."""
        self.clicks, self.keys, self.begun = 0, 0, time.monotonic()

    def click(self, target: str | Locator, words: str = "", *, shift: bool = False) -> None:
        """One click on the first thing that `target` finds, and that has these words."""
        found = self.page.locator(target, has_text=words).first if isinstance(target, str) else target
        found.click(modifiers=["Shift"] if shift else [])
        self.clicks += 1

    def press(self, *keys: str) -> None:
        """Keys or chords, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)
        self.keys += len(keys)

    def type(self, text: str) -> None:
        """Letter by letter into what has the focus."""
        self.page.keyboard.type(text)
        self.keys += len(text)

    def paste(self, text: str) -> None:
        """At once into what has the focus."""
        self.page.keyboard.insert_text(text)
        self.keys += 1

    def write(self, selector: str, text: str) -> None:
        """Type into a field that has the focus already, and leave it."""
        expect(self.page.locator(selector)).to_be_focused()
        self.type(text)
        self.press("Tab")

    def spent(self, clicks: int, keys: int, seconds: float = 30) -> None:
        """Fail if more was needed since `start`."""
        took = time.monotonic() - self.begun
        assert (self.clicks <= clicks, self.keys <= keys, took <= seconds) == (True, True, True), (
            f"{self.clicks} clicks (at most {clicks}), {self.keys} keys ({keys}), {took:.1f} s ({seconds})"
        )
