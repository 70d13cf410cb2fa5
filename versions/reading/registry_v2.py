"""The distribution API of container registries, as OCI, ModelPack and Ollama registries speak it."""

import base64
import hashlib
import json
import re
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from controlplane.base.messages import Sentence
from versions.reading.errors import SourceGone, SourceRefused, SourceUnreachable
from versions.reading.interface import Sighting, SourcePlace
from versions.reading.web import Web, shown

MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.artifact.manifest.v1+json",
)
MOST_MANIFEST = 4_000_000
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_PART = re.compile(r'([a-z]+)="([^"]*)"')
MOST_TOKENS = 1000
_NAME = re.compile(r"[a-z0-9]+([._/-]+[a-z0-9]+)*")
_tokens: dict[tuple[str, str, str], tuple[str, float]] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository on one registry. `secret` is `user:password` or a token."""

    origin: str
    name: str
    tag: str
    secret: str


def repository(place: SourcePlace, origin: str, name: str) -> Repository:
    """The repository that a place names. Raises SourceRefused for a name that no registry has."""
    bare, mark, tag = name.partition(":")
    if not _NAME.fullmatch(bare):
        raise SourceRefused(Sentence("{name} is no repository of a registry", name=repr(name[:200])))
    return Repository(origin.rstrip("/"), bare, place.reference or (tag if mark else "latest"), place.secret)


def look(repo: Repository, place: SourcePlace, web: Web) -> Sighting | None:
    """One conditional request for the manifest. The revision is its digest."""
    known = str(place.cursor.get("etag", ""))
    headers = {"accept": ", ".join(MANIFEST_TYPES), **({"if-none-match": known} if known else {})}
    with _asked(repo, web, f"manifests/{repo.tag}", headers) as response:
        if response.status_code == 304:
            return None
        body = b"".join(web.bounded(response, MOST_MANIFEST))
        etag = response.headers.get("etag", "")
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    said = response.headers.get("docker-content-digest", digest)
    if said.startswith("sha256:") and said != digest:
        raise SourceRefused(Sentence("the registry says {said} for a manifest whose digest is {digest}",
                                     said=said[:80], digest=digest))  # fmt: skip
    return None if place.cursor.get("revision") == digest else Sighting(digest, {"revision": digest, "etag": etag})


def manifest(repo: Repository, digest: str, web: Web) -> Mapping[str, Any]:
    """A manifest by its digest, checked against it."""
    with _asked(repo, web, f"manifests/{digest}", {"accept": ", ".join(MANIFEST_TYPES)}) as response:
        body = b"".join(web.bounded(response, MOST_MANIFEST))
    if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
        raise SourceRefused(Sentence("the registry sent another manifest than {digest}", digest=digest[:80]))
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SourceRefused(Sentence("the manifest {digest} is no JSON", digest=digest[:80])) from error
    if not isinstance(found, dict):
        raise SourceRefused(Sentence("the manifest {digest} is no mapping", digest=digest[:80]))
    return found


def described(found: Any) -> tuple[str, int]:
    """SHA-256 and size of a descriptor. Raises SourceRefused for one that is none."""
    digest = DIGEST.fullmatch(str(found.get("digest", ""))) if isinstance(found, dict) else None
    size = found.get("size") if isinstance(found, dict) else None
    if digest is None or not isinstance(size, int) or size < 0:
        raise SourceRefused(Sentence("the manifest has a layer without a SHA-256 and a size"))
    return digest[1], size


def blob(repo: Repository, sha256: str, size: int, web: Web, start: int = 0) -> Iterator[bytes]:
    """The bytes of a blob from `start` on."""
    headers = {"range": f"bytes={start}-"} if start else {}
    with _asked(repo, web, f"blobs/sha256:{sha256}", headers) as response:
        if start and response.status_code != 206:
            for chunk in web.bounded(response, size):
                yield chunk[start:]
                start = max(0, start - len(chunk))
            return
        yield from web.bounded(response, size)


@contextmanager
def _asked(repo: Repository, web: Web, what: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
    """An answer of the registry. A token is fetched if it asks for one, and kept until it ends."""
    url, token = f"{repo.origin}/v2/{repo.name}/{what}", _kept_token(repo)
    given = {**headers, "authorization": token} if token else headers
    with web.opened("GET", url, given, accepted=(401,)) as response:
        if response.status_code != 401:
            yield response
            return
        challenge = response.headers.get("www-authenticate", "")
    with web.opened("GET", url, {**headers, "authorization": _token(repo, challenge, web)}) as response:
        yield response


def _kept_token(repo: Repository) -> str:
    with _lock:
        token, until = _tokens.get((repo.origin, repo.name, repo.secret), ("", 0.0))
    return token if time.monotonic() < until else ""


def _token(repo: Repository, challenge: str, web: Web) -> str:
    """What the registry wants in `authorization`, as its challenge says. Raises SourceGone without a way."""
    scheme, said = challenge.partition(" ")[0].lower(), dict(_PART.findall(challenge))
    if scheme == "basic" and repo.secret:
        return _basic(repo.secret)
    realm = said.get("realm", "")
    if scheme != "bearer" or not realm:
        raise SourceGone(Sentence("{url} asks for a credential", url=shown(repo.origin)))
    query = {"service": said.get("service", ""), "scope": said.get("scope", f"repository:{repo.name}:pull")}
    headers = {"authorization": _basic(repo.secret)} if repo.secret and _same_site(realm, repo.origin) else {}
    answer = web.get(f"{realm}?{urllib.parse.urlencode(query)}", headers, most=200_000)
    try:
        given = json.loads(answer.body)
        token = f"Bearer {given.get('token') or given['access_token']}"
        seconds = float(given.get("expires_in", 60))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceUnreachable(Sentence("{url} gave no token", url=shown(realm))) from error
    with _lock:
        if len(_tokens) > MOST_TOKENS:
            _tokens.clear()
        _tokens[repo.origin, repo.name, repo.secret] = token, time.monotonic() + seconds - 5.0
    return token


def _basic(secret: str) -> str:
    pair = secret if ":" in secret else f"token:{secret}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _same_site(realm: str, origin: str) -> bool:
    """Whether a token's address belongs to the registry: the same host, or one with the same last two names."""
    ends = [(urllib.parse.urlsplit(url).hostname or "").split(".")[-2:] for url in (realm, origin)]
    safe = realm.startswith("https://") or not origin.startswith("https://")
    return safe and ends[0] == ends[1]
