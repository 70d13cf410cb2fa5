"""Whether two nodes are written alike, references followed; recursion is taken for equal."""

from typing import Any

from versions.diff.schema.reader import Node

MAX_STEPS = 1500


class _TooLarge(Exception):
    """More was compared than a quick look is worth."""


def alike(left: Node, right: Node) -> bool:
    """Whether two nodes say the same in the same words; false also where that takes too long to see."""
    try:
        return _Looker().same(left, right)
    except _TooLarge:
        return False


class _Looker:
    """One look: the pairs that are being compared, and how much was compared."""

    def __init__(self) -> None:
        self._assumed: set[tuple[int, int]] = set()
        self._steps = 0

    def same(self, left: Any, right: Any) -> bool:
        """Whether two parts are written alike."""
        if left is right:
            return True
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _TooLarge
        if isinstance(left, dict) and isinstance(right, dict):
            pair = (id(left), id(right))
            if pair in self._assumed:
                return True
            self._assumed.add(pair)
            return left.keys() == right.keys() and all(self.same(value, right[name]) for name, value in left.items())
        if isinstance(left, list) and isinstance(right, list):
            return len(left) == len(right) and all(self.same(a, b) for a, b in zip(left, right, strict=True))
        return type(left) is type(right) and bool(left == right)
