"""How a document writes schemas, and which keywords exist there."""

from dataclasses import dataclass
from typing import Any

from versions.diff.schema.reading.keywords import IN_2019, SINCE, TO_7

GENERATIONS = (
    ("draft-03", 4), ("draft-3", 4), ("draft-04", 4), ("draft-4", 4), ("draft-05", 4), ("draft-06", 6), ("draft-6", 6),
    ("draft-07", 7), ("draft-7", 7), ("2019-09", 2019), ("2020-12", 2020),
)  # fmt: skip

READ_DIFFERENTLY = frozenset({"exclusiveMinimum", "exclusiveMaximum", "additionalItems", "$ref", "nullable"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a document writes schemas. `siblings`: keywords beside `$ref` count; `absent`: keywords that it has not.

    `generation` is a draft or a year, and 0 if the document does not say: then every keyword is read.
    """

    siblings: bool
    openapi: bool = False
    generation: int = 0
    absent: frozenset[str] = frozenset()

    @property
    def knows_nullable(self) -> bool:
        """Whether `nullable: true` beside `type` lets null pass."""
        return self.openapi and self.generation == 4


def generation_of(address: Any) -> int:
    """The draft or year of a dialect's address; 0 if it is not known."""
    return next((number for word, number in GENERATIONS if word in str(address)), 0)


def dialect_of(root: Any) -> Dialect:
    """The dialect of a bare JSON Schema, by `$schema` or else by its keywords."""
    declared = str(root.get("$schema", "")) if isinstance(root, dict) else ""
    generation = generation_of(declared)
    if generation:
        return Dialect(generation > 7, False, generation, _absent(generation))
    return Dialect(bool(declared) or not (isinstance(root, dict) and "definitions" in root and "$defs" not in root))


def openapi_dialect(root: dict[str, Any]) -> Dialect:
    """The dialect of an OpenAPI or Swagger document; 3.0 and 2.0 have the keywords of draft 4, less some."""
    if str(root.get("openapi", "")).startswith(("3.1", "3.2")):
        generation = generation_of(root.get("jsonSchemaDialect")) or 2020
        return Dialect(generation > 7, True, generation, _absent(generation))
    return Dialect(False, True, 4, _absent(4) | {"patternProperties", "dependencies"})


def differs(raw: dict[str, Any], dialect: Dialect) -> bool:
    """Whether a schema with a `$schema` of its own uses a word that its dialect and another one read differently."""
    generation = generation_of(raw["$schema"])
    if generation == dialect.generation:
        return False
    words = (_absent(generation) ^ dialect.absent) | READ_DIFFERENTLY
    pending: list[Any] = [raw]
    while pending and generation:
        part = pending.pop()
        if isinstance(part, dict):
            if words & part.keys():
                return True
            pending += part.values()
        elif isinstance(part, list):
            pending += part
    return not generation


def _absent(generation: int) -> frozenset[str]:
    later = {word for word, first in SINCE.items() if generation < first}
    return frozenset(later | (TO_7 if generation > 7 else set()) | (IN_2019 if generation != 2019 else set()))
