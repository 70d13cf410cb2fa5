"""Nodes, readers and provers for tests of single rooms of versions/diff/schema."""

from typing import Any

from versions.diff.findings import Direction
from versions.diff.schema.proof.prover import Prover
from versions.diff.schema.reading.dialect import dialect_of, openapi_dialect
from versions.diff.schema.reading.node import Node
from versions.diff.schema.reading.reader import SchemaReader
from versions.diff.schema.sets.normal import Normal
from versions.diff.schema.sets.validity import Judge

DRAFT_4 = {"$schema": "http://json-schema.org/draft-04/schema#"}
DRAFT_6 = {"$schema": "http://json-schema.org/draft-06/schema#"}
DRAFT_7 = {"$schema": "http://json-schema.org/draft-07/schema#"}
DRAFT_2019 = {"$schema": "https://json-schema.org/draft/2019-09/schema"}
DRAFT_2020 = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def reader(root: Any, direction: Direction = Direction.REQUEST) -> SchemaReader:
    """A reader of a bare schema document."""
    return SchemaReader(root, dialect_of(root), direction)


def read(schema: Any, direction: Direction = Direction.REQUEST) -> Node:
    """The node of a bare schema."""
    return reader(schema, direction).schema(schema, "")


def api_reader(version: str = "3.0.3", direction: Direction = Direction.REQUEST, **schemas: Any) -> SchemaReader:
    """A reader of an OpenAPI document with some named schemas."""
    root = {"openapi": version, "components": {"schemas": schemas}}
    return SchemaReader(root, openapi_dialect(root), direction)


def api_read(schema: Any, version: str = "3.0.3", direction: Direction = Direction.REQUEST) -> Node:
    """The node of a schema of an OpenAPI document."""
    return api_reader(version, direction).schema(schema, "/a")


def issues(schema: Any) -> list[tuple[str, str]]:
    """Where a bare schema cannot be read, and why, without the value."""
    found = reader(schema)
    found.schema(schema, "")
    return [(issue.pointer, issue.text.partition(": ")[0]) for issue in found.issues]


def prover(conventions: bool = False, hides: str = "readOnly") -> Prover:
    """A prover of its own; without conventions it proves to the letter."""
    return Prover(Normal(), Judge(), hides, conventions)


def proved(left: Any, right: Any, conventions: bool = False) -> bool:
    """Whether a prover of its own proves inclusion of two bare schemas."""
    return prover(conventions).proves(read(left), read(right))
