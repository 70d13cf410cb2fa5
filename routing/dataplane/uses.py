"""Which declared parameters a call gave, so that a change can be held against what callers really send. Never a body.

A value is noted if it is a short number or flag, or one of the words that the spec lists; of others only the name is.
"""

from collections.abc import Mapping

from msgspec import Raw

from registry.spec import Spec

LONGEST_VALUE = 64
"""Bytes of JSON."""
UNSAID = Raw(b"[]")
"""Stands for a value that is not noted."""
SYNONYMS = ("max_tokens", "max_completion_tokens")
_PLAIN = ("float", "int", "bool")


def uses_of(spec: Spec) -> Mapping[str, tuple[str, bool]]:
    """For each field that gives a declared parameter: the parameter's name, and whether its value is noted."""
    found = {item.name: (item.name, item.type in _PLAIN or bool(item.options)) for item in spec.params}
    for name, other in (SYNONYMS, SYNONYMS[::-1]):
        if name in found:
            found.setdefault(other, found[name])
    return found


def used(uses: Mapping[str, tuple[str, bool]], fields: Mapping[str, Raw]) -> dict[str, Raw]:
    """What a call's `fields` give, by parameter. The values are copies, so that no body is kept."""
    given: dict[str, Raw] = {}
    for name, raw in fields.items():
        use = uses.get(name)
        if use is not None:
            given[use[0]] = raw.copy() if use[1] and len(raw) <= LONGEST_VALUE else UNSAID
    return given
