"""A model seen as a contract: the parameters that a caller may send, as a JSON Schema, and facts beside them."""

from dataclasses import dataclass, field
from typing import Any

from versions.diff.model.facts import Facts
from versions.diff.unreadable import Issue


@dataclass(slots=True)
class Contract:
    """`schema` is an object schema whose properties are the parameters; `pointers` says where each one was written,
    `written` how."""

    schema: dict[str, Any]
    facts: Facts
    pointers: dict[str, str] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    written: dict[str, Any] = field(default_factory=dict)
