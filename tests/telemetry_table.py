"""Writes the tables of docs/telemetry.md anew from the facts: `python -m tests.telemetry_table`."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from routing.samples.dimensions import DIMENSIONS, ENGINE_DIMENSIONS, Dimension
from routing.samples.readings import TelemetrySource
from routing.telemetry import DEVICE_SOURCES, ENGINE_SOURCES, nvml

PAGE = Path(__file__).resolve().parent.parent / "docs" / "telemetry.md"
Names = Callable[[str], Iterable[str]]
"""What a source calls a series."""


def of_exporter(source: TelemetrySource) -> Names:
    """The metrics of a scraped source that give a series, without the second names that a prefix makes."""

    def names(series: str) -> list[str]:
        found = [metric for metric, rules in source.rules.items() if any(rule.series == series for rule in rules)]
        return [name for name in found if name.removeprefix("amd_") not in found or "amd_" not in name]

    return names


EXPORTERS = {name: of_exporter(source) for name, source in DEVICE_SOURCES.items()}
ENGINES = {name: of_exporter(source) for name, source in ENGINE_SOURCES.items()}
TABLES = (
    ("<!-- devices -->", "<!-- /devices -->", DIMENSIONS, {"nvml": nvml.names, **EXPORTERS}),
    ("<!-- engines -->", "<!-- /engines -->", ENGINE_DIMENSIONS, ENGINES),
)


def table(dimensions: Iterable[Dimension], sources: Mapping[str, Names]) -> str:
    """A row for each series: its dimension, unit, kind, and what each source that gives it calls it."""
    lines = [f"| # | Series | Unit | Kind | {' | '.join(sources)} |", "| --- " * (4 + len(sources)) + "|"]
    for dimension in dimensions:
        for series in dimension.series:
            given = " | ".join(_told(names(series.name)) for names in sources.values())
            lines.append(f"| {dimension.number} | `{series.name}` | {series.unit} | {series.kind} | {given} |")
    return "\n".join(lines)


def _told(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"


def written(text: str) -> str:
    """The page with its tables anew."""
    for begin, end, dimensions, sources in TABLES:
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n{table(dimensions, sources)}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
