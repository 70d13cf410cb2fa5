"""Which keywords a proof may rest on, and which belong together: the one list that the prover reads.

A node is a conjunction of groups. The prover owns a group with all its keywords, or does not own it. On the side that
makes values it forgets a group that it does not own, so that the set only grows; on the side that accepts values such a
group must stand there unchanged, with everything that it looks at, or nothing is proved.
"""

from typing import Any

from versions.diff.schema.reading.equal import alike
from versions.diff.schema.reading.keywords import ANNOTATIONS, IGNORED
from versions.diff.schema.reading.node import Node

ANY_KIND = frozenset({"type", "enum", "const", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "nullable"})
NUMBER = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"})
CONTENT = frozenset({"contentEncoding", "contentMediaType", "contentSchema"})
STRING = frozenset({"minLength", "maxLength", "pattern", "format"}) | CONTENT
ITEMS = frozenset({"prefixItems", "items", "unevaluatedItems"})
ARRAY = ITEMS | {"minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains"}
NAMES = frozenset({"properties", "patternProperties", "additionalProperties", "unevaluatedProperties"})
OBJECT = NAMES | {
    "required", "minProperties", "maxProperties", "propertyNames", "dependentRequired", "dependentSchemas",
}  # fmt: skip
OWNED = ANY_KIND | NUMBER | STRING | ARRAY | OBJECT
"""Everything that some rule of the prover reads."""

APPLICATORS = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"})
SEEN_BY_UNEVALUATED = {
    "unevaluatedProperties": APPLICATORS | NAMES,
    "unevaluatedItems": APPLICATORS | ITEMS | {"contains", "minContains", "maxContains"},
}
"""What else `unevaluated*` looks at: with one of the applicators beside it, it can only stay as it is."""

FORGOTTEN_WITH_ALTERNATIVES = ("unevaluatedProperties", "unevaluatedItems")
"""Not carried into the alternatives of a node: there they would not see what the other ones evaluate."""


def foreign(node: Node) -> dict[str, Any]:
    """The keywords of a node that no rule of the prover reads and that may restrict values."""
    return {
        name: value
        for name, value in node.items()
        if name not in OWNED and name not in ANNOTATIONS and name not in IGNORED and not name.startswith("x-")
    }


def looks_around(node: Node, keyword: str) -> bool:
    """Whether `unevaluated*` stands beside alternatives or conditions, if the prover does not own it."""
    found = set(node)
    beside = APPLICATORS | {"contains"} if keyword == "unevaluatedItems" else APPLICATORS
    return keyword in node and bool(found & beside)


def unchanged(left: Node, right: Node, keyword: str) -> bool:
    """Whether `unevaluated*` and all that it looks at are written alike on both sides."""
    seen = SEEN_BY_UNEVALUATED[keyword] | {keyword}
    ours = {name: left[name] for name in seen if name in left}
    theirs = {name: right[name] for name in seen if name in right}
    return alike(ours, theirs)
