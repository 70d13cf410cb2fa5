"""A model's releases: aliases that call one of them, what differs between two, and going back to one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from controlplane.base import access, events, revision
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Conflict, Invalid, Missing
from registry.catalog import releases, verbs
from registry.models import Model, ModelState, Release, ReleaseAlias
from registry.specfile import values
from registry.specfile.errors import Findings
from registry.specfile.rules import PUBLIC_NAME

MOST_ALIASES = 100
MOST_OFFERED = 500


def aliases_of(actor: Any, name: str) -> QuerySet[ReleaseAlias]:
    """The names that call one release of a model each. Raises Forbidden, Missing."""
    model = verbs.get(actor, name)
    return ReleaseAlias.objects.filter(release__model=model).select_related("release").order_by("name")


@transaction.atomic
def set_alias(actor: Any, name: str, alias: str, number: int, *, request_id: str = "") -> ReleaseAlias:
    """Let `alias` call release `number` of a model from the next call on; an alias of this model is moved.

    Raises Forbidden, Missing, and Invalid for a name that is no name, or is another model's.
    """
    access.require(actor, "model.change")
    model = _locked(actor, name)
    release = _release(model, number)
    if alias == model.name:
        raise Invalid("alias", Sentence("{alias} is the model's own name; choose another", alias=repr(alias)))
    _nameable(release, alias)
    before = ReleaseAlias.objects.filter(name=alias).select_related("release").first()
    if before is None and ReleaseAlias.objects.filter(release__model=model).count() >= MOST_ALIASES:
        raise Invalid("too_many", Sentence("a model has at most {most} aliases of releases", most=MOST_ALIASES))
    revision.bump()
    found, _ = ReleaseAlias.objects.update_or_create(
        name=alias, defaults={"release": release, "created_by_id": getattr(actor, "id", None)}
    )
    detail = {"name": model.name, "alias": alias, "from": before.release.number if before else None, "to": number}
    audit.record(actor, "model.alias", "model", model.name, detail, request_id)
    events.publish("models", {"count": 1, "names": [model.name]})
    return found


@transaction.atomic
def delete_alias(actor: Any, name: str, alias: str, *, request_id: str = "") -> None:
    """Take an alias away; calls by it are not found from now on. Raises Forbidden, Missing."""
    access.require(actor, "model.change")
    model = _locked(actor, name)
    found = ReleaseAlias.objects.filter(release__model=model, name=alias).select_related("release").first()
    if found is None:
        raise Missing("alias", Sentence("{model} has no alias {alias}", model=model.name, alias=repr(alias[:80])))
    revision.bump()
    detail = {"name": model.name, "alias": alias, "from": found.release.number, "to": None}
    found.delete()
    audit.record(actor, "model.alias", "model", model.name, detail, request_id)
    events.publish("models", {"count": 1, "names": [model.name]})


def difference(actor: Any, name: str, one: int, other: int) -> Mapping[str, Any]:
    """What differs between two releases of a model, by path. Raises Forbidden, Missing."""
    model = verbs.get(actor, name)
    return told_apart(_release(model, one), _release(model, other))


def told_apart(one: Release, other: Release) -> Mapping[str, Any]:
    """What differs between two releases, by path: their specs, and the digest of their files."""
    return audit.difference(*({**release.spec, "manifest": release.manifest} for release in (one, other)))


def newest(actor: Any, model: Model) -> list[tuple[int, datetime]]:
    """The numbers of a model's newest releases, and when each was made. Raises Forbidden."""
    return list(verbs.releases_of(actor, model).values_list("number", "created_at")[:MOST_OFFERED])


@transaction.atomic
def restore(actor: Any, name: str, number: int, *, request_id: str = "") -> Model:
    """Let a model serve one of its earlier releases again, at once. Raises Forbidden, Missing, Invalid, Conflict."""
    access.require(actor, "model.change")
    model = _locked(actor, name)
    release = _release(model, number)
    if release.pk == model.release_id:
        raise Conflict("served", Sentence("{model} serves release {number} already", model=model.name, number=number))
    releases.checked_spec(release.spec)
    before = model.release.number if model.release else None
    served = releases.serve(model.pk, release)
    verbs.record_change(actor, "model.restore", [model.name], {"from": before, "to": number}, request_id)
    if served.state == ModelState.PROBING:
        verbs.enqueue_probe(actor, [model.pk], model.name)
    return served


def _nameable(release: Release, alias: str) -> None:
    """Raises Invalid if `alias` is no name, or is one of another model."""
    findings = Findings()
    values.name(alias, ("alias",), findings, PUBLIC_NAME)
    if findings:
        raise Invalid("alias", findings[0].message)
    try:
        releases.checked_spec({**release.spec, "aliases": [alias]})
    except Invalid as refusal:
        raise Invalid("alias", refusal.detail[0]["message"], refusal.detail) from refusal


def _locked(actor: Any, name: str) -> Model:
    found = verbs.get(actor, name)
    return Model.objects.select_for_update(of=("self",)).select_related("release").get(pk=found.pk)


def _release(model: Model, number: int) -> Release:
    found = model.releases.filter(number=number).first()
    if found is None:
        raise Missing("release", Sentence("{model} has no release {number}", model=model.name, number=number))
    return found
