"""Writing specs to the database: checks that need other rows, and the bulk write that one model and thousands share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, OuterRef, Subquery
from django.utils import timezone

from controlplane.base.messages import Sentence, message_of
from controlplane.base.refusals import Invalid
from registry.models import Credential, Model, ModelState, Release, ReleaseAlias
from registry.protocols.adapter import CompileError
from registry.protocols.compiler.adapters import compile_adapter
from registry.spec import Spec
from registry.specfile import file as spec_file
from registry.specfile.errors import SpecError, SpecInvalid
from registry.transports.egress import EndpointInvalid, parse_endpoint

RESERVED_NAMES = frozenset({"new", "import", "export", "tag"})
RESERVED_ENDINGS = frozenset({"probe", "enable", "disable", "predict", "releases", "difference", "restore", "aliases"})
"""What the console, the REST API and /v1 have below their addresses of models; a test holds them to the URL map."""
_BATCH = 500
_COPIED = (
    "release", "type", "protocol", "endpoint", "state", "state_reason", "tags", "owner", "credential", "updated_at",
    "deprecated_at", "sunset_at",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A valid spec, ready to be written. `digest` is that of its normal form."""

    spec: Spec
    digest: str


@dataclass(frozen=True)
class World:
    """What other rows say about new specs: digests by name, public names by their owner, credentials by name."""

    digests: Mapping[str, str]
    owners: Mapping[str, str]
    origins: Mapping[str, str]


@dataclass(frozen=True)
class Stored:
    """Ids of the models that were created and changed."""

    created: tuple[int, ...]
    changed: tuple[int, ...]


def world() -> World:
    """The names, aliases, digests and credential origins as they are now: four queries."""
    digests = {name: digest or "" for name, digest in Model.objects.values_list("name", "release__digest")}
    owners = {name: name for name in digests}
    with_aliases = Model.objects.filter(release__spec__has_key="aliases").values_list("name", "release__spec__aliases")
    for name, aliases in with_aliases:
        owners.update(dict.fromkeys(aliases, name))
    owners.update(ReleaseAlias.objects.values_list("name", "release__model__name"))
    return World(digests, owners, dict(Credential.objects.values_list("name", "origin")))


def problems(spec: Spec, known: World) -> list[SpecError]:
    """What speaks against writing `spec` beside what exists; empty if nothing does."""
    found = [*_name_problems(spec, known), *_credential_problems(spec, known)]
    try:
        compile_adapter(spec)
    except CompileError as error:
        found.append(_error("", spec.name, Sentence("a spec that compiles"), message_of(error)))
    return found


def checked_spec(document: Mapping[str, Any]) -> Spec:
    """The spec in `document`, fit to be saved here and now. Raises Invalid with every error."""
    try:
        spec = spec_file.read(document)
    except SpecInvalid as error:
        raise spec_refusal(error.errors) from error
    found = problems(spec, world())
    if found:
        raise spec_refusal(found)
    return spec


def spec_refusal(errors: Sequence[SpecError]) -> Invalid:
    """Errors of a spec as a refusal: the first in words, all in `detail`."""
    detail = [
        {"line": item.line, "path": item.path, "given": item.given, "expected": item.expected, "message": item.message}
        for item in errors
    ]
    first = errors[0].placed
    more = Sentence("{first} (and {more} more)", first=first, more=len(errors) - 1) if len(errors) > 1 else first
    return Invalid("spec_invalid", more, detail)


def store(entries: Sequence[Entry], user_id: int | None) -> Stored:
    """Write new models and new releases of changed ones in a few statements. Needs a transaction; bumps nothing."""
    names = [entry.spec.name for entry in entries]
    locked = Model.objects.select_for_update(of=("self",)).select_related("release").order_by("pk")
    existing = {row.name: row for row in locked.filter(name__in=names)}
    credentials = dict(Credential.objects.values_list("name", "id"))
    fresh = [_filled(Model(), entry, credentials) for entry in entries if entry.spec.name not in existing]
    changed = [
        _filled(existing[entry.spec.name], entry, credentials) for entry in entries if entry.spec.name in existing
    ]
    Model.objects.bulk_create(fresh, _BATCH)
    rows = {row.name: row for row in (*fresh, *changed)}
    numbers = _last_numbers(row.pk for row in changed)
    releases = [
        Release(
            model=rows[entry.spec.name],
            number=numbers.get(rows[entry.spec.name].pk, 0) + 1,
            spec=spec_file.document(entry.spec),
            digest=entry.digest,
            created_by_id=user_id,
        )
        for entry in entries
    ]
    Release.objects.bulk_create(releases, _BATCH)
    _point_to(releases, changed)
    return Stored(tuple(row.pk for row in fresh), tuple(row.pk for row in changed))


def serve(model_id: int, release: Release) -> Model:
    """Let a model serve one of its releases; the columns that copy its spec follow. Needs a transaction; bumps nothing.

    Raises Invalid if the release's spec cannot be read any more, or its credential is gone.
    """
    row = Model.objects.select_for_update(of=("self",)).select_related("release").get(pk=model_id)
    try:
        spec = spec_file.read(release.spec)
    except SpecInvalid as error:
        raise spec_refusal(error.errors) from error
    origins = dict(Credential.objects.values_list("name", "origin"))
    missing = _credential_problems(spec, World({}, {}, origins))
    if missing:
        raise spec_refusal(missing)
    _filled(row, Entry(spec, release.digest), dict(Credential.objects.values_list("name", "id")))
    row.release = release
    row.save(update_fields=_COPIED)
    return row


def spec_of(model: Model) -> Spec:
    """The spec of the model's current release. Raises SpecInvalid if this version no longer reads it."""
    assert model.release is not None
    return spec_file.read(model.release.spec)


def _point_to(releases: list[Release], changed: list[Model]) -> None:
    for release in releases:
        release.model.release = release
    Model.objects.bulk_update(changed, _COPIED, _BATCH)
    fresh = Model.objects.filter(pk__in=[item.model_id for item in releases], release=None)
    newest = Release.objects.filter(model=OuterRef("pk")).order_by("-number").values("pk")[:1]
    fresh.update(release=Subquery(newest))


def _filled(row: Model, entry: Entry, credentials: Mapping[str, int]) -> Model:
    spec = entry.spec
    row.name, row.type, row.protocol, row.owner = spec.name, spec.type, spec.protocol, spec.owner
    row.endpoint, row.tags = spec.endpoints[0], list(spec.tags)
    row.credential_id = credentials[spec.credential] if spec.credential else None
    if row.state != ModelState.DISABLED and not _same_wire(row.release, spec):
        row.state, row.state_reason = ModelState.PROBING, ""
    ends = spec.lifecycle.over(row.upstream_ends)
    row.deprecated_at, row.sunset_at = ends.deprecated_at, ends.sunset_at
    row.updated_at = timezone.now()
    return row


def _same_wire(release: Release | None, spec: Spec) -> bool:
    """Whether `spec` differs from the release only in what no upstream ever sees."""
    if release is None:
        return False
    before, after = ({**document} for document in (release.spec, spec_file.document(spec)))
    for key in ("tags", "owner", "description", "aliases", "deprecated", "sunset"):
        before.pop(key, None)
        after.pop(key, None)
    return bool(before == after)


def _last_numbers(model_ids: Iterable[int]) -> dict[int, int]:
    rows = (
        Release.objects.filter(model__in=list(model_ids)).values_list("model").annotate(last=Max("number")).order_by()
    )
    return dict(rows)


def _name_problems(spec: Spec, known: World) -> list[SpecError]:
    found = []
    for path, name in [("name", spec.name), *((f"aliases[{i}]", alias) for i, alias in enumerate(spec.aliases))]:
        if name in RESERVED_NAMES or name.rpartition("/")[2] in RESERVED_ENDINGS:
            found.append(
                _error(
                    path,
                    name,
                    Sentence("another name"),
                    Sentence("the name {name} is an address of the console", name=repr(name)),
                )
            )
        owner = known.owners.get(name, spec.name)
        if owner != spec.name:
            message = Sentence(
                "{name} is a name of the model {owner} already; choose another", name=repr(name), owner=repr(owner)
            )
            found.append(_error(path, name, Sentence("a name that no other model has"), message))
    return found


def _credential_problems(spec: Spec, known: World) -> list[SpecError]:
    if not spec.credential:
        return []
    origin = known.origins.get(spec.credential)
    if origin is None:
        message = Sentence(
            "there is no credential named {credential}; create it under Credentials first",
            credential=repr(spec.credential),
        )
        return [_error("credential", spec.credential, Sentence("the name of a credential"), message)]
    return [
        _error(
            "endpoint",
            address,
            origin,
            Sentence(
                "credential {credential} is for {origin} and is not sent to {address}",
                credential=repr(spec.credential),
                origin=origin,
                address=address,
            ),
        )
        for address in spec.endpoints
        if _origin(address) != origin
    ]


def _origin(address: str) -> str:
    try:
        return parse_endpoint(address).origin
    except EndpointInvalid:
        return ""


def _error(path: str, given: Any, expected: str, message: str) -> SpecError:
    return SpecError("", 0, path, repr(given)[:80], expected, message)
