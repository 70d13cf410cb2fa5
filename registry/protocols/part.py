"""What every mapping of a protocol document is."""

from msgspec import Struct


class Part(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A mapping of a protocol document; an unknown key is an error."""
