"""The list of models on own devices: filtered, sorted and paged on the server, with what engines and energy say."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from controlplane.base import access
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid
from controlplane.base.web.paging import Page, page_of_list
from registry.models import Model
from routing.device import figures
from routing.energy import figures as energy
from routing.energy.sums import CallEnergy, MoneyAmount
from routing.history import current, rates
from routing.history.latest import LatestValues
from routing.hosted import engines
from routing.models import Placement, ReplicaState, StoredReplica

STATES = (
    ReplicaState.WARM, ReplicaState.DRAINING, ReplicaState.LOADING, ReplicaState.ASLEEP,
    ReplicaState.COLD, ReplicaState.FAILED,
)  # fmt: skip
"""From the most useful to the least: a model is as its best replica."""
FILTERS = ("q", "state", "node")
SORTS = ("name", "state", "memory", "devices", "running", "waiting", "tokens", "kv", "joules", "cost")
ENERGY_DAYS = 7
"""Energy and cost are of the calls of so many days, today among them."""
RATED = ("generation_tokens_total",)


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """What the engines of a model say now, together; None where none of them does. `stale` if all fell silent.

    `tokens` are generated tokens a second, `kv` the fullest cache from 0 to 1.
    """

    running: float | None = None
    waiting: float | None = None
    tokens: float | None = None
    kv: float | None = None
    stale: bool = False

    @property
    def numbers(self) -> tuple[float | None, ...]:
        """Waiting, running, tokens a second and the fullest cache."""
        return self.waiting, self.running, self.tokens, self.kv

    @property
    def kv_text(self) -> str:
        """The fullest cache, as people read it."""
        return "–" if self.kv is None else figures.text("kv_cache_usage_ratio", self.kv)


@dataclass(frozen=True, slots=True)
class ModelSeat:
    """A device that a model sits on, with the bytes that it holds there."""

    uuid: str
    node: str
    index: int | None
    emulated: bool
    bytes: int

    @property
    def text(self) -> str:
        """How much it holds, as people read it."""
        return figures.scaled(self.bytes, "B")


@dataclass(frozen=True, slots=True)
class HostedModel:
    """A model with replicas on own devices: as its best replica is, the bytes it holds, on how many devices."""

    id: int
    name: str
    state: str
    replicas: Mapping[str, int]
    memory: int
    devices: int
    figures: EngineFigures = EngineFigures()
    energy: CallEnergy | None = None
    seats: tuple[ModelSeat, ...] = ()

    @property
    def joules(self) -> float | None:
        """Joules a token; None if it is not known."""
        return self.energy.joules_per_token if self.energy else None

    @property
    def cost(self) -> MoneyAmount | None:
        """What 1,000 calls cost; None if it is not known."""
        return self.energy.cost_per_thousand if self.energy else None

    @property
    def text(self) -> str:
        """How much it holds in all, as people read it."""
        return figures.scaled(self.memory, "B") if self.memory else "–"


@dataclass(frozen=True, slots=True)
class HostedList:
    """A page of the list, how many models each state has, and how many are on own devices in all."""

    page: Page
    states: Mapping[str, int]
    total: int


def listing(actor: access.Actor | None, wanted: Mapping[str, str], sort: str = "name", number: int = 1) -> HostedList:
    """Models on own devices that match. Raises Forbidden, Invalid. Eight queries whatever there is.

    `wanted`: q (words in a model's name), state (of its best replica), node (that holds it).
    """
    access.require(actor, "fleet.read")
    if sort.removeprefix("-") not in SORTS:
        raise Invalid(
            "sort",
            Sentence(
                "sort {sort} is none of {sorts} (with - in front for descending)",
                sort=repr(sort[:40]), sorts=", ".join(SORTS),
            ),
        )  # fmt: skip
    every = _every()
    shown = [one for one in every if _matches(one, wanted)]
    if node := wanted.get("node", ""):
        there = Placement.objects.filter(device__node__name=node).values_list("replica__model", flat=True)
        shown = [one for one in shown if one.id in set(there)]
    said = _said(shown)
    used = energy.of_models(actor, [one.name for one in shown], ENERGY_DAYS)
    shown = [replace(one, figures=said.get(one.name, EngineFigures()), energy=used.get(one.name)) for one in shown]
    page = page_of_list(_sorted(shown, sort), number)
    states = {str(state): sum(one.state == state for one in every) for state in STATES}
    return HostedList(page.showing(_placed(page.rows)), states, len(every))


def _every() -> list[HostedModel]:
    """All models that have a replica, in the order of their names."""
    held: dict[int, list[int]] = {}
    for replica, amount in Placement.objects.values_list("replica", "memory_bytes"):
        held.setdefault(replica, []).append(amount)
    found: dict[int, dict[str, Any]] = {}
    rows = StoredReplica.objects.order_by("model__name").values_list("pk", "model", "model__name", "state")
    for pk, model, name, state in rows:
        one = found.setdefault(model, {"id": model, "name": name, "states": [], "amounts": []})
        one["states"].append(state)
        one["amounts"] += held.get(pk, [])
    return [
        HostedModel(
            one["id"],
            one["name"],
            min(one["states"], key=STATES.index),
            {state: one["states"].count(state) for state in STATES if state in one["states"]},
            sum(one["amounts"]),
            len(one["amounts"]),
        )
        for one in found.values()
    ]


def _matches(one: HostedModel, wanted: Mapping[str, str]) -> bool:
    words, state = wanted.get("q", "").lower(), wanted.get("state", "")
    return words in one.name.lower() and state in ("", one.state)


def engines_of(names: Mapping[int, str]) -> dict[str, list[str]]:
    """The subjects of telemetry that speak now of these models, by their names. Two queries; none without engines."""
    known = current.current()
    if not any(subject.startswith(engines.PREFIX) for subject in known):
        return {}
    return engines.subjects(engines.addressed(Model.objects.filter(pk__in=names)), known)


def grown(subjects: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """By how much a second the token counters of these engines grew. One query."""
    known = current.current()
    told = [one for found in subjects.values() for one in found if one in known]
    return rates.per_second([one for one in told if RATED[0] in known[one].values], RATED, time.time())


def _said(rows: Sequence[HostedModel]) -> dict[str, EngineFigures]:
    """What engines say of these models, by name."""
    subjects, known = engines_of({one.id: one.name for one in rows}), current.current()
    growth = grown(subjects)
    return {
        name: together([known[one] for one in found], [growth.get(one, {}) for one in found])
        for name, found in subjects.items()
    }


def together(told: Sequence[LatestValues], grown: Sequence[Mapping[str, float]]) -> EngineFigures:
    """The figures of several engines of one model, added up; of their caches the fullest."""
    fresh = [(one, rate) for one, rate in zip(told, grown, strict=True) if one.age_s <= current.STALE_SECONDS]
    if not fresh:
        return EngineFigures(stale=True)
    measured = [
        one.values.get("generation_tokens_per_second", rate.get("generation_tokens_total")) for one, rate in fresh
    ]
    return EngineFigures(
        _added(one.values.get("requests_running") for one, _ in fresh),
        _added(one.values.get("requests_waiting") for one, _ in fresh),
        _added(measured),
        max(
            (one.values["kv_cache_usage_ratio"] for one, _ in fresh if "kv_cache_usage_ratio" in one.values),
            default=None,
        ),
    )


def _added(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _sorted(rows: list[HostedModel], sort: str) -> list[HostedModel]:
    """In order; those without the figure come last, whichever way, and names decide between equals."""
    name, down = sort.removeprefix("-"), sort.startswith("-")
    if name == "name":
        return sorted(rows, key=lambda one: one.name, reverse=down)

    def key(one: HostedModel) -> float | None:
        if name == "state":
            return float(STATES.index(ReplicaState(one.state)))
        if name == "cost":
            return one.cost.amount if one.cost else None
        value = getattr(one, name) if name in ("memory", "devices", "joules") else getattr(one.figures, name)
        return None if value is None else float(value)

    known = [one for one in rows if key(one) is not None]
    return [*sorted(known, key=lambda one: key(one) or 0.0, reverse=down), *(one for one in rows if key(one) is None)]


def _placed(rows: Sequence[HostedModel]) -> list[HostedModel]:
    """The rows of one page with the devices that each sits on, by node and number."""
    sitting = Placement.objects.filter(replica__model__in=[one.id for one in rows]).order_by(
        "device__node__name", "device__index", "device__uuid"
    )
    fields = ("device__uuid", "device__node__name", "device__index", "device__node__emulated", "memory_bytes")
    found: dict[int, list[ModelSeat]] = {}
    for model, *told in sitting.values_list("replica__model", *fields):
        found.setdefault(model, []).append(ModelSeat(*told))
    return [replace(one, seats=tuple(found.get(one.id, ()))) for one in rows]
