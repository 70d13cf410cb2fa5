"""JSON Schema 2020-12 of one model spec, for editors and /api/spec-schema. `spec_file.read` checks more."""

from typing import Any

from registry.protocols.compiler.catalog import ALIASES
from registry.spec import TASKS_BY_TYPE
from registry.specfile.params import CONSTRAINT_KEYS, MAX_PARAMETERS, PARAMETER_KEYS, TYPES
from registry.specfile.reading import READERS, REQUIRED, TYPE_ALIASES
from registry.specfile.values import MAX_ENDPOINTS, MAX_SECONDS, NAME, PARAMETER, SIZE, TAG, UPSTREAM

Schema = dict[str, Any]


def any_case(words: list[str]) -> Schema:
    """Text that is one of `words` in any case."""
    pattern = "|".join("".join(map(either_case, word)) for word in words)
    return {"anyOf": [{"enum": words}, {"type": "string", "pattern": f"^\\s*({pattern})\\s*$"}]}


def either_case(letter: str) -> str:
    """A regular expression for `letter` in both cases."""
    return f"[{letter.upper()}{letter}]" if letter.isalpha() else letter.replace(".", "[.]")


def text(limit: int, description: str, pattern: str = "") -> Schema:
    """Text of at most `limit` characters."""
    found: Schema = {"type": "string", "maxLength": limit, "description": description}
    return {**found, "pattern": f"^{pattern}$"} if pattern else found


def closed(keys: dict[str, Schema], description: str, required: tuple[str, ...] = ()) -> Schema:
    """A mapping with these keys only."""
    found: Schema = {"type": "object", "description": description, "properties": keys, "additionalProperties": False}
    return {**found, "required": list(required)} if required else found


def limits(description: str) -> Schema:
    """[low, high], null for open."""
    return {
        "type": "array",
        "items": {"type": ["number", "null"]},
        "minItems": 2,
        "maxItems": 2,
        "description": description,
    }


SECONDS: Schema = {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_SECONDS}
BYTES: Schema = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^\\s*{SIZE}\\s*$"}]}
ENDPOINT = text(500, "Base address: http(s)://host[:port][/path]; no user, query or fragment.", "https?://[!-~]+")
OUTSIDE: Schema = {
    "enum": ["refuse", "clamp"],
    "default": "refuse",
    "description": "What happens beyond range or options.",
}

PARAMETER_SCHEMA = closed(
    {
        "type": {**any_case(list(TYPES)), "description": "float, int, bool, string, array or object."},
        "default": {"description": "Sent where the caller gives nothing."},
        "range": limits("Lowest and highest value, inclusive; null leaves a side open."),
        "options": {"type": "array", "minItems": 1, "maxItems": 200, "description": "The allowed values."},
        "required": {"type": "boolean", "default": False},
        "upstream": text(400, "The upstream's name; dotted where it is nested.", UPSTREAM),
        "convert": closed(
            {"range": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}},
            "The upstream's range, onto which this one is stretched.",
            ("range",),
        ),
        "values": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 200,
            "description": "Caller's value: upstream's.",
        },
        "outside": OUTSIDE,
        "description": text(2000, "For people."),
    },
    "One parameter that callers may give.",
    ("type",),
)
assert tuple(PARAMETER_SCHEMA["properties"]) == PARAMETER_KEYS

CONSTRAINT_SCHEMA = closed(
    {
        "exclusive": {"type": "array", "items": text(64, "A parameter."), "minItems": 2, "uniqueItems": True},
        "requires": text(64, "The parameter that must lie in `range`."),
        "range": limits("Where `requires` must lie."),
        "when": text(64, "The parameter that sets the condition."),
        "above": {"type": "number", "description": "The condition holds where `when` is above this."},
        "outside": OUTSIDE,
    },
    "Parameters that exclude each other, or a range that holds under a condition.",
)
assert tuple(CONSTRAINT_SCHEMA["properties"]) == CONSTRAINT_KEYS

SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "/api/spec-schema",
    "title": "Model spec",
    **closed(
        {
            "name": text(200, "The public name that applications call.", NAME),
            "type": {**any_case([*TASKS_BY_TYPE, *TYPE_ALIASES]), "description": "What the model does."},
            "protocol": {**any_case(sorted(ALIASES)), "description": "The wire format that its server speaks."},
            "endpoint": {
                "anyOf": [ENDPOINT, {"type": "array", "items": ENDPOINT, "minItems": 1, "maxItems": MAX_ENDPOINTS}],
                "description": "Where it is served; a list means replicas.",
            },
            "params": {
                "type": "object",
                "maxProperties": MAX_PARAMETERS,
                "propertyNames": {"pattern": f"^{PARAMETER}$"},
                "additionalProperties": PARAMETER_SCHEMA,
                "description": "Parameters by name.",
            },
            "constraints": {"type": "array", "maxItems": 50, "items": CONSTRAINT_SCHEMA},
            "resources": closed(
                {"gpu_memory": BYTES, "vram_per_token": BYTES}, "What one replica needs, such as 12GB or 0.003GB."
            ),
            "timeouts": closed(
                dict.fromkeys(("connect", "first_byte", "idle", "total"), SECONDS), "Limits in seconds."
            ),
            "upstream_model": text(200, "The model's name at the upstream; the public name where left out."),
            "credential": text(200, "The name of a stored credential; never the secret itself.", NAME),
            "tags": {"type": "array", "maxItems": 64, "items": text(64, "A tag.", TAG)},
            "aliases": {"type": "array", "maxItems": 64, "items": text(200, "Another public name.", NAME)},
            "owner": text(150, "Who answers for the model."),
            "description": text(2000, "For people."),
            "strict": {"type": "boolean", "default": False, "description": "Refuse instead of clamping or dropping."},
        },
        "One model; a file holds a list of them under models:.",
        REQUIRED,
    ),
}
assert tuple(SCHEMA["properties"]) == tuple(READERS)
