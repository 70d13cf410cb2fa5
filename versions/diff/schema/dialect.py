"""How a document writes schemas, and what in it could not be read."""

from dataclasses import dataclass
from typing import Any

from versions.diff.schema.keywords import LEGACY_DRAFTS


@dataclass(frozen=True, slots=True)
class Issue:
    """A part that could not be read: where, and what was found there."""

    pointer: str
    text: str
    raw: Any


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a document writes schemas. `siblings`: keywords beside `$ref` count."""

    siblings: bool
    openapi: bool = False


def dialect_of(root: Any) -> Dialect:
    """The dialect of a bare JSON Schema, by `$schema` or else by its keywords."""
    declared = str(root.get("$schema", "")) if isinstance(root, dict) else ""
    if any(draft in declared for draft in LEGACY_DRAFTS):
        return Dialect(siblings=False)
    if declared:
        return Dialect(siblings=True)
    return Dialect(siblings=not (isinstance(root, dict) and "definitions" in root and "$defs" not in root))
