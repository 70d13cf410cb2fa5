"""The Hugging Face hub, through its own client. A revision is a commit, so what is read cannot mix two of them.

The hub tells a SHA-256 for files in LFS or Xet storage. Small files have a git hash alone: they are downloaded, checked
against it, and hashed. `location` is `owner/name`, or an address of such a repository on another hub.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_url, set_client_factory
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from huggingface_hub.hf_api import ModelInfo, RepoFile

from controlplane.base.messages import Sentence
from versions.reading.errors import SourceError, SourceGone, SourceLimited, SourceRefused, SourceUnreachable
from versions.reading.interface import ListedFile, OpenedSource, Sighting, SourcePlace
from versions.reading.web import Web, retry_after, shown

MOST_ANSWER = 48_000_000
MOST_REQUESTS = 1200
_web: ContextVar[Web] = ContextVar("the web of the source that this thread reads")


def address(location: str) -> str:
    """The repository's address on its hub."""
    return "/".join(_address(location))


def look(place: SourcePlace, web: Web) -> Sighting | None:
    """One conditional request for the commit that `reference` names, with the hashes of its files."""
    endpoint, name = _address(place.location)
    known = str(place.cursor.get("etag", ""))
    hub = _hub(endpoint, place.secret, {"if-none-match": known} if known else {})
    try:
        with _client(web) as seen:
            info = hub.model_info(name, revision=place.reference or None, files_metadata=True)
    except _Unchanged:
        return None
    commit, hashes = str(info.sha or ""), _hashes(info)
    if not commit:
        raise SourceRefused(Sentence("the hub names no commit for {name}", name=name))
    cursor = {"etag": seen.get("etag", ""), "revision": commit, "hashes": hashes}
    return Sighting(commit, cursor, _owner(info))


@contextmanager
def opened(place: SourcePlace, sighting: Sighting, web: Web) -> Iterator[OpenedSource]:
    """The files of one commit."""
    endpoint, name = _address(place.location)
    yield _Repository(_hub(endpoint, place.secret, {}), name, sighting.revision, web)


class _Repository:
    def __init__(self, hub: HfApi, name: str, commit: str, web: Web) -> None:
        self._hub, self._name, self._commit, self._web = hub, name, commit, web
        self._hashing, self._hashed = _git_hash(0), 0

    def files(self) -> Iterator[ListedFile]:
        """Every file of the commit, page by page."""
        entries = iter(self._hub.list_repo_tree(self._name, recursive=True, revision=self._commit))
        while True:
            with _client(self._web):
                entry = next(entries, None)
            if entry is None:
                return
            if isinstance(entry, RepoFile):
                sha256 = entry.lfs.sha256 if entry.lfs else ""
                yield ListedFile(entry.path, entry.size, sha256, entry.blob_id)

    def chunks(self, file: ListedFile, start: int = 0) -> Iterator[bytes]:
        """A file's bytes; those of a small file are checked against its git hash, also if they come in parts."""
        url = hf_hub_url(self._name, file.path, revision=self._commit, endpoint=self._hub.endpoint)
        headers = {"authorization": f"Bearer {self._hub.token}"} if self._hub.token else {}
        if start:
            headers["range"] = f"bytes={start}-"
        else:
            self._hashing, self._hashed = _git_hash(file.size), 0
        with self._web.opened("GET", url, headers) as response:
            if start and response.status_code != 206:
                raise SourceUnreachable(Sentence("{url} does not continue a transfer", url=shown(url)))
            for chunk in self._web.bounded(response, file.size):
                self._hashing.update(chunk)
                self._hashed += len(chunk)
                yield chunk
        checked = self._hashed == file.size and not file.sha256 and len(file.stamp) == 40
        if checked and self._hashing.hexdigest() != file.stamp:
            raise SourceRefused(
                Sentence("{path} is not the file that the commit names: its git hash differs", path=file.path)
            )


def _git_hash(size: int) -> "hashlib._Hash":
    """The hash by which git knows a file of this size, before its bytes."""
    return hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)


class _Unchanged(Exception):
    """The hub answered 304."""


class _Through(httpx2.BaseTransport):
    """Sends what the hub's client asks through the guarded client of the source that this thread reads."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """One exchange; the answer is read whole, within a bound."""
        web = _web.get()
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "accept-encoding")}
        if web.requests > MOST_REQUESTS:
            raise SourceRefused(Sentence("the hub needs more than {most} requests", most=MOST_REQUESTS))
        with web.sent(request.method, str(request.url), headers, request.read() or None) as response:
            if response.status_code == 429:
                seconds = retry_after(response.headers)
                raise SourceLimited(
                    Sentence(
                        "{url} limits how often it is asked; asked again in {seconds} s",
                        url=shown(str(request.url)),
                        seconds=int(seconds),
                    ),
                    seconds,
                )
            if response.status_code == 304:
                raise _Unchanged
            if response.status_code >= 500:
                raise SourceUnreachable(
                    Sentence("{url} answered {status}", url=shown(str(request.url)), status=response.status_code)
                )
            body = b"".join(web.bounded(response, MOST_ANSWER))
            return httpx2.Response(response.status_code, headers=dict(response.headers), content=body)


_seen: ContextVar[dict[str, str]] = ContextVar("headers of the hub's last answer")


def _remember(response: httpx2.Response) -> None:
    _seen.get().update(response.headers)


def _made() -> httpx2.Client:
    return httpx2.Client(
        transport=_Through(), follow_redirects=True, trust_env=False, event_hooks={"response": [_remember]}
    )


set_client_factory(_made)


@contextmanager
def _client(web: Web) -> Iterator[dict[str, str]]:
    """Let this thread's calls of the hub's client go through `web`; gives the last answer's headers."""
    seen: dict[str, str] = {}
    tokens = _web.set(web), _seen.set(seen)
    try:
        yield seen
    except (SourceError, _Unchanged):
        raise
    except HfHubHTTPError as error:
        status = error.response.status_code
        words = Sentence("the hub answered {status}: {error}", status=status, error=_first_line(error))
        raise (SourceGone if status in (401, 403, 404, 410) else SourceUnreachable)(words) from error
    except HFValidationError as error:
        raise SourceRefused(Sentence("the hub's client refuses the name: {error}", error=_first_line(error))) from error
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
        raise SourceUnreachable(
            Sentence("the hub's answer cannot be read: {error}", error=_first_line(error))
        ) from error
    finally:
        _web.reset(tokens[0])
        _seen.reset(tokens[1])


def _hub(endpoint: str, secret: str, headers: dict[str, str]) -> HfApi:
    return HfApi(endpoint=endpoint, token=secret or False, library_name="patchbay", headers=headers)


def _address(location: str) -> tuple[str, str]:
    """The hub and the repository's name on it."""
    scheme, mark, rest = location.partition("://")
    if not mark:
        return constants.ENDPOINT, location
    host, _, name = rest.partition("/")
    parts = name.rstrip("/").split("/")
    return "/".join([f"{scheme}://{host}", *parts[:-2]]), "/".join(parts[-2:])


def _hashes(info: ModelInfo) -> str:
    digest = hashlib.sha256()
    for file in sorted(info.siblings or (), key=lambda one: one.rfilename):
        sha256 = file.lfs.sha256 if file.lfs else ""
        digest.update(f"{file.rfilename}\0{file.size}\0{file.blob_id}\0{sha256}\n".encode())
    return digest.hexdigest()


def _owner(info: ModelInfo) -> str:
    """The owner's name and the repository's own id: a name that somebody else registered again has another one."""
    told: Any = getattr(info, "_id", "") or ""
    author = getattr(info, "author", "") or ""
    return f"{author} {told}".strip()[:100]


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
