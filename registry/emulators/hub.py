"""A model hub (emulated): repositories with commits, in the API that `huggingface_hub` speaks.

    HEAD, GET /{owner}/{name}/resolve/{revision}/{path}      a file of a revision
    GET /api/models/{owner}/{name}[/revision/{revision}]      a model, with its files' hashes if `blobs=true`
    GET /api/models/{owner}/{name}/tree/{revision}            its files, in pages

Every answer has an ETag, and a request that names it gets 304. `limit` makes the hub answer 429.
"""

import hashlib
import json
import urllib.parse
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from registry.emulators.server import Timing
from registry.emulators.wire import WireAnswer, WireCall, to_json

LFS_FROM = 10_000
"""Files of this many bytes and of these endings are in LFS storage, as on the real hub."""
LFS_ENDINGS = (".safetensors", ".bin", ".pt", ".ckpt", ".gguf", ".onnx", ".pkl")
PAGE = 1000


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file, with its git hash. `size` may say more than `data` holds, for a file that nobody downloads."""

    data: bytes
    size: int
    sha256: str
    oid: str
    lfs: bool


@dataclass(frozen=True, slots=True)
class HubRepository:
    """One repository at its head. `number` is its own id, which a name that is registered again does not keep."""

    files: Mapping[str, HubFile]
    commit: str
    number: str
    author: str


@dataclass(slots=True)
class EmulatedHub:
    """Repositories by `owner/name`. `limited` holds those whose calls are answered with 429, and for how long."""

    repositories: dict[str, HubRepository] = field(default_factory=dict)
    commits: dict[tuple[str, str], HubRepository] = field(default_factory=dict)
    limited: dict[str, int] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)

    def push(self, name: str, files: Mapping[str, bytes | None]) -> str:
        """Commit `files` (None deletes one) and return the commit."""
        before = self.repositories.get(name)
        kept = dict(before.files) if before else {}
        for path, data in files.items():
            if data is None:
                kept.pop(path, None)
            else:
                kept[path] = hub_file(path, data)
        text = "".join(f"{path}\0{kept[path].oid}\n" for path in sorted(kept))
        commit = hashlib.sha1(
            f"{before.commit if before else name}\n{text}".encode(), usedforsecurity=False
        ).hexdigest()
        number = before.number if before else _number(name, str(len(self.commits)))
        self.put(name, HubRepository(kept, commit, number, name.partition("/")[0]))
        return commit

    def put(self, name: str, repository: HubRepository) -> None:
        """Make `repository` the head, whatever was there."""
        self.repositories[name] = repository
        self.commits[name, repository.commit] = repository

    def tamper(self, name: str, path: str, data: bytes) -> None:
        """Change a file behind the same commit, which no honest hub does."""
        found = self.repositories[name]
        self.put(name, replace(found, files={**found.files, path: hub_file(path, data)}))

    def register_again(self, name: str) -> None:
        """Give a name to somebody else: equal files and commit, another id."""
        self.put(name, replace(self.repositories[name], number=_number(name, "again")))

    def respond(self, call: WireCall) -> tuple[WireAnswer, Timing]:
        """The answer to any call."""
        self.counters["requests"] += 1
        answer = self._answer(call)
        self.counters[f"status:{answer.status}"] += 1
        return answer, Timing()

    def _answer(self, call: WireCall) -> WireAnswer:
        parts = [urllib.parse.unquote(part) for part in call.path.strip("/").split("/")]
        if parts[:2] == ["api", "models"] and len(parts) >= 4:
            name, rest = "/".join(parts[2:4]), parts[4:]
        elif len(parts) >= 5 and parts[2] == "resolve":
            name, rest = "/".join(parts[:2]), parts[2:]
        else:
            return _missing("EntryNotFound", f"nothing at {call.path}")
        if name in self.limited:
            return WireAnswer(
                b'{"error":"too many requests"}', 429, headers=(("retry-after", str(self.limited[name])),)
            )
        revision = rest[1] if len(rest) > 1 else "main"
        head = self.repositories.get(name)
        found = head if revision == "main" else self.commits.get((name, revision))
        if head is None:
            return _missing("RepoNotFound", "Repository not found")
        if found is None:
            return _missing("RevisionNotFound", f"Invalid rev id: {revision}")
        if rest[:1] == ["resolve"]:
            return _resolved(found, "/".join(rest[2:]), call)
        if rest[:1] == ["tree"]:
            return _tree(found, call)
        return _conditional(to_json(_described(name, found)), call)


def hub_file(path: str, data: bytes) -> HubFile:
    """A file as a commit has it."""
    lfs = path.endswith(LFS_ENDINGS) or len(data) >= LFS_FROM
    sha256 = hashlib.sha256(data).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(data)}\n".encode()
    stored = pointer if lfs else data
    oid = hashlib.sha1(b"blob %d\0" % len(stored) + stored, usedforsecurity=False).hexdigest()
    return HubFile(data, len(data), sha256, oid, lfs)


def _number(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def _described(name: str, found: HubRepository) -> dict[str, object]:
    siblings = [{"rfilename": path, **_hashes(file, "blobId", "pointerSize")} for path, file in _sorted(found)]
    return {
        "_id": found.number,
        "id": name,
        "modelId": name,
        "author": found.author,
        "sha": found.commit,
        "private": False,
        "tags": [],
        "downloads": 0,
        "siblings": siblings,
    }


def _hashes(file: HubFile, oid: str, pointer: str) -> dict[str, object]:
    lfs = {"sha256": file.sha256, "oid": file.sha256, "size": file.size, pointer: 134}
    return {"size": file.size, oid: file.oid, **({"lfs": lfs} if file.lfs else {})}


def _sorted(found: HubRepository) -> list[tuple[str, HubFile]]:
    return sorted(found.files.items())


def _tree(found: HubRepository, call: WireCall) -> WireAnswer:
    query = urllib.parse.parse_qs(call.query)
    start = int(query.get("cursor", ["0"])[0])
    page = _sorted(found)[start : start + PAGE]
    entries = [{"type": "file", "path": path, **_hashes(file, "oid", "pointerSize")} for path, file in page]
    headers: tuple[tuple[str, str], ...] = ()
    if start + PAGE < len(found.files):
        host = call.headers.get("host", "")
        following = urllib.parse.urlencode({"recursive": "true", "cursor": start + PAGE})
        headers = (("link", f'<http://{host}{call.path}?{following}>; rel="next"'),)
    return replace(_conditional(json.dumps(entries).encode(), call), headers=headers)


def _resolved(found: HubRepository, path: str, call: WireCall) -> WireAnswer:
    file = found.files.get(path)
    if file is None:
        return _missing("EntryNotFound", f"{path} does not exist in this revision")
    etag = file.sha256 if file.lfs else file.oid
    headers = [("x-repo-commit", found.commit), ("etag", f'"{etag}"'), ("accept-ranges", "bytes")]
    if file.lfs:
        headers += [("x-linked-etag", f'"{etag}"'), ("x-linked-size", str(file.size))]
    if call.method == "HEAD":
        return WireAnswer(b"", headers=tuple(headers), length=file.size)
    data, status = file.data, 200
    first = call.headers.get("range", "")
    if first.startswith("bytes="):
        low, _, high = first.removeprefix("bytes=").partition("-")
        data, status = data[int(low) : int(high) + 1 if high else None], 206
        headers.append(("content-range", f"bytes {low}-{int(low) + len(data) - 1}/{file.size}"))
    return WireAnswer(data, status, "application/octet-stream", tuple(headers))


def _conditional(body: bytes, call: WireCall) -> WireAnswer:
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    if call.headers.get("if-none-match") == etag:
        return WireAnswer(b"", 304, headers=(("etag", etag),))
    return WireAnswer(body, headers=(("etag", etag),))


def _missing(code: str, words: str) -> WireAnswer:
    return WireAnswer(to_json({"error": words}), 404, headers=(("x-error-code", code), ("x-error-message", words)))
