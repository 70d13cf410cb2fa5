"""The Table: everything that the data plane reads, frozen. Rebuilt and swapped whole when the revision moves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import random
from zlib import crc32

from registry.protocols.adapter import Adapter
from registry.spec import Spec, Timeouts
from registry.transports.target import Target


@dataclass(frozen=True, slots=True)
class Caller:
    """An API key as the data plane sees it. `models` are name patterns; empty means all. Times are Unix seconds.

    `replay`: its owner agreed that calls are kept, sealed, to try new releases on.
    """

    key_id: int
    name: str
    scopes: frozenset[str]
    models: tuple[str, ...] = ()
    strict: bool = False
    calls_per_minute: int | None = None
    max_concurrency: int | None = None
    expires_at: float | None = None
    replay: bool = False

    @property
    def limited(self) -> bool:
        """Whether its calls are counted."""
        return self.calls_per_minute is not None or self.max_concurrency is not None


@dataclass(frozen=True, slots=True)
class Replica:
    """One endpoint of a model. `key` identifies it to breakers and limits.

    One that is `leaving` its device is asked only if no other is left.
    """

    key: str
    target: Target
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """A release that is rolled out beside its model's own: `green` serves it to `weight` per cent of the calls.

    `id` is the green deployment's. `sticky` keeps one caller on one colour, also while the weight grows.
    """

    id: int
    green: "ServedModel"
    weight: int
    sticky: bool = False

    def takes(self, key_id: int) -> bool:
        """Whether a call of this caller goes to green."""
        if self.sticky:
            return crc32(b"%d %b" % (key_id, self.green.name.encode())) % 10_000 < self.weight * 100
        return random() * 100 < self.weight  # noqa: S311


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A callable model. `adapter` is None if `unavailable` says why not (disabled, a spec that does not compile).

    `lifecycle` are the headers that tell callers of its end, made beforehand.
    `uses` says which fields of a call are noted as uses of a declared parameter: its name, and whether its value too.
    """

    name: str
    spec: Spec
    adapter: Adapter | None
    replicas: tuple[Replica, ...]
    timeouts: Timeouts
    created: int
    owner: str = ""
    state: str = "ready"
    unavailable: str = ""
    uses: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    release_id: int = 0
    split: Split | None = None
    lifecycle: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def shown_state(self) -> str:
        """`state`, or "unavailable" since its adapter could not be compiled at the first call."""
        return "unavailable" if self.adapter is not None and self.adapter.trouble else self.state


@dataclass(frozen=True, slots=True)
class Table:
    """One revision of the world. `callers` is keyed by the HMAC-SHA-256 hex of the key; `aliases` by public alias.

    `pins` are the models behind those aliases that call one release, whichever the model itself serves.

    Whether it is stale is a matter of time, so the gateway holds that, not the Table.
    """

    revision: int
    callers: Mapping[str, Caller]
    models: Mapping[str, ServedModel]
    aliases: Mapping[str, str]
    egress_allow: tuple[str, ...]
    pins: Mapping[str, ServedModel] = field(default_factory=dict)

    def served(self) -> Iterator[ServedModel]:
        """Every model as any of its releases serves it."""
        for model in self.models.values():
            yield model
            if model.split is not None:
                yield model.split.green
        yield from self.pins.values()
