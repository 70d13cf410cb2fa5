"""Values of callers as codecs see them, and what is told of what they lose."""

from collections.abc import Callable
from typing import Any

import pytest

from registry.canon import Failure
from registry.protocols.runtime.given import Given


class Told:
    """Keeps what a reader tells."""

    def __init__(self, strict: bool = False) -> None:
        self.noted: list[tuple[str, str, Any, Any]] = []
        self.strict = strict

    def note(self, name: str, action: str, given: Any, sent: Any) -> None:
        """Keep a change that loses nothing."""
        self.noted.append((name, action, given, sent))

    def lose(self, name: str, action: str, given: Any, sent: Any, why: str | Callable[[], str]) -> None:
        """Keep a change that loses something."""
        self.noted.append((name, action, given, sent))


def value(what: Any, path: str = "messages") -> Given:
    """A caller's value."""
    return Given(what, path, Told())


def told(found: Given) -> list[tuple[str, str, Any, Any]]:
    """What was told of a value after it was read."""
    found.settle()
    assert isinstance(found.teller, Told)
    return found.teller.noted


def words(reader: Any, *arguments: Any) -> str:
    """The message of a refusal."""
    with pytest.raises(Failure) as caught:
        reader(*arguments)
    assert caught.value.code == "invalid_content"
    return caught.value.message
