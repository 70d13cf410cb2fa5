"""Reads OpenAPI 3.0, 3.1 and Swagger 2.0 documents into operations; what cannot be read is told, never fatal."""

import re
from typing import Any

from versions.diff.findings import Direction
from versions.diff.openapi import v2, v3
from versions.diff.openapi.form import Operation, Raw
from versions.diff.schema.dialect import Dialect, Issue
from versions.diff.schema.reader import Reader
from versions.diff.values import join, short

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class Document:
    """One document: its operations by path shape and method, and a schema reader for each direction."""

    def __init__(self, root: Any) -> None:
        self.root: Raw = root if isinstance(root, dict) else {}
        self.issues: list[Issue] = []
        self._made: list[Raw] = []
        self.is_v2 = str(self.root.get("swagger", "")).startswith("2")
        siblings = str(self.root.get("openapi", "")).startswith("3.1") or str(self.root.get("openapi", "")).startswith(
            "3.2"
        )
        dialect = Dialect(siblings=siblings, openapi=True)
        first = Reader(self.root, dialect, Direction.REQUEST)
        self.readers = dict.fromkeys(Direction, first)
        if _one_way(self.root):
            self.readers[Direction.RESPONSE] = Reader(self.root, dialect, Direction.RESPONSE)
        self.operations: dict[tuple[str, str], tuple[str, Raw, Raw, str]] = {}
        if not isinstance(root, dict):
            self.told("", "the document is no mapping", root)
        self._list("paths")
        self._list("webhooks")

    def told(self, pointer: str, text: str, raw: Any) -> None:
        """Remember a part that could not be read."""
        self.issues.append(Issue(pointer, f"{text}: {short(raw)}", raw))

    def resolve(self, raw: Any, pointer: str) -> tuple[Any, str]:
        """A part behind its `$ref`s, and where it stands."""
        for _ in range(20):
            if not isinstance(raw, dict) or not isinstance(raw.get("$ref"), str):
                return raw, pointer
            ref = raw["$ref"]
            raw, found = self.readers[Direction.REQUEST].resolve(ref)
            pointer = ref[1:] if ref.startswith("#") else pointer
            if not found:
                self.told(pointer, f"reference {ref} leads nowhere", ref)
                return None, pointer
        self.told(pointer, "references run in a circle", raw)
        return None, pointer

    def mapping(self, raw: Any, pointer: str, what: str) -> Raw:
        """A mapping behind its references; an empty one, and a note, where there is something else."""
        value, _where = self.resolve(raw, pointer)
        if isinstance(value, dict):
            return value
        if value is not None:
            self.told(pointer, f"{what} is no mapping", value)
        return {}

    def keep(self, made: Raw) -> None:
        """Keep a schema that was made while reading, so that its identity stays its own."""
        self._made.append(made)

    def read(self, key: tuple[str, str]) -> Operation:
        """One operation in the common form."""
        path, item, raw, pointer = self.operations[key]
        name = f"{key[1].upper()} {path}"
        return (
            v2.operation(self, name, item, raw, pointer) if self.is_v2 else v3.operation(self, name, item, raw, pointer)
        )

    def _list(self, section: str) -> None:
        paths = self.mapping(self.root.get(section), f"/{section}", section)
        for path, raw in paths.items():
            if str(path).startswith("x-"):
                continue
            item = self.mapping(raw, join(f"/{section}", path), "path item")
            for method, operation in item.items():
                if method.lower() not in METHODS:
                    continue
                pointer = join(f"/{section}", path, method)
                found = self.mapping(operation, pointer, "operation")
                shape = path_shape(str(path)) if section == "paths" else f"webhook {path}"
                self.operations[(shape, method.lower())] = (str(path), item, found, pointer)


def _one_way(root: Any) -> bool:
    """Whether some field travels in one direction only, so that requests and responses need readings of their own."""
    pending = [root]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if "readOnly" in value or "writeOnly" in value:
                return True
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return False


def path_shape(path: str) -> str:
    """A path without the names of its parameters; a slash at its end makes another path (RFC 3986)."""
    return re.sub(r"\{[^}]*\}", "{}", path)
