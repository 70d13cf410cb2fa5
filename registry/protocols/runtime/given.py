"""What a caller gave, read so that nothing inside it can vanish: whatever no codec takes out is told as dropped.

A codec sees a value only through a Given. It takes fields out, one by one or whole; `settle` then tells, by path, of
everything that was left. So a field that a codec does not know is never lost in silence, and refused in strict calls.
"""

from collections.abc import Callable
from typing import Any, Protocol

from controlplane.base.messages import Sentence

LONGEST_KEY = 64
NO_FIELD = Sentence("this model's upstream has no such field")


Why = str | Callable[[], str]
"""Why something is lost, or what makes the sentence: it is made for refusals alone."""


class Teller(Protocol):
    """Keeps what did not travel as given; `lose` raises Failure if the call is strict."""

    def note(self, name: str, action: str, given: Any, sent: Any) -> None:
        """Tell of a change that loses nothing."""

    def lose(self, name: str, action: str, given: Any, sent: Any, why: Why) -> None:
        """Tell of a change that loses something."""


class Given:
    """One value of a call at its `path`, such as messages[0].content, and what is not yet taken of it."""

    __slots__ = ("inners", "path", "rest", "teller", "untouched", "value")

    def __init__(self, value: Any, path: str, teller: Teller) -> None:
        self.value, self.path, self.teller = value, path, teller
        self.rest: dict[str, Any] = dict(value) if isinstance(value, dict) else {}
        self.inners: list[Given] = []
        self.untouched = not isinstance(value, dict)

    def whole(self) -> Any:
        """The value with everything inside, all of it taken."""
        self.rest, self.inners, self.untouched = {}, [], False
        return self.value

    def peek(self, key: str) -> Any:
        """The field `key` of an object, not taken; None if it is absent."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def take(self, key: str) -> Any:
        """The field `key` of an object, taken with everything inside; None if it is absent or taken already."""
        return self.rest.pop(key, None)

    def at(self, key: str) -> str:
        """The path of the field `key`."""
        return f"{self.path}.{key[:LONGEST_KEY]}"

    def carry(self, key: str, into: dict[str, Any]) -> dict[str, Any]:
        """`into` with the field `key` of an object, if that is given."""
        if self.peek(key) is not None:
            into[key] = self.take(key)
        return into

    def inner(self, key: str) -> "Given":
        """The field `key` of an object, to be taken apart."""
        found = Given(self.rest.pop(key, None), self.at(key), self.teller)
        self.inners.append(found)
        return found

    def items(self) -> list["Given"]:
        """The members of a list, to be taken apart. Raises TypeError if it is none."""
        if not isinstance(self.value, list):
            raise TypeError(Sentence("{path} is no list", path=self.path))
        self.untouched = False
        self.inners = [Given(item, f"{self.path}[{index}]", self.teller) for index, item in enumerate(self.value)]
        return self.inners

    def note(self, key: str, action: str, given: Any, sent: Any) -> None:
        """Tell of a change to the field `key` that loses nothing."""
        self.teller.note(self.at(key), action, given, sent)

    def lose(self, why: Why) -> None:
        """Tell that this value is dropped with everything inside; refused if the call is strict."""
        self.teller.lose(self.path, "dropped", self.whole(), None, why)

    def settle(self) -> None:
        """Tell of everything that was not taken; null and what is empty hold nothing to lose."""
        if self.untouched and not empty(self.value):
            self.teller.lose(self.path, "dropped", self.value, None, NO_FIELD)
        for key, value in self.rest.items():
            if not empty(value):
                self.teller.lose(self.at(key), "dropped", value, None, NO_FIELD)
        for inner in self.inners:
            inner.settle()


def empty(value: Any) -> bool:
    """Whether a value is null, or text, a list or an object without anything in it."""
    return value is None or value in ("", [], {})
