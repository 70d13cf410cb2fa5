"""Reads what the data plane serves out of PostgreSQL, in a thread of its own that no call waits for."""

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import datetime

from django.db import Error, connection, connections, transaction
from django.db.models import F, Q, TextField
from django.db.models.functions import Cast
from msgspec.structs import replace

from controlplane.base import config, revision
from controlplane.base.messages import stored
from controlplane.base.own_connection import connect_alone
from registry.access.credentials import bound_to
from registry.models import ApiKey, Credential, Model, Release, ReleaseAlias
from routing.dataplane.snapshot import Snapshot, StoredCaller, StoredCredential, StoredModel, StoredPin, StoredSplit
from routing.dataplane.watcher import RowsUnavailable
from routing.inventory import leaving
from routing.models import Colour, Deployment

_MODEL_FIELDS = (
    *("name", "created_at", "release_id", "credential_id"),
    *("deprecated_at", "sunset_at"),
    *("type", "protocol", "state", "state_reason", "owner"),
)


class Rows:
    """A reader that keeps the specs of releases, which never change, between reads."""

    def __init__(self) -> None:
        self._specs: dict[int, str] = {}
        self._leaving: dict[str, tuple[str, ...]] = {}

    def read(self, known: int | None) -> Snapshot | None:
        """All rows at one revision; None if it is still `known`. Raises RowsUnavailable."""
        connect_alone()
        try:
            number = revision.current()
            if number == known:
                return None
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                return self._snapshot()
        except Error as error:
            raise RowsUnavailable(str(error).strip() or type(error).__name__) from error

    def close(self) -> None:
        """Close this thread's connection."""
        connections.close_all()

    def _snapshot(self) -> Snapshot:
        number = revision.current()
        models = list(Model.objects.filter(release__isnull=False).order_by("name").values_list(*_MODEL_FIELDS))
        splits, pins = _splits(), _pins()
        self._leaving = leaving.endpoints()
        beside = {(split.model, split.release_id) for split in splits} | {(pin.model, pin.release_id) for pin in pins}
        self._read_specs({row[2] for row in models} | {release for _, release in beside})
        credentials = _credentials(release for _, release in beside)
        served = tuple(self._row(row[0], row[1], row[2], row[3], row[4:6], row[6:]) for row in models)
        return Snapshot(
            revision=number,
            egress_allow=config.egress_allow(),
            callers=tuple(_callers()),
            credentials=tuple(credentials),
            models=served,
            beside=tuple(self._beside(served, beside, {row.name: row.id for row in credentials})),
            splits=splits,
            pins=pins,
        )

    def _beside(
        self, models: Iterable[StoredModel], wanted: Set[tuple[str, int]], credentials: Mapping[str, int]
    ) -> Iterator[StoredModel]:
        """Rows of releases that are served beside their models' own."""
        rows = {row.name: row for row in models}
        for name, release_id in sorted(wanted):
            row = rows.get(name)
            if row is not None and row.release_id != release_id:
                spec = self._specs[release_id]
                credential = json.loads(spec).get("credential")
                number = credentials.get(credential) if credential else None
                yield replace(row, release_id=release_id, spec=spec, credential_id=number, beside=True)

    def _row(
        self,
        name: str,
        created: datetime,
        release_id: int,
        credential_id: int | None,
        ends: tuple[datetime | None, ...],
        copied: tuple[str, ...],
    ) -> StoredModel:
        kind, protocol, state, state_reason, owner = copied
        deprecated, sunset = (int(moment.timestamp()) if moment else 0 for moment in ends)
        return StoredModel(
            name=name,
            type=kind,
            protocol=protocol,
            state=state,
            state_reason=stored(state_reason),
            owner=owner,
            created=int(created.timestamp()),
            release_id=release_id,
            credential_id=credential_id,
            spec=self._specs[release_id],
            deprecated=deprecated,
            sunset=sunset,
            leaving=self._leaving.get(name, ()),
        )

    def _read_specs(self, wanted: set[int]) -> None:
        """Fetch the specs that are not known yet and forget those that are not served any more."""
        missing = [number for number in wanted if number not in self._specs]
        fetched = Release.objects.filter(id__in=missing).annotate(text=Cast("spec", TextField()))
        self._specs = {number: text for number, text in self._specs.items() if number in wanted}
        self._specs.update(fetched.values_list("id", "text"))


def _callers() -> list[StoredCaller]:
    """Keys that are not revoked and whose account is active; what ended is told apart at the call."""
    keys = ApiKey.objects.filter(revoked_at=None, created_by__is_active=True)
    return [
        StoredCaller(
            key_id=key.pk,
            key_hash=key.key_hash,
            name=key.name,
            scopes=tuple(key.scopes),
            models=tuple(key.model_patterns),
            strict=key.strict,
            calls_per_minute=key.calls_per_minute,
            max_concurrency=key.max_concurrency,
            expires_at=key.expires_at.timestamp() if key.expires_at else None,
            replay=key.replay,
        )
        for key in keys
    ]


def _splits() -> tuple[StoredSplit, ...]:
    """Rollouts of models that still serve what blue serves: an edit of the model ends its rollout at once."""
    greens = Deployment.objects.filter(
        colour=Colour.GREEN, model__deployments__colour=Colour.BLUE,
        model__deployments__release=F("model__release"),
    ).order_by("pk")  # fmt: skip
    return tuple(StoredSplit(*row) for row in greens.values_list("pk", "model__name", "release_id", "weight", "sticky"))


def _pins() -> tuple[StoredPin, ...]:
    rows = ReleaseAlias.objects.order_by("name").values_list("name", "release__model__name", "release_id")
    return tuple(StoredPin(*row) for row in rows)


def _credentials(beside: Iterable[int]) -> list[StoredCredential]:
    """Those of models, and those that the releases `beside` name."""
    named = Release.objects.filter(id__in=list(beside)).values_list("spec__credential", flat=True)
    wanted = [name for name in named if name]
    rows = Credential.objects.filter(Q(models__isnull=False) | Q(name__in=wanted)).distinct()
    return [StoredCredential(row.pk, row.name, row.origin, bound_to(row), bytes(row.ciphertext)) for row in rows]
