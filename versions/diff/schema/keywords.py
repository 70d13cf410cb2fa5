"""Which JSON Schema keywords hold schemas, numbers or words without force."""

from versions.diff.values import TYPES

LEGACY_DRAFTS = ("draft-03", "draft-04", "draft-05", "draft-06", "draft-07", "draft-3", "draft-4", "draft-6", "draft-7")

SCHEMA = frozenset({
    "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
    "unevaluatedProperties", "unevaluatedItems", "contentSchema",
})  # fmt: skip
SCHEMA_LIST = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
SCHEMA_MAP = frozenset({"properties", "patternProperties", "dependentSchemas"})
COUNTS = frozenset({
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains",
})  # fmt: skip
NUMBERS = COUNTS | {"minimum", "maximum", "multipleOf"}
IGNORED = frozenset({
    "$schema", "$id", "id", "$comment", "$defs", "definitions", "$anchor", "$vocabulary", "title",
    "example", "examples", "externalDocs", "xml", "summary", "$dynamicAnchor", "$recursiveAnchor", "components",
})  # fmt: skip
"""Left out of a node: they neither restrict values nor say anything to a caller's program."""

ANNOTATIONS = frozenset({"description", "default", "readOnly", "writeOnly", "deprecated", "discriminator"})
"""Kept in a node, without force on values."""

KNOWN = (
    SCHEMA | SCHEMA_LIST | SCHEMA_MAP | NUMBERS | ANNOTATIONS
    | {
        "type", "enum", "const", "required", "items", "exclusiveMinimum", "exclusiveMaximum", "pattern", "format",
        "uniqueItems", "dependentRequired", "contentEncoding", "contentMediaType",
    }
)  # fmt: skip

FLAT = KNOWN - SCHEMA - SCHEMA_LIST - SCHEMA_MAP - {"items"}
"""Keywords without schemas inside: two nodes that have no others can be compared as plain data."""


def is_unknown(name: str) -> bool:
    """Whether a keyword is neither known nor a vendor's note (`x-`)."""
    return name not in KNOWN and not name.startswith("x-")


TYPE_WORDS: dict[str, tuple[str, ...]] = {name: (name,) for name in TYPES} | {"any": (), "file": ("string",)}
