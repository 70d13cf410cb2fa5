"""Reads OpenAPI 3.0, 3.1 and Swagger 2.0 documents into operations; what cannot be read is told, never fatal."""

import re
from typing import Any

from versions.diff.findings import Direction
from versions.diff.openapi.form import Raw
from versions.diff.schema.reading.dialect import openapi_dialect
from versions.diff.schema.reading.reader import SchemaReader
from versions.diff.unreadable import Issue
from versions.diff.values import join, short

Entry = tuple[str, Raw, Raw, str]
WEBHOOK = "webhook "
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


class ApiDocument:
    """One document: its operations by path shape and method, and a schema reader for each direction."""

    def __init__(self, root: Any, exact_one_of: bool = True) -> None:
        self.root: Raw = root if isinstance(root, dict) else {}
        self.issues: list[Issue] = []
        self._made: list[Raw] = []
        self.is_v2 = str(self.root.get("swagger", "")).startswith("2")
        dialect = openapi_dialect(self.root)
        first = SchemaReader(self.root, dialect, Direction.REQUEST, exact_one_of)
        self.readers = dict.fromkeys(Direction, first)
        if _one_way(self.root):
            self.readers[Direction.RESPONSE] = SchemaReader(self.root, dialect, Direction.RESPONSE, exact_one_of)
        self.operations: dict[tuple[str, str], Entry] = {}
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
        """A mapping behind its references; an empty one, and a note, if there is something else."""
        value, _where = self.resolve(raw, pointer)
        if isinstance(value, dict):
            return value
        if value is not None:
            self.told(pointer, f"{what} is no mapping", value)
        return {}

    def written_out(self, raw: Any, depth: int = 0) -> Any:
        """A part with its references replaced by what they mean, as far as that is not too deep."""
        if isinstance(raw, list):
            return [self.written_out(part, depth + 1) for part in raw]
        if not isinstance(raw, dict) or depth > 12:
            return raw
        if isinstance(raw.get("$ref"), str):
            raw = self.resolve(raw, "")[0]
        return {name: self.written_out(part, depth + 1) for name, part in raw.items()} if isinstance(raw, dict) else raw

    def called(self, raw: Raw, pointer: str) -> dict[tuple[str, str], Entry]:
        """The calls that a server makes because of an operation, by name and address, and method."""
        found: dict[tuple[str, str], Entry] = {}
        for name, callback in self.mapping(raw.get("callbacks"), join(pointer, "callbacks"), "callbacks").items():
            at = join(pointer, "callbacks", name)
            for address, item in self.mapping(callback, at, "callback").items():
                if not str(address).startswith("x-"):
                    self._methods(found, (f"{name} {address}", str(address)), item, join(at, address))
        return found

    def keep(self, made: Raw) -> None:
        """Keep a schema that was made while reading, so that its identity stays its own."""
        self._made.append(made)

    def _list(self, section: str) -> None:
        paths = self.mapping(self.root.get(section), f"/{section}", section)
        for path, raw in paths.items():
            if str(path).startswith("x-"):
                continue
            shape = path_shape(str(path)) if section == "paths" else f"{WEBHOOK}{path}"
            self._methods(self.operations, (shape, str(path)), raw, join(f"/{section}", path))

    def _methods(self, found: dict[tuple[str, str], Entry], names: tuple[str, str], raw: Any, pointer: str) -> None:
        """The operations of one path item; `names`: what makes it the same on both sides, and what it is called."""
        shape, path = names
        item = self.mapping(raw, pointer, "path item")
        for method, operation in item.items():
            if method.lower() in METHODS:
                at = join(pointer, method)
                found[(shape, method.lower())] = (path, item, self.mapping(operation, at, "operation"), at)


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
