"""Which engine says what of which model: subjects of telemetry that are models in model servers, by our models.

One rule for every page and for alerts. What a person wrote in `serves` of an endpoint of telemetry counts. Else a
subject belongs to the model whose calls go to the same host and port and whose upstream name the engine tells; an
engine that tells no name belongs to the only model there. Metrics on another port of the same host belong to the only
model with that upstream name there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, urlsplit

from django.db.models import QuerySet

from registry.models import Model
from routing.models import TelemetryEndpoint
from routing.telemetry import ENGINE_SOURCES

PREFIX = "engine:"


@dataclass(frozen=True, slots=True)
class AddressedModel:
    """A model, its name at the upstream, and the addresses that its calls go to."""

    name: str
    upstream: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelPlaces:
    """Models by the host and port, and by the host, that their calls go to."""

    exact: Mapping[str, list[AddressedModel]] = field(default_factory=dict)
    hosts: Mapping[str, list[AddressedModel]] = field(default_factory=dict)

    def at(self, place: str, host: str, identity: str) -> str | None:
        """The one model that an engine there calls `identity`; None if there is none or more than one."""
        for near in (self.exact.get(place, []), self.hosts.get(host, []) if identity else []):
            fit = {one.name for one in near if not identity or identity in (one.upstream, one.name)}
            if len(fit) == 1:
                return fit.pop()
        return None


@dataclass(frozen=True, slots=True)
class EngineEndpoint:
    """An endpoint of telemetry that tells of engines, and the models that a person wrote to what they serve."""

    name: str
    url: SplitResult
    serves: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EngineOwners:
    """What decides whose an engine is."""

    endpoints: Mapping[str, EngineEndpoint] = field(default_factory=dict)
    places: ModelPlaces = field(default_factory=ModelPlaces)

    def endpoint(self, subject: str) -> EngineEndpoint | None:
        """The endpoint that tells of this engine; None if it is gone."""
        return self.endpoints.get(subject.removeprefix(PREFIX).partition("/")[0])

    def of(self, subject: str) -> str | None:
        """The name of the model that this engine serves; None if nobody can tell."""
        endpoint = self.endpoint(subject)
        if endpoint is None:
            return None
        identity = served(subject)
        near = endpoint.url.netloc, endpoint.url.hostname or ""
        return endpoint.serves.get(identity) or self.places.at(*near, identity)


def served(subject: str) -> str:
    """What an engine calls its model; empty if it does not say."""
    return subject.partition("/")[2]


def owners() -> EngineOwners:
    """Of all models. Two queries; one if there are no engines."""
    endpoints = _endpoints()
    return EngineOwners(endpoints, _places(addressed(Model.objects.all())) if endpoints else ModelPlaces())


def addressed(models: QuerySet[Model]) -> list[AddressedModel]:
    """These models with the addresses of their own and of their replicas. One query."""
    fields = ("name", "endpoint", "release__spec__upstream_model", "replicas__endpoint")
    found: dict[str, AddressedModel] = {}
    for name, address, upstream, replica in models.values_list(*fields):
        before = found.get(name, AddressedModel(name, upstream or name, (address,)))
        more = () if replica in before.addresses or not replica else (replica,)
        found[name] = replace(before, addresses=(*before.addresses, *more))
    return list(found.values())


def subjects(models: Iterable[AddressedModel], known: Iterable[str]) -> dict[str, list[str]]:
    """The subjects among `known` that speak of each model, by its name. One query."""
    told = [one for one in known if one.startswith(PREFIX)]
    if not told:
        return {}
    those = EngineOwners(_endpoints(), _places(models))
    found: dict[str, list[str]] = {}
    for subject in told:
        name = those.of(subject)
        if name is not None:
            found.setdefault(name, []).append(subject)
    return found


def _endpoints() -> dict[str, EngineEndpoint]:
    rows = TelemetryEndpoint.objects.filter(kind__in=ENGINE_SOURCES).values_list("id", "name", "url", "serves")
    return {str(pk): EngineEndpoint(name, urlsplit(url), serves) for pk, name, url, serves in rows}


def _places(models: Iterable[AddressedModel]) -> ModelPlaces:
    exact: dict[str, list[AddressedModel]] = {}
    hosts: dict[str, list[AddressedModel]] = {}
    for one in models:
        for address in one.addresses:
            url = urlsplit(address)
            exact.setdefault(url.netloc, []).append(one)
            hosts.setdefault(url.hostname or "", []).append(one)
    return ModelPlaces(exact, hosts)
