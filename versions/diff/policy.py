"""The few things about which teams differ. Each knob has a default and one sentence."""

from dataclasses import dataclass, fields
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class DiffPolicy:
    """How strictly a difference is read. `sentence(name)` explains a knob; `from_mapping` reads one from JSON."""

    open_enums: tuple[str, ...] = ()
    readers_depend_on_bounds: bool = True
    unknown_fields_tolerated: bool = True
    price_rise_percent: float = 10.0
    unstable_levels: tuple[str, ...] = ("draft", "alpha")
    exact_one_of: bool | None = None
    today: date | None = None

    def at(self) -> date:
        """The day on which sunset and shutdown dates are judged."""
        return self.today or date.today()

    def is_open_enum(self, pointer: str, node: dict[str, Any]) -> bool:
        """Whether readers of this enum are known to accept new values."""
        if "x-extensible-enum" in node:
            return True
        return any(entry == node.get("format") or pointer.endswith(entry) for entry in self.open_enums)


SENTENCES: dict[str, tuple[str, str]] = {
    "open_enums": (
        "JSON pointers (or their ends) and formats whose readers accept values that they have never seen.",
        "这些 JSON 指针（或其结尾）与格式的读取方接受从未见过的枚举值。",
    ),
    "readers_depend_on_bounds": (
        "Readers rely on the limits of response values, so a wider limit breaks them.",
        "读取方依赖响应值的上下限，放宽上下限会影响它们。",
    ),
    "unknown_fields_tolerated": (
        "Nobody sends a name that an open object does not declare, and readers skip names that they do not know.",
        "没有调用方发送开放对象未声明的字段，读取方会忽略不认识的字段。",
    ),
    "price_rise_percent": (
        "A price may rise by this many per cent before a person is asked.",
        "价格上涨超过此百分比才需要人工确认。",
    ),
    "unstable_levels": (
        "Stability levels that promise nothing: what is marked so may change freely.",
        "这些稳定性级别不作任何承诺，标记为它们的接口可自由变更。",
    ),
    "exact_one_of": (
        "A value that matches two members of `oneOf` is refused; unset: yes.",
        "同时匹配 `oneOf` 两个成员的值会被拒绝；未设置时为是。",
    ),
    "today": (
        "The day on which sunset and shutdown dates are judged; unset: the current one.",
        "用于判断停用日期的日期；未设置时为当天。",
    ),
}


def from_mapping(data: dict[str, Any]) -> DiffPolicy:
    """A policy from JSON; raises ValueError naming an unknown knob."""
    known = {item.name for item in fields(DiffPolicy)}
    unknown = sorted(set(data) - known)
    if unknown:
        raise ValueError(f"unknown policy knob {unknown[0]!r}; known: {', '.join(sorted(known))}")
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    if isinstance(values.get("today"), str):
        values["today"] = date.fromisoformat(str(values["today"]))
    return DiffPolicy(**values)
