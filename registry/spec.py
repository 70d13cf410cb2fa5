"""The YAML model spec as frozen values. Parsing, checks and every error are in registry.specfile."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from registry.canon import Task
from registry.lifecycle import Lifecycle


@dataclass(frozen=True, slots=True)
class UnitConversion:
    """Linear map of ranges: sent = upstream_low + (given - low) * (upstream width / caller's width)."""

    upstream_low: float
    upstream_high: float


@dataclass(frozen=True, slots=True)
class Parameter:
    """One caller-facing parameter. `outside` says what happens beyond `low`/`high`/`options`: "refuse" or "clamp".

    `type` is one of float, int, bool, string, array, object. `upstream` is the upstream's name if it differs;
    `values` maps a caller's option to the upstream's. One that is not `sent` is taken from callers and dropped.
    """

    name: str
    type: str
    default: Any = None
    has_default: bool = False
    required: bool = False
    low: float | None = None
    high: float | None = None
    options: tuple[Any, ...] = ()
    values: tuple[tuple[Any, Any], ...] = ()
    upstream: str | None = None
    conversion: UnitConversion | None = None
    outside: str = "refuse"
    sent: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A condition over parameters. `kind` is "exclusive" (at most one of `parameters`) or "requires".

    "requires": if `when` is beyond `above`, `parameters[0]` must lie in `low`..`high`.
    """

    kind: str
    parameters: tuple[str, ...]
    when: str | None = None
    above: float | None = None
    low: float | None = None
    high: float | None = None
    outside: str = "refuse"


@dataclass(frozen=True, slots=True)
class Resources:
    """What one replica needs, in bytes."""

    gpu_memory: int | None = None
    vram_per_token: int | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds: connect, first byte, silence between chunks, whole call."""

    connect: float = 3.0
    first_byte: float = 60.0
    idle: float = 60.0
    total: float = 600.0


@dataclass(frozen=True, slots=True)
class Spec:
    """One model. `type` and `protocol` are canonical lower case; `endpoints` are replicas, at least one."""

    name: str
    type: str
    protocol: str
    endpoints: tuple[str, ...]
    upstream_model: str
    params: tuple[Parameter, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    resources: Resources = Resources()
    timeouts: Timeouts = Timeouts()
    credential: str | None = None
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    owner: str = ""
    description: str = ""
    strict: bool = False
    deprecated: datetime | None = None
    sunset: datetime | None = None

    @property
    def lifecycle(self) -> Lifecycle:
        """The dates of its end that this spec says."""
        return Lifecycle(self.deprecated, self.sunset)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that a model of this type answers."""
        return TASKS_BY_TYPE[self.type]


TASKS_BY_TYPE: dict[str, tuple[Task, ...]] = {
    "llm": (Task.CHAT, Task.COMPLETION),
    "embedding": (Task.EMBEDDING,),
    "rerank": (Task.RERANK,),
    "image": (Task.IMAGE,),
    "speech": (Task.SPEECH,),
    "transcription": (Task.TRANSCRIPTION,),
    "moderation": (Task.MODERATION,),
    "classification": (Task.CLASSIFICATION,),
    "detection": (Task.DETECTION,),
    "tensor": (Task.TENSOR,),
}
