"""The series that rules can name: of devices, of models in model servers, of models, and of telemetry sources."""

from dataclasses import dataclass
from typing import Literal

from routing.samples.dimensions import DIMENSIONS, ENGINE_DIMENSIONS

SubjectKind = Literal["device", "engine", "model", "source"]
KINDS: tuple[SubjectKind, ...] = ("device", "engine", "model", "source")
LABELS: dict[SubjectKind, tuple[str, ...]] = {
    "device": ("node", "vendor", "model", "index", "state", "emulated"),
    "engine": ("endpoint", "model", "source"),
    "model": ("model", "type", "protocol", "owner", "state"),
    "source": ("source", "emulated"),
}
"""Labels that every subject of a kind has; a device also has those of its node and its own."""


@dataclass(frozen=True, slots=True)
class SeriesFact:
    """What is known of a series: whose it is, its unit (see UNITS), and whether it only grows."""

    name: str
    kind: SubjectKind
    unit: str
    counter: bool = False


OURS = (
    SeriesFact("device_silent_seconds", "device", "seconds"),
    SeriesFact("engine_silent_seconds", "engine", "seconds"),
    SeriesFact("source_silent_seconds", "source", "seconds"),
    SeriesFact("source_unreachable", "source", "flag"),
    SeriesFact("source_complaints", "source", "number"),
    SeriesFact("model_calls_per_second", "model", "per_second"),
    SeriesFact("model_error_ratio", "model", "ratio"),
    SeriesFact("model_calls_in_flight", "model", "number"),
    SeriesFact("model_calls_waiting", "model", "number"),
    SeriesFact("model_ready", "model", "flag"),
)
"""Series beside those of telemetry: silence since the last news, what a source says of itself, and calls."""


def _facts() -> dict[str, SeriesFact]:
    found = {fact.name: fact for fact in OURS}
    for kind, dimensions in (("device", DIMENSIONS), ("engine", ENGINE_DIMENSIONS)):
        for series in (series for one in dimensions for series in one.series):
            subject: SubjectKind = "device" if kind == "device" else "engine"
            found[series.name] = SeriesFact(series.name, subject, series.unit, series.kind == "counter")
    return found


FACTS = _facts()
