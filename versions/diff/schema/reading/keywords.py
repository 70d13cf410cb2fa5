"""Which JSON Schema keywords hold schemas, numbers or words without force."""

from versions.diff.values import TYPES

SINCE = {
    "const": 6, "contains": 6, "propertyNames": 6, "if": 7, "then": 7, "else": 7, "contentEncoding": 7,
    "contentMediaType": 7, "contentSchema": 2019, "minContains": 2019, "maxContains": 2019, "dependentRequired": 2019,
    "dependentSchemas": 2019, "unevaluatedItems": 2019, "unevaluatedProperties": 2019, "prefixItems": 2020,
    "$dynamicRef": 2020,
}  # fmt: skip
"""The draft or year that brought a keyword; before it, the word means nothing."""
TO_7 = frozenset({"dependencies"})
IN_2019 = frozenset({"$recursiveRef"})
REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")

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
SWITCHES = frozenset({"uniqueItems", "readOnly", "writeOnly", "deprecated"})
IGNORED = frozenset({
    "$schema", "$id", "id", "$comment", "$defs", "definitions", "$anchor", "$vocabulary", "title",
    "example", "examples", "externalDocs", "summary", "$dynamicAnchor", "$recursiveAnchor", "components",
})  # fmt: skip
"""Left out of a node: they neither restrict values nor say anything to a caller's program."""

ANNOTATIONS = frozenset({"description", "default", "readOnly", "writeOnly", "deprecated", "discriminator", "xml"})
"""Kept in a node, without force on values."""

KNOWN = (
    SCHEMA | SCHEMA_LIST | SCHEMA_MAP | NUMBERS | ANNOTATIONS
    | {
        "type", "enum", "const", "required", "items", "exclusiveMinimum", "exclusiveMaximum", "pattern", "format",
        "uniqueItems", "dependentRequired", "contentEncoding", "contentMediaType", "nullable",
    }
)  # fmt: skip

FLAT = KNOWN - SCHEMA - SCHEMA_LIST - SCHEMA_MAP - {"items"}
"""Keywords without schemas inside: two nodes that have no others can be compared as plain data."""


def is_unknown(name: str) -> bool:
    """Whether a keyword is neither known nor a vendor's note (`x-`)."""
    return name not in KNOWN and not name.startswith("x-")


TYPE_WORDS: dict[str, tuple[str, ...]] = {name: (name,) for name in TYPES} | {"any": (), "file": ("string",)}
