"""The facts behind two numbers of a device: why its clocks are held down, and what its driver's last error means."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class ThrottleReason:
    """One bit of the mask: a short name and what it means, each in English and Chinese; `calm` if it is no trouble.

    `key` is how rules of alerts name it.
    """

    bit: int
    key: str
    name: dict[str, str]
    calm: bool
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class XidError:
    """One XID error of NVIDIA's driver: what it means, and `act`, the key of what helps."""

    number: int
    en: str
    zh: str
    act: str


def _read(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.load((Path(__file__).parent / name).read_text(), Loader=yaml.CSafeLoader)
    return found


THROTTLE_REASONS = tuple(ThrottleReason(**one) for one in _read("throttle_reasons.yaml"))
BITS = {one.key: one.bit for one in THROTTLE_REASONS}
"""The bit of each reason, by its key."""
XIDS = {one["number"]: XidError(**one) for one in _read("xids.yaml")}


def held_by(mask: float) -> list[ThrottleReason]:
    """The reasons in a mask; a bit that no reason has comes last, told as it is."""
    bits = int(mask)
    found = [one for one in THROTTLE_REASONS if bits & one.bit]
    rest = bits & ~sum(one.bit for one in THROTTLE_REASONS)
    if rest:
        name = f"0x{rest:x}"
        found.append(ThrottleReason(rest, name, {"en": name, "zh": name}, False, _UNKNOWN["en"], _UNKNOWN["zh"]))
    return found


_UNKNOWN = {"en": "A reason that this version of Patchbay does not know.", "zh": "此版本的 Patchbay 不认识的原因。"}
