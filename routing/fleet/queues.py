"""Which engines serve what sits on which device: what waits in them waits for the device."""

from collections.abc import Collection, Mapping, Sequence

from routing.history.current import STALE_SECONDS
from routing.history.latest import LatestValues
from routing.hosted import engines
from routing.hosted.engines import AddressedModel
from routing.models import Placement


def engines_of(known: Collection[str]) -> dict[int, tuple[str, ...]]:
    """The subjects among `known` that are engines of replicas on each device. Two queries; none without engines.

    A replica's engine is found by the replica's own address. Where telemetry names a model alone (`serves` of its
    endpoint), the engine counts for all devices of that model.
    """
    if not any(subject.startswith(engines.PREFIX) for subject in known):
        return {}
    sitting: dict[str, set[int]] = {}
    served: dict[str, AddressedModel] = {}
    fields = ("device", "replica", "replica__endpoint", "replica__model__name")
    rows = Placement.objects.values_list(*fields, "replica__model__release__spec__upstream_model")
    for device, replica, endpoint, model, upstream in rows:
        own = f"replica {replica}"
        for name in (own, model):
            sitting.setdefault(name, set()).add(device)
        served[own] = AddressedModel(own, upstream or model, (endpoint,))
    found: dict[int, list[str]] = {}
    for name, subjects in engines.subjects(served.values(), known).items():
        for device in sitting.get(name, ()):
            found.setdefault(device, []).extend(subjects)
    return {device: tuple(sorted(set(subjects))) for device, subjects in found.items()}


def waiting(subjects: Sequence[str], known: Mapping[str, LatestValues]) -> float | None:
    """Calls that wait in these engines, of those heard of lately; None if none of them says so."""
    told = [known[subject] for subject in subjects if subject in known]
    fresh = [one.values["requests_waiting"] for one in told
             if one.age_s <= STALE_SECONDS and "requests_waiting" in one.values]  # fmt: skip
    return sum(fresh) if fresh else None
