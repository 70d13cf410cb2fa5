"""What each field of a node or a device may hold, wherever it comes from: a person, a file, a collector."""

from collections.abc import Callable, Mapping
from typing import Any

from controlplane.base.messages import Sentence
from registry.specfile.errors import show

Reader = Callable[[Any], Any]
MOST_BYTES = 2**50
MOST_LABELS = 50
MOST_LINKS = 200
VENDORS = ("nvidia", "amd", "ascend", "intel", "emulated", "other")


class Unfit(ValueError):
    """A value that a field cannot hold; `expected` says what it can."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected

    def told(self, field: str, value: Any) -> Sentence:
        """What is wrong, in a sentence."""
        return Sentence(
            "{field} is {value}; expected {expected}", field=field, value=show(value), expected=self.expected
        )


def text(least: int, most: int) -> Reader:
    """A reader of printable text of so many characters."""

    def read(value: Any) -> str:
        found = value.strip() if isinstance(value, str) else None
        if found is None or not least <= len(found) <= most or not found.isprintable():
            raise Unfit(Sentence("{least} to {most} printable characters", least=least, most=most))
        return found

    return read


def whole(least: int, most: int) -> Reader:
    """A reader of a whole number within bounds, or none."""

    def read(value: Any) -> int | None:
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Unfit(Sentence("a whole number from {least} to {most}", least=least, most=most))
        return value

    return read


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Unfit(Sentence("true or false"))
    return value


def watts(value: Any) -> float | None:
    """A power in watts, or none. Raises Unfit for NaN, infinity and what is not above 0."""
    if value is None:
        return None
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or not 0 < value <= 100_000:
        raise Unfit(Sentence("a number of watts above 0"))
    return float(value)


def vendor(value: Any) -> str:
    """A known maker."""
    if not isinstance(value, str) or value not in VENDORS:
        raise Unfit(Sentence("one of {known}", known=", ".join(VENDORS)))
    return value


def labels(value: Any) -> dict[str, str]:
    """Labels: a mapping of short text to short text, in the order of their names."""
    expected = Sentence("a mapping of at most {most} short texts to short texts", most=MOST_LABELS)
    if not isinstance(value, dict) or len(value) > MOST_LABELS:
        raise Unfit(expected)
    for name, content in value.items():
        if not isinstance(content, str) or not _short(str(name)) or not (content == "" or _short(content)):
            raise Unfit(expected)
    return {str(name): value[name] for name in sorted(value)}


def links(value: Any) -> list[dict[str, str]]:
    """Links to other devices: mappings of `to` (a uuid) and `kind`, such as nvlink."""
    expected = Sentence("a list of mappings with to and kind")
    if not isinstance(value, list) or len(value) > MOST_LINKS:
        raise Unfit(expected)
    for link in value:
        if not isinstance(link, dict) or set(link) != {"to", "kind"}:
            raise Unfit(expected)
        if not all(isinstance(part, str) and _short(part) for part in link.values()):
            raise Unfit(expected)
    return sorted(
        ({"to": link["to"], "kind": link["kind"]} for link in value), key=lambda one: (one["to"], one["kind"])
    )


def _short(value: str) -> bool:
    return 0 < len(value) <= 100 and value.isprintable() and value == value.strip()


NODE: Mapping[str, Reader] = {"name": text(1, 200), "address": text(0, 300), "labels": labels, "emulated": flag}
DEVICE: Mapping[str, Reader] = {
    "vendor": vendor,
    "model": text(1, 200),
    "serial": text(0, 100),
    "index": whole(0, 100_000),
    "memory_bytes": whole(1, MOST_BYTES),
    "power_limit_w": watts,
    "links": links,
    "labels": labels,
}
"""Without the uuid, by which a device is known, and which never changes."""
UUID = text(1, 100)
MACHINE_ID = text(1, 100)
