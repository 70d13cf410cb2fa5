"""The rule table: `rules.yaml` read once into frozen rows."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from versions.diff.findings import Direction, Effect, Severity
from versions.diff.loading import load

TABLE = Path(__file__).with_name("rules.yaml")


@dataclass(frozen=True, slots=True)
class Rule:
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
def table() -> dict[str, Rule]:
    """Every row by its key."""
    rows = load(TABLE.read_text(encoding="utf-8"))["rules"]
    return {row["key"]: _rule(row) for row in rows}


def _rule(row: dict[str, Any]) -> Rule:
    return Rule(
        row["id"], row["key"], Effect(row["effect"]), Severity(row["request"]), Severity(row["response"]),
        row["en"], row["zh"], row.get("convention", ""), bool(row.get("notice")),
    )  # fmt: skip
