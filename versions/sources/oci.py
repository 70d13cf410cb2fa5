"""An OCI registry, ModelPack included: `location` is `https://registry/repository`, `reference` the tag or digest."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from controlplane.base.messages import Sentence
from versions.reading import registry_v2
from versions.reading.errors import SourceRefused
from versions.reading.interface import ListedFile, OpenedSource, Sighting, SourcePlace
from versions.reading.registry_v2 import Repository
from versions.reading.web import Web, shown

TITLES = ("org.cncf.model.filepath", "org.cnai.model.filepath", "org.opencontainers.image.title")
"""Annotations that hold a layer's path: ModelPack's, its older name, and the one that `oras` writes."""
PACKED = re.compile(r"application/vnd\.cncf\.model\..*(\.tar|\+gzip|\+zstd)")
"""ModelPack's archives. `oras` calls every plain file a tar, so OCI's own layer type says nothing."""
UNPACK = "io.deis.oras.content.unpack"
CONFIG = "config.json"


def address(location: str) -> str:
    """The location is the address."""
    return location


def look(place: SourcePlace, web: Web) -> Sighting | None:
    """One conditional request for the manifest. The revision is its digest."""
    return registry_v2.look(_repository(place), place, web)


@contextmanager
def opened(place: SourcePlace, sighting: Sighting, web: Web) -> Iterator[OpenedSource]:
    """The layers of one manifest."""
    repo = _repository(place)
    yield _Artifact(repo, registry_v2.manifest(repo, sighting.revision, web), web)


class _Artifact:
    def __init__(self, repo: Repository, manifest: Mapping[str, Any], web: Web) -> None:
        self._repo, self._manifest, self._web = repo, manifest, web

    def files(self) -> Iterator[ListedFile]:
        """The config and every layer, by its own path; of an index, those of each manifest in a folder of its own."""
        yield from _layers(self._manifest, "")
        for number, child in enumerate(_list(self._manifest, "manifests")):
            sha256, _ = registry_v2.described(child)
            inner = registry_v2.manifest(self._repo, f"sha256:{sha256}", self._web)
            yield from _layers(inner, f"{_platform(child, number)}/")

    def chunks(self, file: ListedFile, start: int = 0) -> Iterator[bytes]:
        """A blob's bytes."""
        return registry_v2.blob(self._repo, file.sha256, file.size, self._web, start)


def _layers(manifest: Mapping[str, Any], prefix: str) -> Iterator[ListedFile]:
    if isinstance(manifest.get("config"), dict):
        sha256, size = registry_v2.described(manifest["config"])
        yield ListedFile(f"{prefix}manifest/{CONFIG}", size, sha256)
    seen: set[str] = set()
    for number, layer in enumerate([*_list(manifest, "layers"), *_list(manifest, "blobs")]):
        sha256, size = registry_v2.described(layer)
        path = _path(layer, number)
        path = f"{sha256[:12]}/{path}" if path in seen else path
        seen.add(path)
        closed = bool(PACKED.fullmatch(str(layer.get("mediaType", "")))) or _annotations(layer).get(UNPACK) == "true"
        yield ListedFile(f"{prefix}{path}", size, sha256, closed=closed)
    told = _annotations(manifest)
    if told:
        text = "".join(f"{name}={told[name]}\n" for name in sorted(told)).encode()
        digest = hashlib.sha256(text).hexdigest()
        yield ListedFile(f"{prefix}manifest/annotations", len(text), digest, closed=True)


def _path(layer: Mapping[str, Any], number: int) -> str:
    told = _annotations(layer)
    found = next((str(told[name]) for name in TITLES if told.get(name)), "")
    kind = str(layer.get("mediaType", "")).rpartition("/")[2].rpartition("vnd.")[2] or "layer"
    return found or f"{kind}.{number}"


def _annotations(described: Mapping[str, Any]) -> Mapping[str, Any]:
    found = described.get("annotations")
    return found if isinstance(found, dict) else {}


def _platform(child: Mapping[str, Any], number: int) -> str:
    found = child.get("platform")
    parts = [str(found.get(name, "")) for name in ("os", "architecture", "variant")] if isinstance(found, dict) else []
    named = "-".join(part for part in parts if part)
    return f"{named or 'manifest'}-{number}"


def _list(manifest: Mapping[str, Any], name: str) -> list[Any]:
    found = manifest.get(name, [])
    if not isinstance(found, list):
        raise SourceRefused(Sentence("the manifest's {name} is no list", name=name))
    return found


def _repository(place: SourcePlace) -> Repository:
    scheme, mark, rest = place.location.partition("://")
    host, _, name = rest.partition("/")
    if not mark or not host or not name:
        raise SourceRefused(
            Sentence("{url} names no repository; expected https://registry/repository", url=shown(place.location))
        )
    return registry_v2.repository(place, f"{scheme}://{host}", name.rstrip("/"))
