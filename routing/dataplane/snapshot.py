"""The snapshot: every row that the data plane serves in one document, and its copy on disk."""

import hashlib
import logging
import os
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)

MAGIC = b"patchbay-snapshot-1 "


class SnapshotInvalid(Exception):
    """A snapshot file that is damaged or not ours."""


class StoredCaller(msgspec.Struct, frozen=True, gc=False):
    """An API key. `key_hash` is the HMAC-SHA-256 hex of the key; `expires_at` Unix seconds."""

    key_id: int
    key_hash: str
    name: str
    scopes: tuple[str, ...]
    models: tuple[str, ...]
    strict: bool
    calls_per_minute: int | None
    max_concurrency: int | None
    expires_at: float | None
    replay: bool = False


class StoredCredential(msgspec.Struct, frozen=True, gc=False):
    """A sealed secret, bound to `bound_to`, usable for `origin` only."""

    id: int
    name: str
    origin: str
    bound_to: str
    ciphertext: bytes


class StoredModel(msgspec.Struct, frozen=True, gc=False):
    """A model and one release's spec as JSON text, by default the one that it serves.

    `created`, `deprecated` and `sunset` are Unix seconds, the latter two 0 if nobody told. `beside` marks a release
    that is served beside the model's own, for a share of its calls or under an alias. `leaving` are endpoints whose
    devices are drained or gone.
    """

    name: str
    type: str
    protocol: str
    state: str
    state_reason: str
    owner: str
    created: int
    release_id: int
    credential_id: int | None
    spec: str
    beside: bool = False
    deprecated: int = 0
    sunset: int = 0
    leaving: tuple[str, ...] = ()


class StoredSplit(msgspec.Struct, frozen=True, gc=False):
    """The green deployment `id` of a model: the release beside its own, and that one's share of calls in per cent."""

    id: int
    model: str
    release_id: int
    weight: int
    sticky: bool


class StoredPin(msgspec.Struct, frozen=True, gc=False):
    """An alias of one release of a model."""

    alias: str
    model: str
    release_id: int


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """One revision of all rows that the data plane serves."""

    revision: int
    egress_allow: tuple[str, ...]
    callers: tuple[StoredCaller, ...]
    credentials: tuple[StoredCredential, ...]
    models: tuple[StoredModel, ...]
    beside: tuple[StoredModel, ...] = ()
    splits: tuple[StoredSplit, ...] = ()
    pins: tuple[StoredPin, ...] = ()


def encode(snapshot: Snapshot) -> bytes:
    """The file form: a line with the SHA-256 of what follows, then JSON.

    Models are encoded one by one: one step for all of them would keep the interpreter from the event loop meanwhile.
    """
    fields = {name: getattr(snapshot, name) for name in Snapshot.__struct_fields__}
    fields["models"] = [msgspec.Raw(msgspec.json.encode(row)) for row in snapshot.models]
    body = msgspec.json.encode(fields)
    return MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def decode(data: bytes) -> Snapshot:
    """The snapshot in a file's bytes. Raises SnapshotInvalid."""
    head, _, body = data.partition(b"\n")
    if not head.startswith(MAGIC):
        raise SnapshotInvalid("it does not begin as a snapshot does")
    if hashlib.sha256(body).hexdigest().encode() != head[len(MAGIC) :]:
        raise SnapshotInvalid("its SHA-256 does not match its content")
    try:
        return msgspec.json.decode(body, type=Snapshot)
    except msgspec.DecodeError as error:
        raise SnapshotInvalid(f"it cannot be read: {error}") from error


def save(snapshot: Snapshot, path: Path) -> None:
    """Write the last good copy, mode 600, and keep the one before it beside it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(encode(snapshot))
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.replace(path, _before(path))
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def load(path: Path) -> Snapshot | None:
    """The last good copy, or the one before it if that is damaged; None if there is none. Never raises."""
    for candidate in (path, _before(path)):
        try:
            return decode(candidate.read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, SnapshotInvalid) as error:
            log.error("the snapshot %s is refused: %s", candidate, error)
    return None


def _before(path: Path) -> Path:
    return path.with_name(f"{path.name}.before")
