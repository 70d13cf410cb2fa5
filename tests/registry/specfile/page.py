"""The tables of a spec's keys in docs/protocols.md: `python -m tests.registry.specfile.page` makes them anew."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from registry.specfile import rules
from registry.specfile.rules import Key, Kind

PAGE = Path(__file__).parents[3] / "docs" / "protocols.md"
TABLES: Mapping[str, tuple[Key, ...]] = {
    "spec": rules.SPEC,
    "resources": rules.RESOURCES,
    "timeouts": rules.TIMEOUTS,
    "parameter": rules.PARAMETER_KEYS,
    "constraint": rules.CONSTRAINT_KEYS,
}
FORMS = {
    rules.NAME: "1 to 200 of `A-Z a-z 0-9 . _ : / @ + -`, starting with a letter or digit",
    rules.PARAMETER_NAME: "a name of letters, digits, `_` and `-`, at most 64",
    rules.UPSTREAM_NAME: "such a name, or up to six of them with dots between",
    rules.TAG: "at most 64 characters without commas",
}
"""Patterns in words."""
TAKES: Mapping[type[Kind], Callable[[Any], str]] = {
    rules.NameKind: lambda kind: FORMS[kind.pattern],
    rules.TextKind: lambda kind: f"text, at most {kind.most:,} characters",
    rules.WordKind: lambda kind: f"{', '.join(kind.plain[:-1])} or {kind.plain[-1]}, in any case",
    rules.ChoiceKind: lambda kind: " or ".join(kind.known),
    rules.FlagKind: lambda kind: "true or false",
    rules.DateKind: lambda kind: "a date (its beginning in UTC), or a date-time with its zone (RFC 3339)",
    rules.TextsKind: lambda kind: (
        f"a list of {kind.least or 'at'} {'to' if kind.least else 'most'} {kind.most}, each {FORMS[kind.pattern]}"
    ),
    rules.AddressesKind: lambda kind: f"`http(s)://host[:port][/path]`, or a list of 1 to {kind.most} of them",
    rules.SizeKind: lambda kind: "a size such as 12GB or 512MiB, or a number of bytes",
    rules.NumberKind: lambda kind: f"{kind.unit}, more than 0, at most {kind.most:,}" if kind.most else "a number",
    rules.RangeKind: lambda kind: "`[low, high]`; null leaves a side open" if kind.open else "`[low, high]`",
    rules.OptionsKind: lambda kind: f"a list of 1 to {kind.most}",
    rules.PairsKind: lambda kind: f"a mapping of 1 to {kind.most}",
    rules.AnyKind: lambda kind: "a value of the type",
    rules.GroupKind: lambda kind: "a mapping of " + ", ".join(f"`{key.name}`" for key in kind.keys),
    rules.NamedKind: lambda kind: f"a mapping of at most {kind.most} names, below",
    rules.RowsKind: lambda kind: f"a list of at most {kind.most}, below",
}


def table(keys: tuple[Key, ...]) -> str:
    """Keys as a table in Markdown."""
    lines = ["| key | takes | meaning |", "| --- | --- | --- |"]
    for key in keys:
        takes = TAKES[type(key.kind)](key.kind)
        more = " Required." if key.required else f" Default: {told(key.default)}." if key.default is not None else ""
        lines.append(f"| `{key.name}` | {takes} | {key.meaning}.{more} |")
    return "\n".join(lines)


def told(default: str | float | bool) -> str:
    """A default as a spec writes it."""
    return str(default).lower() if isinstance(default, bool | str) else f"{default:g}"


def made(text: str) -> str:
    """The page with its tables made anew. Raises ValueError if there is no place for one."""
    for name, keys in TABLES.items():
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not mark or not end:
            raise ValueError(f"the page has no place for the table {name}")
        text = f"{before}{mark}{table(keys)}\n{end}{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(made(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
