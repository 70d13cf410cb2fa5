"""Names for the indices of a vector: code says `weights[MeritWeight.BACKLOG]`, and an insertion shifts nothing."""

from enum import IntEnum
from typing import Any, Self

SCORE = 0
"""The index of a score that has no parts."""


class NamedIndex(IntEnum):
    """An index into a vector of numbers, counted from 0 in the order of the class body, the one list of them.

    `about` is what stands behind the name in the body: a unit, a default. Machine code takes a member as an integer.
    """

    about: Any

    def __new__(cls, about: Any) -> Self:
        """The next index."""
        index = int.__new__(cls, len(cls.__members__))
        index._value_ = len(cls.__members__)
        index.about = about
        return index


def names(indices: type[NamedIndex]) -> tuple[str, ...]:
    """The names in lower case, in order."""
    return tuple(index.name.lower() for index in indices)


def defaults(indices: type[NamedIndex]) -> dict[str, Any]:
    """What stands behind each name, by names in lower case, in order."""
    return {index.name.lower(): index.about for index in indices}
