"""Asks `jsonschema` whether a node accepts a value. Validators are kept for as long as a comparison runs."""

import re
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, UnknownType, ValidationError

from versions.diff.schema.reader import Node

FORMATS = FormatChecker()
_FAILURES = (
    re.error, ValidationError, SchemaError, UnknownType, ValueError, TypeError, RecursionError, ArithmeticError,
    AttributeError, KeyError,
)  # fmt: skip


class Judge:
    """`accepts` is None where `jsonschema` itself cannot say (a pattern it cannot read, a number it cannot divide)."""

    def __init__(self) -> None:
        self._validators: dict[int, tuple[Node, Any]] = {}

    def accepts(self, node: Node, value: Any, with_formats: bool = False) -> bool | None:
        """Whether a node accepts a value."""
        if "x-unresolved" in node:
            return None
        key = id(node) * 2 + with_formats
        if key not in self._validators:
            checker = FORMATS if with_formats else None
            self._validators[key] = (node, Draft202012Validator(node, format_checker=checker))
        try:
            return bool(self._validators[key][1].is_valid(value))
        except _FAILURES:
            return None
