"""Writes the tables of docs/telemetry.md anew from the facts: `python -m tests.telemetry_table`."""

from collections.abc import Iterable
from pathlib import Path

from routing.samples.dimensions import DIMENSIONS, ENGINE_DIMENSIONS, Dimension
from routing.samples.readings import TelemetrySource
from routing.telemetry import DEVICE_SOURCES, ENGINE_SOURCES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "telemetry.md"
TABLES = (
    ("<!-- devices -->", "<!-- /devices -->", DIMENSIONS, DEVICE_SOURCES),
    ("<!-- engines -->", "<!-- /engines -->", ENGINE_DIMENSIONS, ENGINE_SOURCES),
)


def table(dimensions: Iterable[Dimension], sources: dict[str, TelemetrySource]) -> str:
    """A row for each series: its dimension, unit, kind, and the metrics of each source that give it."""
    lines = [f"| # | Series | Unit | Kind | {' | '.join(sources)} |", "| --- " * (4 + len(sources)) + "|"]
    for dimension in dimensions:
        for series in dimension.series:
            given = " | ".join(_metrics(source, series.name) for source in sources.values())
            lines.append(f"| {dimension.number} | `{series.name}` | {series.unit} | {series.kind} | {given} |")
    return "\n".join(lines)


def _metrics(source: TelemetrySource, series: str) -> str:
    names = [metric for metric, rules in source.rules.items() if any(rule.series == series for rule in rules)]
    return (
        ", ".join(f"`{name}`" for name in names if name.removeprefix("amd_") not in names or "amd_" not in name) or "-"
    )


def written(text: str) -> str:
    """The page with its tables anew."""
    for begin, end, dimensions, sources in TABLES:
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n{table(dimensions, sources)}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
