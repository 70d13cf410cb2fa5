"""Is a field that went and a field that came the same field under another name? A score between 0 and 1."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

SURE = 0.62
"""Least score of a pair that is called a rename; measured on the real pairs (see docs/change-classifier.md)."""
MAX_COMPARED = 40
SAYS_NOTHING = frozenset({"description", "default", "deprecated", "readOnly", "writeOnly"})


@dataclass(frozen=True, slots=True)
class NamedField:
    """A field: its name, what it must fit, and its place among its neighbours from 0 to 1."""

    name: str
    schema: Any
    position: float


def pairs(lost: Sequence[NamedField], gained: Sequence[NamedField]) -> list[tuple[int, int, float]]:
    """Index pairs (lost, gained) with their scores, best first, each index used once."""
    if not lost or not gained or len(lost) > MAX_COMPARED or len(gained) > MAX_COMPARED:
        return []
    scored = sorted(
        ((score(a, b), i, j) for i, a in enumerate(lost) for j, b in enumerate(gained)), key=lambda item: -item[0]
    )
    found: list[tuple[int, int, float]] = []
    for value, i, j in scored:
        free = all(i != a and j != b for a, b, _ in found)
        if value >= SURE and free:
            found.append((i, j, value))
    return found


def score(old: NamedField, new: NamedField) -> float:
    """Half name, a third schema, the rest position; other types are never one field."""
    alike = schema_likeness(old.schema, new.schema)
    if alike == 0:
        return 0.0
    place = 1 - abs(old.position - new.position)
    return 0.5 * name_likeness(old.name, new.name) + 0.35 * alike + 0.15 * place


def name_likeness(old: str, new: str) -> float:
    """1 for names that differ only in case and separators; else by shared words; prop1 and prop2 are neighbours."""
    left, right = words(old), words(new)
    if "".join(left) == "".join(right):
        return 1.0
    numbered = [word for word in (*left, *right) if word.isdigit()]
    if numbered and [w for w in left if not w.isdigit()] == [w for w in right if not w.isdigit()]:
        return 0.2
    shared = len(set(left) & set(right)) / len(set(left) | set(right))
    held = (
        min(len(left), len(right)) / max(len(left), len(right))
        if set(left) <= set(right) or set(right) <= set(left)
        else 0.0
    )
    return max(shared, 0.9 * held, 0.85 * SequenceMatcher(None, "".join(left), "".join(right)).ratio() ** 2)


def words(name: str) -> list[str]:
    """The words of a name, in lower case and singular: max_output_tokens and maxOutputTokens are the same three."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return [part.lower().rstrip("s") or part.lower() for part in parts] or [name.lower()]


def schema_likeness(old: Any, new: Any) -> float:
    """1 for equal schemas, 0 for schemas of different types, in between by shared keywords."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return 0.5
    left = {name: value for name, value in old.items() if name not in SAYS_NOTHING}
    right = {name: value for name, value in new.items() if name not in SAYS_NOTHING}
    types = left.get("type"), right.get("type")
    if None not in types and not set(types[0] or ()) & set(types[1] or ()):
        return 0.0
    keys = set(left) | set(right)
    if not keys:
        return 0.6
    equal = sum(1 for key in keys if key in left and key in right and _alike(left[key], right[key]))
    return 0.3 + 0.7 * equal / len(keys)


def _alike(left: Any, right: Any) -> bool:
    if left is right:
        return True
    if isinstance(left, dict) and isinstance(right, dict):
        return set(left) == set(right)
    return (
        bool(left == right)
        if not isinstance(left, list) or not any(isinstance(v, dict) for v in left)
        else len(left) == len(right)
    )
