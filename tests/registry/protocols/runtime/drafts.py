"""Drafts of calls, what they tell, and how they refuse."""

from typing import Any

import pytest
from msgspec import Raw
from msgspec.json import decode, encode

from registry.canon import Failure, FailureKind, Request, Task
from registry.protocols.runtime.params import Draft


def draft(strict: bool = False, /, **fields: Any) -> Draft:
    """A draft of a call with these fields."""
    return Draft(Request(Task.CHAT, {name: Raw(encode(value)) for name, value in fields.items()}, strict=strict))


def told(made: Draft) -> list[tuple[str, str, Any, Any]]:
    """What a draft tells of its changes."""
    return [(item.parameter, item.action, item.given, item.sent) for item in made.adapted]


def plain(body: Any) -> Any:
    """A body with everything decoded."""
    return decode(encode(body))


def refusal(verb: Any, *arguments: Any, **named: Any) -> Failure:
    """The failure that a verb raises."""
    with pytest.raises(Failure) as caught:
        verb(*arguments, **named)
    assert caught.value.kind is FailureKind.INVALID_REQUEST
    return caught.value
