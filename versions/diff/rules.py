"""The rule table: `rules.yaml` read once into frozen rows, and findings that follow from a row alone."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from versions.diff.findings import DiffFinding, Direction, Effect, Severity, fingerprint
from versions.diff.loading import load

TABLE = Path(__file__).with_name("rules.yaml")


@dataclass(frozen=True, slots=True)
class DiffRule:
    """One row: its number, its key in code, its verdicts, and its words."""

    number: int
    key: str
    effect: Effect
    request: Severity
    response: Severity
    en: str
    zh: str
    convention: str = ""
    notice: bool = False

    def severity(self, direction: Direction) -> Severity:
        """The row's verdict for one direction."""
        return self.request if direction is Direction.REQUEST else self.response

    def words(self, **values: Any) -> tuple[str, str]:
        """The English and the Chinese sentence."""
        return self.en.format_map(values), self.zh.format_map(values)


@cache
def table() -> dict[str, DiffRule]:
    """Every row by its key."""
    rows = load(TABLE.read_text(encoding="utf-8"))["rules"]
    return {row["key"]: _rule(row) for row in rows}


def _rule(row: dict[str, Any]) -> DiffRule:
    return DiffRule(
        row["id"], row["key"], Effect(row["effect"]), Severity(row["request"]), Severity(row["response"]),
        row["en"], row["zh"], row.get("convention", ""), bool(row.get("notice")),
    )  # fmt: skip


def fact(
    key: str, direction: Direction, use: str, name: str, change: tuple[Any, Any], pointers: tuple[str, str] = ("", "")
) -> DiffFinding:
    """A finding that no schema place stands behind; `change` is what was and what is."""
    old, new = change
    rule = table()[key]
    en, zh = rule.words(name=name, old=_word(old), new=_word(new))
    mark = fingerprint(key, direction.value, use, name, _word(old), _word(new))
    return DiffFinding(
        rule=rule.number, key=key, severity=rule.severity(direction), effect=Effect(rule.effect), direction=direction,
        use=use, path=name, old_pointer=pointers[0], new_pointer=pointers[1], en=en, zh=zh,
        fingerprint=mark, notice=rule.notice,        old=old, new=new,
    )  # fmt: skip


def _word(value: Any) -> str:
    text = "—" if value is None else value if isinstance(value, str) else repr(value)
    return text if len(text) <= 120 else text[:119] + "…"
