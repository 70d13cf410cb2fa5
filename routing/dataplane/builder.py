"""Builds Tables out of snapshots, and keeps what did not change between them."""

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace

import msgspec

from controlplane.base.egress_rules import parse_rule
from controlplane.base.memory import many_that_stay
from controlplane.base.messages import Sentence, message_of, restored
from controlplane.base.secrets import SecretError, unseal
from registry import lifecycle
from registry.protocols.adapter import Adapter, CompileError
from registry.protocols.compiler.adapters import adapter_of
from registry.spec import Spec
from registry.specfile.errors import SpecInvalid
from registry.specfile.file import read as read_spec
from registry.transports.egress import EndpointInvalid, parse_endpoint
from registry.upstreams.binding import target
from routing.dataplane.snapshot import Snapshot, StoredCaller, StoredCredential, StoredModel
from routing.dataplane.uses import uses_of
from routing.table import Caller, Replica, ServedModel, Split, Table

log = logging.getLogger(__name__)

MANY = 500
"""So many new models at once are made out of the garbage collector's sight."""


class UnsealFailed(Exception):
    """A credential that does not open; the message says why."""


Entry = tuple[StoredModel, StoredCredential | None, ServedModel]
"""A model with the rows that it was built of."""
Unseal = Callable[[StoredCredential], str]
"""Opens a sealed secret; raises UnsealFailed."""


def unsealing(master_key: bytes) -> Unseal:
    """A function that opens credentials with `master_key`."""

    def opened(row: StoredCredential) -> str:
        try:
            return unseal(row.ciphertext, master_key, row.bound_to)
        except SecretError as error:
            raise UnsealFailed(message_of(error)) from error

    return opened


class Builder:
    """Builds Tables, reusing every model whose rows did not change since the last one."""

    def __init__(self, unseal: Unseal) -> None:
        """`unseal` opens credentials; secrets stay in memory only."""
        self._unseal = unseal
        self._built: dict[tuple[str, int], Entry] = {}
        self._specs: dict[str, Spec] = {}

    def build(self, snapshot: Snapshot) -> Table:
        """The Table of a snapshot. A model that cannot be built is in it, unavailable, and says why."""
        credentials = {row.id: row for row in snapshot.credentials}
        stored = (*snapshot.models, *snapshot.beside)
        rows = [(row, credentials.get(row.credential_id or 0)) for row in stored]
        fresh = sum(1 for row, credential in rows if not self._knows(row, credential))
        with many_that_stay() if fresh >= MANY else nullcontext():
            self._built = {(row.name, row.release_id): self._entry(row, credential) for row, credential in rows}
        self._specs = {row.spec: self._specs[row.spec] for row in stored if row.spec in self._specs}
        models = {row.name: self._built[row.name, row.release_id][2] for row in snapshot.models}
        pins = {pin.alias: served for pin in snapshot.pins if (served := self._beside(pin.model, pin.release_id))}
        aliases = _aliases(models) | {pin.alias: pin.model for pin in snapshot.pins if pin.alias not in models}
        for split in snapshot.splits:
            green = self._beside(split.model, split.release_id)
            if green is not None and split.model in models:
                shares = Split(split.id, green, split.weight, split.sticky)
                models[split.model] = replace(models[split.model], split=shares)
        return Table(
            revision=snapshot.revision,
            callers={row.key_hash: _caller(row) for row in snapshot.callers},
            models=models,
            aliases=aliases,
            egress_allow=readable_rules(snapshot.egress_allow),
            pins=pins,
        )

    def _beside(self, name: str, release_id: int) -> ServedModel | None:
        entry = self._built.get((name, release_id))
        return entry[2] if entry is not None else None

    def _knows(self, row: StoredModel, credential: StoredCredential | None) -> bool:
        before = self._built.get((row.name, row.release_id))
        return before is not None and before[0] == row and before[1] == credential

    def _entry(self, row: StoredModel, credential: StoredCredential | None) -> Entry:
        return (
            self._built[row.name, row.release_id]
            if self._knows(row, credential)
            else (row, credential, self._served(row, credential))
        )

    def _served(self, row: StoredModel, credential: StoredCredential | None) -> ServedModel:
        spec = Spec(row.name, row.type, row.protocol, (), row.name)
        adapter: Adapter | None = None
        replicas: tuple[Replica, ...] = ()
        unavailable = _disabled(row.name) if row.state == "disabled" else ""
        try:
            spec = self._spec(row)
            shared = adapter_of(spec)
            replicas = self._replicas(row, spec, shared, credential)
            adapter = None if unavailable else shared
        except (SpecInvalid, CompileError, EndpointInvalid, UnsealFailed, ValueError, msgspec.DecodeError) as error:
            unavailable = unavailable or Sentence(
                "model {name} cannot be called: {error}", name=repr(row.name), error=error
            )
            log.warning("%s", unavailable)
        state = "unavailable" if adapter is None and row.state != "disabled" else row.state
        return ServedModel(
            name=row.name,
            spec=spec,
            adapter=adapter,
            replicas=replicas,
            timeouts=spec.timeouts,
            created=row.created,
            owner=row.owner,
            state=state,
            unavailable=unavailable or restored(row.state_reason),
            uses=uses_of(spec),
            release_id=row.release_id,
            lifecycle=lifecycle.lines(row.deprecated, row.sunset),
        )

    def _spec(self, row: StoredModel) -> Spec:
        spec = self._specs.get(row.spec)
        if spec is None:
            spec = self._specs[row.spec] = read_spec(msgspec.json.decode(row.spec))
        return spec

    def _replicas(
        self, row: StoredModel, spec: Spec, adapter: Adapter, credential: StoredCredential | None
    ) -> tuple[Replica, ...]:
        secret = None
        if credential is not None:
            for endpoint in spec.endpoints:
                _require_origin(endpoint, credential)
            secret = self._unseal(credential)
        elif row.credential_id is not None or spec.credential:
            raise UnsealFailed(
                Sentence("its credential {credential} is missing; choose another", credential=repr(spec.credential))
            )
        targets = [target(endpoint, adapter, secret) for endpoint in spec.endpoints]
        # Circuits of a release beside are its own: its failures must not keep calls from the replicas that it shares.
        name = f"{row.name} release {row.release_id}" if row.beside else row.name
        return tuple(
            Replica(f"{name} {index} {item.origin}", item, spec.endpoints[index] in row.leaving)
            for index, item in enumerate(targets)
        )


def _require_origin(endpoint: str, credential: StoredCredential) -> None:
    origin = parse_endpoint(endpoint).origin
    if origin != credential.origin:
        raise UnsealFailed(
            Sentence(
                "its credential {name} is bound to {bound}, so it cannot be sent to {origin};"
                " store one for that address",
                name=repr(credential.name),
                bound=credential.origin,
                origin=origin,
            )
        )


def _disabled(name: str) -> str:
    return Sentence("model {name} is disabled; an engineer can enable it", name=repr(name))


def _caller(row: StoredCaller) -> Caller:
    return Caller(
        key_id=row.key_id,
        name=row.name,
        scopes=frozenset(row.scopes),
        models=row.models,
        strict=row.strict,
        calls_per_minute=row.calls_per_minute,
        max_concurrency=row.max_concurrency,
        expires_at=row.expires_at,
        replay=row.replay,
    )


def _aliases(models: Mapping[str, ServedModel]) -> dict[str, str]:
    """Alias to name. A model's name wins over an alias, and the first alias over later ones."""
    found: dict[str, str] = {}
    for name, served in models.items():
        for alias in served.spec.aliases:
            if alias not in models:
                found.setdefault(alias, name)
    return found


def readable_rules(entries: Iterable[str]) -> tuple[str, ...]:
    """The allow entries that are understood; others open nothing and are logged."""
    kept = []
    for entry in entries:
        try:
            parse_rule(entry)
        except ValueError as error:
            log.error("%s; it opens nothing", error)
        else:
            kept.append(entry)
    return tuple(kept)
