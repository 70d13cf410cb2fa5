"""The facts of telemetry: dimensions with their meaning, their series, and which values a series may have."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

Kind = Literal["gauge", "state", "counter"]
UNITS: dict[str, tuple[float, float]] = {
    "ratio": (0.0, 1.0),
    "bytes": (0.0, 2.0**44),
    "bytes_counted": (0.0, 2.0**64),
    "bytes_per_second": (0.0, 1e13),
    "celsius": (-60.0, 250.0),
    "watts": (0.0, 10_000.0),
    "joules": (0.0, 1e14),
    "hertz": (0.0, 1e11),
    "seconds": (0.0, 1e11),
    "volts": (0.0, 20.0),
    "number": (0.0, 2.0**53),
    "per_second": (0.0, 1e9),
    "bits": (0.0, 2.0**53),
    "flag": (0.0, 1.0),
}
"""The least and the greatest value of each unit: what lies outside is a source's error, not a measurement."""


@dataclass(frozen=True, slots=True)
class TelemetrySeries:
    """One number of a dimension. `position` numbers all series of devices and engines, and never changes."""

    name: str
    unit: str
    kind: Kind
    position: int

    def fault(self, value: float) -> str:
        """Which of `faults.FAULTS` is wrong with `value`, in the unit of the series; empty if it can be true."""
        low, high = UNITS[self.unit]
        if not math.isfinite(value):
            return "not a number"
        if low == 0.0 and value < 0.0:
            return "negative"
        return "" if low <= value <= high else "out of range"

    def meant(self, value: float) -> float:
        """The value without the digits that say nothing: gauges travel as float32, which holds seven."""
        return value if self.kind != "gauge" or value == int(value) else float(f"{value:.7g}")


@dataclass(frozen=True, slots=True)
class Dimension:
    """A thing that is watched: what it means, in English and Chinese, and its series."""

    number: int
    name: str
    en: str
    zh: str
    series: tuple[TelemetrySeries, ...]


def _read(name: str, position: int) -> tuple[Dimension, ...]:
    found: list[Dimension] = []
    for one in yaml.load((Path(__file__).parent / name).read_text(), Loader=yaml.CSafeLoader):
        series = [TelemetrySeries(**given, position=position + index) for index, given in enumerate(one.pop("series"))]
        position += len(series)
        found.append(Dimension(**one, series=tuple(series)))
    return tuple(found)


ENGINE = "engine:"
"""What the subject of a model in a model server begins with; a device's subject is its uuid."""
FIRST_ENGINE_POSITION = 100
DIMENSIONS = _read("dimensions.yaml", 0)
"""The twenty-seven of a device."""
ENGINE_DIMENSIONS = _read("engines.yaml", FIRST_ENGINE_POSITION)
"""Those of a model in a model server."""
SERIES = {series.name: series for one in (*DIMENSIONS, *ENGINE_DIMENSIONS) for series in one.series}
DIMENSION_OF = {series.name: one for one in (*DIMENSIONS, *ENGINE_DIMENSIONS) for series in one.series}
"""The dimension of each series, by the name of the series."""
BY_POSITION = {series.position: series for series in SERIES.values()}
