"""Which engine says what of which model: subjects of telemetry that are models in model servers, by our models."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from routing.models import TelemetryEndpoint
from routing.telemetry import ENGINE_SOURCES

PREFIX = "engine:"


@dataclass(frozen=True, slots=True)
class AddressedModel:
    """A model, its name at the upstream, and the addresses that its calls go to."""

    name: str
    upstream: str
    addresses: tuple[str, ...]


def subjects(models: Iterable[AddressedModel], known: Iterable[str]) -> dict[str, list[str]]:
    """The subjects among `known` that speak of each model, by its name. One query.

    What a person wrote in `serves` of an endpoint of telemetry counts. Else a subject belongs to the model whose calls
    go to the same host and port and whose upstream name the engine tells; an engine that tells no name belongs to the
    only model there. Metrics on another port of the same host belong to the only model with that upstream name there.
    """
    told = [one for one in known if one.startswith(PREFIX)]
    if not told:
        return {}
    rows = TelemetryEndpoint.objects.filter(kind__in=ENGINE_SOURCES).values_list("id", "url", "serves")
    endpoints = {str(pk): (urlsplit(url), serves) for pk, url, serves in rows}
    places = _places(models)
    found: dict[str, list[str]] = {}
    for subject in told:
        number, _, identity = subject.removeprefix(PREFIX).partition("/")
        if number not in endpoints:
            continue
        url, serves = endpoints[number]
        name = serves.get(identity) or places.at(url.netloc, url.hostname or "", identity)
        if name is not None:
            found.setdefault(name, []).append(subject)
    return found


@dataclass(frozen=True, slots=True)
class ModelPlaces:
    """Models by the host and port, and by the host, that their calls go to."""

    exact: Mapping[str, list[AddressedModel]]
    hosts: Mapping[str, list[AddressedModel]]

    def at(self, place: str, host: str, identity: str) -> str | None:
        """The one model that an engine there calls `identity`; None if there is none or more than one."""
        for near in (self.exact.get(place, []), self.hosts.get(host, []) if identity else []):
            fit = {one.name for one in near if not identity or identity in (one.upstream, one.name)}
            if len(fit) == 1:
                return fit.pop()
        return None


def _places(models: Iterable[AddressedModel]) -> ModelPlaces:
    exact: dict[str, list[AddressedModel]] = {}
    hosts: dict[str, list[AddressedModel]] = {}
    for one in models:
        for address in one.addresses:
            url = urlsplit(address)
            exact.setdefault(url.netloc, []).append(one)
            hosts.setdefault(url.hostname or "", []).append(one)
    return ModelPlaces(exact, hosts)
