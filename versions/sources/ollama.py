"""The Ollama registry: `location` is a model's name such as `llama3.2:1b`, or its address on another registry."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from controlplane.base.messages import Sentence
from versions.reading import registry_v2
from versions.reading.errors import SourceRefused
from versions.reading.interface import ListedFile, OpenedSource, Sighting, SourcePlace
from versions.reading.registry_v2 import Repository
from versions.reading.web import Web

REGISTRY = "https://registry.ollama.ai"
OWN = "library"
KIND = "application/vnd.ollama.image."


def address(location: str) -> str:
    """The model's address on its registry."""
    return location if "://" in location else f"{REGISTRY}/{location}"


def look(place: SourcePlace, web: Web) -> Sighting | None:
    """One conditional request for the manifest. The revision is its digest."""
    return registry_v2.look(_repository(place), place, web)


@contextmanager
def opened(place: SourcePlace, sighting: Sighting, web: Web) -> Iterator[OpenedSource]:
    """The layers of one manifest."""
    repo = _repository(place)
    yield _OllamaModel(repo, registry_v2.manifest(repo, sighting.revision, web), web)


class _OllamaModel:
    def __init__(self, repo: Repository, manifest: Mapping[str, Any], web: Web) -> None:
        self._repo, self._manifest, self._web = repo, manifest, web

    def files(self) -> Iterator[ListedFile]:
        """The config, and each layer under its kind: model, template, params, system, license, adapter."""
        sha256, size = registry_v2.described(self._manifest.get("config"))
        yield ListedFile("config.json", size, sha256)
        layers = self._manifest.get("layers")
        if not isinstance(layers, list):
            raise SourceRefused(Sentence("the manifest's {name} is no list", name="layers"))
        seen: dict[str, int] = {}
        for layer in layers:
            sha256, size = registry_v2.described(layer)
            kind = str(layer.get("mediaType", "")).removeprefix(KIND) or "layer"
            seen[kind] = seen.get(kind, 0) + 1
            yield ListedFile(kind if seen[kind] == 1 else f"{kind}.{seen[kind]}", size, sha256)

    def chunks(self, file: ListedFile, start: int = 0) -> Iterator[bytes]:
        """A blob's bytes."""
        return registry_v2.blob(self._repo, file.sha256, file.size, self._web, start)


def _repository(place: SourcePlace) -> Repository:
    scheme, mark, rest = place.location.partition("://")
    host, _, name = rest.partition("/") if mark else ("", "", place.location)
    bare = name.rstrip("/")
    return registry_v2.repository(place, f"{scheme}://{host}" if mark else REGISTRY,
                                  bare if "/" in bare else f"{OWN}/{bare}")  # fmt: skip
