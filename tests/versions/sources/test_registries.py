"""Registries: artifacts that the unmodified `oras` client pushed, ModelPack, indexes, tokens, and Ollama's own kind."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import oras.client
import pytest

from tests.versions.sources.conftest import lines, manifest_of, sha256
from versions.kinds import DOORS
from versions.reading.errors import SourceGone, SourceRefused
from versions.reading.interface import SourcePlace
from versions.reading.web import Web

OCI, OLLAMA = DOORS["oci"], DOORS["ollama"]


@dataclass
class Registry:
    """A registry (emulated) that takes pushes. With a `password`, reads need a token."""

    url: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    password: str = ""
    requests: list[str] = field(default_factory=list)

    def blob(self, data: bytes, kind: str, **annotations: str) -> dict[str, object]:
        digest = f"sha256:{sha256(data)}"
        self.blobs[digest] = data
        return {"mediaType": kind, "digest": digest, "size": len(data), "annotations": annotations}

    def manifest(self, name: str, tag: str, value: object) -> dict[str, object]:
        data = json.dumps(value).encode()
        digest = f"sha256:{sha256(data)}"
        self.manifests[f"{name}:{tag}"] = self.manifests[f"{name}:{digest}"] = data
        return {"digest": digest, "size": len(data)}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: Registry

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def do_GET(self) -> None:
        registry = self.registry
        registry.requests.append(f"{self.command} {self.path}")
        url = urlsplit(self.path)
        if url.path == "/token":
            expected = base64.b64encode(f"me:{registry.password}".encode()).decode()
            good = self.headers.get("authorization") == f"Basic {expected}"
            scope = parse_qs(url.query)["scope"][0]
            return self.reply(200 if good else 401, json.dumps({"token": f"for {scope}", "expires_in": 300}).encode())
        if registry.password and not str(self.headers.get("authorization")).startswith("Bearer for repository:"):
            challenge = f'Bearer realm="{registry.url}/token",service="r",scope="repository:org/m:pull"'
            return self.reply(401, www_authenticate=challenge)
        found = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/(.+)", url.path)
        if found is None:
            return self.reply(200, b"{}")
        name, area, reference = found.groups()
        data = registry.blobs.get(reference) if area == "blobs" else registry.manifests.get(f"{name}:{reference}")
        if data is None:
            return self.reply(404)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if self.headers.get("if-none-match") == f'"{digest}"':
            return self.reply(304)
        return self.reply(200, data, Docker_Content_Digest=digest, ETag=f'"{digest}"', content_type="application/json")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.body()
        self.reply(202, location=f"{self.path}upload?state=1")

    def do_PUT(self) -> None:
        url, data = urlsplit(self.path), self.body()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        pushed = re.fullmatch(r"/v2/(.+)/manifests/(.+)", url.path)
        if pushed:
            for reference in (pushed[2], digest):
                self.registry.manifests[f"{pushed[1]}:{reference}"] = data
        else:
            self.registry.blobs[digest] = data
        self.reply(201, location=url.path, Docker_Content_Digest=digest)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("H", (Handler,), {"registry": made}))
    made.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


def test_what_oras_pushed_is_read(
    registry: Registry, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unmodified client pushes; the paths, sizes and hashes are those of its files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_bytes(b'{"a": 1}')
    (tmp_path / "model.safetensors").write_bytes(b"w" * 5000)
    client = oras.client.OrasClient(insecure=True)
    host = registry.url.removeprefix("http://")
    client.push(target=f"{host}/org/m:v1", files=["config.json", "model.safetensors"])
    reading = manifest_of(OCI, SourcePlace(f"{registry.url}/org/m:v1"), web)
    found = lines(reading)
    assert found["config.json"] == (8, sha256(b'{"a": 1}'))
    assert found["model.safetensors"] == (5000, sha256(b"w" * 5000))
    assert reading.texts["config.json"] == '{"a": 1}'
    assert not any(
        "model.safetensors" in one or sha256(b"w" * 5000) in one for one in registry.requests if "GET" in one
    )


def modelpack(registry: Registry, tag: str = "latest", weights: bytes = b"w" * 100) -> None:
    path = "org.cncf.model.filepath"
    config = registry.blob(b'{"modelfs": {}}', "application/vnd.cncf.model.config.v1+json")
    layers = [
        registry.blob(weights, "application/vnd.cncf.model.weight.v1.raw", **{path: "model.safetensors"}),
        registry.blob(b"{{ x }}", "application/vnd.cncf.model.weight.config.v1.raw", **{path: "chat_template.jinja"}),
        registry.blob(b"tarred", "application/vnd.cncf.model.code.v1.tar", **{path: "config.json"}),
    ]
    registry.manifest("org/m", tag, {"schemaVersion": 2, "config": config, "layers": layers})


def test_modelpack_layers_have_their_paths_and_archives_stay_closed(registry: Registry, web: Web) -> None:
    modelpack(registry)
    reading = manifest_of(OCI, SourcePlace(f"{registry.url}/org/m"), web)
    assert set(lines(reading)) == {"manifest/config.json", "model.safetensors", "chat_template.jinja", "config.json"}
    assert reading.texts == {"manifest/config.json": '{"modelfs": {}}', "chat_template.jinja": "{{ x }}"}


def test_what_did_not_move_costs_one_conditional_request(registry: Registry, web: Web) -> None:
    modelpack(registry)
    place = SourcePlace(f"{registry.url}/org/m")
    sighting = OCI.look(place, web)
    assert sighting is not None
    registry.requests.clear()
    assert OCI.look(replace(place, cursor=sighting.cursor), web) is None
    assert len(registry.requests) == 1
    modelpack(registry, weights=b"v")
    moved = OCI.look(replace(place, cursor=sighting.cursor), web)
    assert moved is not None
    assert moved.revision != sighting.revision


def test_every_manifest_of_an_index_is_read(registry: Registry, web: Web) -> None:
    modelpack(registry, "a")
    child = registry.manifest("org/m", "b", json.loads(registry.manifests["org/m:a"]))
    platform = {"os": "linux", "architecture": "arm64"}
    registry.manifest("org/m", "latest", {"manifests": [{**child, "platform": platform}, child]})
    found = set(lines(manifest_of(OCI, SourcePlace(f"{registry.url}/org/m"), web)))
    assert {"linux-arm64-0/model.safetensors", "manifest-1/model.safetensors"} <= found


def test_a_token_is_fetched_once_where_the_registry_asks_for_one(registry: Registry, web: Web) -> None:
    modelpack(registry)
    registry.password = "right"
    place = SourcePlace(f"{registry.url}/org/m", secret="me:right")
    sighting = OCI.look(place, web)
    assert sighting is not None
    assert OCI.look(replace(place, cursor=sighting.cursor), web) is None
    assert sum("/token" in one for one in registry.requests) == 1
    with pytest.raises(SourceGone, match="401"):
        OCI.look(replace(place, secret="me:wrong"), web)


def test_a_blob_that_is_another_is_refused(registry: Registry, web: Web) -> None:
    modelpack(registry)
    registry.blobs[f"sha256:{sha256(b'{{ x }}')}"] = b"{{ y }}"
    with pytest.raises(SourceRefused, match="another SHA-256 than its upstream says"):
        manifest_of(OCI, SourcePlace(f"{registry.url}/org/m"), web)


@pytest.mark.parametrize(
    "manifest",
    [
        {"layers": 3},
        {"layers": [{"digest": "md5:1", "size": 1}]},
        {"layers": [{"digest": f"sha256:{'a' * 64}", "size": -1}]},
        {"layers": ["x"]},
        {"config": {"digest": 1}},
        [],
    ],
)
def test_what_is_no_manifest_is_refused(registry: Registry, web: Web, manifest: object) -> None:
    registry.manifest("org/m", "latest", manifest)
    with pytest.raises(SourceRefused):
        manifest_of(OCI, SourcePlace(f"{registry.url}/org/m"), web)


@pytest.mark.parametrize("location", ["org/m", "http://", "http://127.0.0.1:1/../x", "http://127.0.0.1:1/A b"])
def test_locations_that_are_none(web: Web, location: str) -> None:
    with pytest.raises(SourceRefused):
        OCI.look(SourcePlace(location), web)


def test_a_layer_path_that_leaves_the_source_is_refused(registry: Registry, web: Web) -> None:
    layer = registry.blob(b"x", "a/b", **{"org.opencontainers.image.title": "../../x"})
    registry.manifest("org/m", "latest", {"layers": [layer]})
    with pytest.raises(SourceRefused, match="does not stay inside it"):
        manifest_of(OCI, SourcePlace(f"{registry.url}/org/m"), web)


def test_an_ollama_model_has_its_layers_by_kind(registry: Registry, web: Web) -> None:
    kind = "application/vnd.ollama.image."
    config = registry.blob(b'{"model_format": "gguf"}', "application/vnd.docker.container.image.v1+json")
    layers = [
        registry.blob(b"weights", f"{kind}model"),
        registry.blob(b"{{ .Prompt }}", f"{kind}template"),
        registry.blob(b'{"stop": []}', f"{kind}params"),
        registry.blob(b"MIT", f"{kind}license"),
        registry.blob(b"BSD", f"{kind}license"),
    ]
    registry.manifest("library/tiny", "1b", {"config": config, "layers": layers})
    reading = manifest_of(OLLAMA, SourcePlace(f"{registry.url}/tiny:1b"), web)
    assert set(lines(reading)) == {"config.json", "model", "template", "params", "license", "license.2"}
    assert reading.texts["template"] == "{{ .Prompt }}"
