"""From the name that a caller gave to the model that it means, and whether a key may call it."""

from collections.abc import Mapping
from fnmatch import fnmatchcase


def canonical(name: str, models: Mapping[str, object], aliases: Mapping[str, str]) -> str | None:
    """The model that a caller's `name` means, by name or alias; None if there is none."""
    if name in models:
        return name
    meant = aliases.get(name)
    return meant if meant in models else None


def permitted(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a key with these name patterns (`*` and `?`; empty means every model) may call `name`."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
