"""Random schemas of every dialect: what the classifier is tried with.

Names belong to levels, so that a name means one place in a value, whatever refers to it.
"""

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from random import Random
from typing import Any

Schema = Any
LEVELS = (("a", "b", "c"), ("d", "e", "f"), ("g", "h"))
PATTERNS = ("a", "^a", "b$", "^[ab]*$", "^a+$", "^(a|b1)$", "^.{2,3}$", "1", "^a?$")
NAME_PATTERNS = ("^[ab]$", "^a", "[c-f]", "^.$", "b|e")
FORMATS = ("date", "date-time", "uuid", "email", "int32", "int64")
SCALARS: list[Any] = [None, True, False, 0, 1, 2, 3, 5, -1, 0.5, 1.5, "", "a", "ab", "b1", "aa", "b", "1"]
DRAFTS = {
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
    "draft-07": "http://json-schema.org/draft-07/schema#",
    "draft-06": "http://json-schema.org/draft-06/schema#",
    "draft-04": "http://json-schema.org/draft-04/schema#",
}
DIALECTS = (*DRAFTS, "openapi-3.0")
SINCE_06 = frozenset({"const", "contains", "propertyNames", "boolean"})
SINCE_07 = frozenset({"if"})
NEWEST = frozenset({
    "prefixItems", "minContains", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems",
})  # fmt: skip
STRAY: tuple[tuple[str, Any], ...] = (
    ("const", 1), ("contains", {"type": "integer"}), ("propertyNames", {"maxLength": 1}), ("if", {"type": "integer"}),
    ("prefixItems", [{"type": "string"}]), ("dependentRequired", {"a": ["b"]}), ("unevaluatedProperties", False),
    ("dependencies", {"a": ["b"]}), ("minContains", 0), ("unevaluatedItems", False), ("nullable", True),
    ("patternProperties", {"^a": {"type": "string"}}),
)  # fmt: skip
"""Keywords with values that mean something in other dialects only."""
SINGLE = frozenset({"items", "not", "if", "then", "else", "contains", "additionalProperties"})
BEFORE_NEWEST = frozenset({"dependencies", "itemsList"})


def has(dialect: str, word: str) -> bool:
    """Whether a dialect has a keyword or a form."""
    if dialect == "openapi-3.0":
        return word not in SINCE_06 | SINCE_07 | NEWEST | BEFORE_NEWEST | {"patternProperties"}
    if word == "nullable":
        return False
    order = ("draft-04", "draft-06", "draft-07", "2020-12").index(dialect)
    if word in SINCE_06:
        return order >= 1
    if word in SINCE_07:
        return order >= 2
    if word in BEFORE_NEWEST:
        return order < 3
    return word not in NEWEST or order == 3


class Maker:
    """Makes schemas of one dialect from one source of randomness."""

    def __init__(self, random: Random, dialect: str) -> None:
        self.random = random
        self.dialect = dialect

    def chance(self, share: float) -> bool:
        """True in this share of the cases."""
        return self.random.random() < share

    def schema(self, level: int = 0, depth: int = 0) -> Schema:
        """A schema for values at a level of names."""
        if depth < 3 and level < 3 and self.chance(0.28):
            return self.combined(level, depth)
        kinds: list[Callable[[], Schema]] = [self.number, self.string, self.finite]
        if depth < 3 and level < 3:
            shaped = partial(self.object, level, depth)
            kinds += [shaped, shaped, partial(self.array, level, depth), *([shaped] * 4 if depth == 0 else [])]
        made = self.random.choice(kinds)()
        if isinstance(made, dict) and self.chance(0.06):
            made.pop("type", None)
        if isinstance(made, dict) and self.chance(0.04):
            word, value = self.random.choice(STRAY)
            if not has(self.dialect, word):
                made.setdefault(word, deepcopy(value))
        return self.annotated(made)

    def annotated(self, schema: Schema) -> Schema:
        """The same with notes, and null allowed as OpenAPI 3.0 writes it."""
        if not isinstance(schema, dict):
            return schema
        if self.dialect == "openapi-3.0" and "type" in schema and "enum" not in schema and self.chance(0.15):
            schema["nullable"] = True
        if self.chance(0.05):
            schema["description"] = "text"
        return schema

    def number(self) -> dict[str, Any]:
        """Limits and divisors."""
        words: dict[str, Any] = {"type": self.random.choice(["integer", "number"])}
        if self.chance(0.4):
            words["minimum"] = self.random.randint(-2, 3)
        if self.chance(0.4):
            words["maximum"] = self.random.randint(0, 5)
        if self.chance(0.2):
            low = self.random.choice(["Minimum", "Maximum"])
            if self.dialect in ("draft-04", "openapi-3.0"):
                if low.lower() in words:
                    words[f"exclusive{low}"] = True
            else:
                words[f"exclusive{low}"] = self.random.randint(-1, 4)
        if self.chance(0.2):
            words["multipleOf"] = self.random.choice([1, 2, 3, 0.5, 6])
        if self.chance(0.06):
            words["format"] = self.random.choice(FORMATS)
        return words

    def string(self) -> dict[str, Any]:
        """Lengths and patterns."""
        words: dict[str, Any] = {"type": "string"}
        if self.chance(0.35):
            words["minLength"] = self.random.randint(0, 3)
        if self.chance(0.35):
            words["maxLength"] = self.random.randint(0, 4)
        if self.chance(0.35):
            words["pattern"] = self.random.choice(PATTERNS)
        if self.chance(0.06):
            words["format"] = self.random.choice(FORMATS)
        return words

    def finite(self) -> Schema:
        """Enumerations and constants, everything and nothing."""
        pick = self.random.random()
        if pick < 0.55:
            values = self.random.sample(SCALARS, self.random.randint(1, 4))
            if self.chance(0.1):
                values.append(self.random.choice([[1], [True], {"a": 1}, {"a": True}, [], {}]))
            return {"enum": values}
        if pick < 0.75 and has(self.dialect, "const"):
            return {"const": self.random.choice(SCALARS)}
        if pick < 0.85:
            return {"type": self.random.choice(["boolean", "null"] if self.dialect != "openapi-3.0" else ["boolean"])}
        if pick < 0.92 or not has(self.dialect, "boolean"):
            return {}
        return self.random.choice([True, False, True])

    def array(self, level: int, depth: int) -> dict[str, Any]:
        """Items, counts, and what an array contains."""
        words: dict[str, Any] = {"type": "array"}
        if self.chance(0.7):
            words["items"] = self.schema(level, depth + 1)
        if self.chance(0.25):
            prefix = [self.schema(level, depth + 1) for _ in range(self.random.randint(1, 2))]
            if has(self.dialect, "prefixItems"):
                words["prefixItems"] = prefix
            elif has(self.dialect, "itemsList"):
                words["additionalItems"] = words.pop("items", {})
                words["items"] = prefix
        for word, share, high in (("minItems", 0.3, 2), ("maxItems", 0.3, 3)):
            if self.chance(share):
                words[word] = self.random.randint(0, high)
        if self.chance(0.15):
            words["uniqueItems"] = True
        if has(self.dialect, "contains") and self.chance(0.2):
            words["contains"] = self.schema(level, depth + 1)
        counted = ("minContains", "maxContains") if "contains" in words and has(self.dialect, "minContains") else ()
        for word in counted:
            if self.chance(0.3):
                words[word] = self.random.randint(0, 2)
        if has(self.dialect, "unevaluatedItems") and self.chance(0.08):
            words["unevaluatedItems"] = self.random.choice([False, {"type": "integer"}])
        return words

    def object(self, level: int, depth: int) -> dict[str, Any]:
        """Properties, and everything that is said about names."""
        names = LEVELS[level]
        chosen = self.random.sample(names, self.random.randint(0, len(names)))
        words: dict[str, Any] = {"type": "object", "properties": {n: self.property(level, depth) for n in chosen}}
        if self.chance(0.5):
            words["required"] = self.random.sample(names, self.random.randint(1, 2))
        if self.chance(0.3):
            words["additionalProperties"] = self.random.choice([False, False, {"type": "integer"}, {"type": "string"}])
        if has(self.dialect, "patternProperties") and self.chance(0.15):
            words["patternProperties"] = {self.random.choice(NAME_PATTERNS): self.schema(min(level + 1, 2), depth + 2)}
        for word, share, high in (("minProperties", 0.12, 2), ("maxProperties", 0.12, 3)):
            if self.chance(share):
                words[word] = self.random.randint(0, high)
        if has(self.dialect, "propertyNames") and self.chance(0.1):
            words["propertyNames"] = self.random.choice(
                [{"maxLength": 1}, {"enum": list(names[:2])}, {"pattern": "^[a-e]"}]
            )
        self.dependent(words, level, depth)
        if has(self.dialect, "unevaluatedProperties") and self.chance(0.1):
            words["unevaluatedProperties"] = self.random.choice([False, {"type": "integer"}])
        return words

    def property(self, level: int, depth: int) -> Schema:
        """The schema of a named value; some fields of OpenAPI travel in one direction only."""
        made = self.schema(min(level + 1, 2), depth + 1)
        if self.dialect == "openapi-3.0" and isinstance(made, dict) and self.chance(0.1):
            made[self.random.choice(["readOnly", "writeOnly"])] = True
        return made

    def dependent(self, words: dict[str, Any], level: int, depth: int) -> None:
        """What the presence of one name asks of others."""
        first, second = self.random.sample(LEVELS[level], 2)
        if self.chance(0.1):
            if has(self.dialect, "dependentRequired"):
                words["dependentRequired"] = {first: [second]}
            elif has(self.dialect, "dependencies"):
                words["dependencies"] = {first: [second]}
        if self.chance(0.08):
            schema = self.object(level, depth + 2) if depth < 2 else {"required": [second]}
            if has(self.dialect, "dependentSchemas"):
                words["dependentSchemas"] = {first: schema}
            elif has(self.dialect, "dependencies"):
                words.setdefault("dependencies", {})[first] = schema

    def combined(self, level: int, depth: int) -> Schema:
        """Alternatives, conjunctions, negations and conditions, often with siblings."""
        word = self.random.choice(["anyOf", "oneOf", "oneOf", "allOf", "not", "if", "tagged"])
        if word == "if" and not has(self.dialect, "if"):
            word = "anyOf"
        base = self.object(level, depth + 1) if self.chance(0.5) else {}
        if word == "tagged":
            return self.tagged(level, depth)
        if word == "not":
            return {**base, "not": self.schema(level, depth + 1)}
        if word == "if":
            made = {**base, "if": self.schema(level, depth + 1)}
            for branch in ("then", "else"):
                if self.chance(0.75):
                    made[branch] = self.schema(level, depth + 1)
            return made
        members = [self.schema(level, depth + 1) for _ in range(self.random.randint(1, 3))]
        return {**base, word: members}

    def tagged(self, level: int, depth: int) -> dict[str, Any]:
        """Alternatives that one constant tells apart."""
        tag, *others = LEVELS[level]
        members = []
        for value, name in zip(("x", "y"), others * 2, strict=False):
            properties = {tag: {"enum": [value]}, name: self.schema(min(level + 1, 2), depth + 2)}
            members.append({"type": "object", "properties": properties, "required": [tag]})
        made: dict[str, Any] = {self.random.choice(["anyOf", "oneOf"]): members}
        if self.dialect == "openapi-3.0" and self.chance(0.5):
            made["discriminator"] = {"propertyName": tag}
        return made
