"""Bounds of integers as whole numbers: what lies between two of them is never meant."""

import math
from fractions import Fraction

from versions.diff.schema.reading.node import Node


def whole_bounds(node: Node) -> Node:
    """Bounds of an integer as the whole numbers that they allow."""
    result = {name: value for name, value in node.items() if name not in ("exclusiveMinimum", "exclusiveMaximum")}
    lows = [math.ceil(_exact(node["minimum"]))] if "minimum" in node else []
    if "exclusiveMinimum" in node:
        lows.append(math.floor(_exact(node["exclusiveMinimum"])) + 1)
    highs = [math.floor(_exact(node["maximum"]))] if "maximum" in node else []
    if "exclusiveMaximum" in node:
        highs.append(math.ceil(_exact(node["exclusiveMaximum"])) - 1)
    if lows:
        result["minimum"] = max(lows)
    if highs:
        result["maximum"] = min(highs)
    return result


def _exact(value: float) -> Fraction:
    return Fraction(str(value))
