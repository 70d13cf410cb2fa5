"""Verbs over models. Each checks the permission, changes, moves the revision once, and audits, in one transaction."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from django.db import transaction
from django.db.models import Case, QuerySet, When
from django.utils import timezone

from controlplane.base import access, events, revision
from controlplane.base.audit import chain as audit
from controlplane.base.jobs import verbs as jobs
from controlplane.base.messages import Sentence
from controlplane.base.models import Job
from controlplane.base.refusals import Conflict, Invalid, Missing, Stale
from registry.catalog import releases
from registry.catalog.search import (
    FACETS,
    SORTS,
    Listing,
    ModelFilter,
    count_tagged,
    counts_by_state,
    matching_ids,
    newest_in_state,
    search,
)
from registry.models import Model, ModelState, Release
from registry.spec import Spec
from registry.specfile import file as spec_file

__all__ = [
    "FACETS",
    "SORTS",
    "Listing",
    "ModelFilter",
    "change",
    "count_tagged",
    "counts_by_state",
    "create",
    "delete",
    "disable",
    "enable",
    "export_yaml",
    "first",
    "get",
    "matching_ids",
    "newest_in_state",
    "probe",
    "search",
    "tag",
]

MAX_BULK = 5000
_NAMED = 20


def get(actor: access.Actor | None, name_or_id: str | int) -> Model:
    """One model with its release. A number is an id, text is a name. Raises Forbidden, Missing."""
    access.require(actor, "model.read")
    return _found(Model.objects.select_related("release", "credential"), name_or_id)


def first(actor: access.Actor | None, without_tag: str = "", matching: Sequence[str] = ()) -> Model | None:
    """A model to try: one that answers before one that does not, language models first. Raises Forbidden.

    With `matching` its name fits one of these patterns, if any model's does.
    """
    access.require(actor, "model.read")
    if matching:
        names = Model.objects.order_by("name").values_list("name", flat=True)
        fits = next((name for name in names if any(fnmatchcase(name, pattern) for pattern in matching)), None)
        return Model.objects.filter(name=fits).first() if fits else None
    rows = Model.objects.exclude(tags__contains=[without_tag]) if without_tag else Model.objects.all()
    by_use = Case(When(state="ready", type="llm", then=0), When(state="ready", then=1), default=2)
    return rows.defer("sought").order_by(by_use, "name").first()


def releases_of(actor: access.Actor | None, model: Model) -> QuerySet[Release]:
    """Every release of a model, newest first. Raises Forbidden."""
    access.require(actor, "model.read")
    return model.releases.select_related("created_by").order_by("-number")


def known_names(actor: access.Actor | None, names: Sequence[str]) -> set[str]:
    """Those of `names` that are models. Raises Forbidden."""
    access.require(actor, "model.read")
    return set(Model.objects.filter(name__in=names).values_list("name", flat=True))


@transaction.atomic
def create(actor: access.Actor | None, document: Mapping[str, Any], *, request_id: str = "") -> Model:
    """Save a new model and have it probed. Raises Forbidden, Invalid with every error of the spec, Conflict."""
    access.require(actor, "model.create")
    spec = releases.checked_spec(document)
    if Model.objects.filter(name=spec.name).exists():
        raise Conflict(
            "model_exists", Sentence("a model named {spec} exists; open it to change it", spec=repr(spec.name))
        )
    return _written(actor, spec, "model.create", request_id)


@transaction.atomic
def change(
    actor: access.Actor | None,
    name_or_id: str | int,
    document: Mapping[str, Any],
    expected_digest: str | None = None,
    *,
    request_id: str = "",
) -> Model:
    """Save a new release and have it probed; an unchanged spec changes nothing.

    Raises Forbidden, Missing, Invalid, and Stale if the current release is not `expected_digest`.
    """
    access.require(actor, "model.change")
    model = _found(Model.objects.select_for_update(of=("self",)).select_related("release"), name_or_id)
    current = model.release.digest if model.release else ""
    if expected_digest is not None and expected_digest != current:
        raise Stale(
            "model_changed",
            Sentence("{model} was changed since you read it; load it again", model=model.name),
            {"digest": current},
        )
    spec = releases.checked_spec(document)
    if spec.name != model.name:
        raise Invalid(
            "name",
            Sentence(
                "the name {spec} differs from {model}: a name is for good, add an alias",
                spec=repr(spec.name),
                model=repr(model.name),
            ),
        )
    if spec_file.digest(document) == current:
        return model
    return _written(actor, spec, "model.change", request_id, model.release.spec if model.release else {})


def enable(actor: access.Actor | None, ids: Sequence[int], *, request_id: str = "") -> int:
    """Let disabled models be called again, and probe them. Returns how many changed. Raises Forbidden, Invalid."""
    return _move(actor, _rows(ids).filter(state=ModelState.DISABLED), ModelState.PROBING, request_id)


def disable(actor: access.Actor | None, ids: Sequence[int], *, request_id: str = "") -> int:
    """Refuse calls to these models. Returns how many changed. Raises Forbidden, Invalid."""
    return _move(actor, _rows(ids).exclude(state=ModelState.DISABLED), ModelState.DISABLED, request_id)


@transaction.atomic
def tag(
    actor: access.Actor | None,
    ids: Sequence[int],
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    *,
    request_id: str = "",
) -> int:
    """Add and remove tags; each changed model gets a release. Returns how many changed. Raises Forbidden, Invalid."""
    access.require(actor, "model.change")
    entries = []
    for model in _rows(ids).select_related("release").order_by("pk"):
        document = dict(model.release.spec) if model.release else {}
        tags = [item for item in document.get("tags", []) if item not in remove]
        document["tags"] = [*tags, *(item for item in add if item not in tags)]
        spec = releases.checked_spec(document)
        if list(spec.tags) != model.tags:
            entries.append(releases.Entry(spec, spec_file.digest(document)))
    if entries:
        releases.store(entries, getattr(actor, "id", None))
        names = [entry.spec.name for entry in entries]
        record_change(actor, "model.tag", names, {"add": list(add), "remove": list(remove)}, request_id)
    return len(entries)


@transaction.atomic
def delete(actor: access.Actor | None, ids: Sequence[int], *, request_id: str = "") -> int:
    """Remove models and their releases for good. Returns how many. Raises Forbidden, Invalid."""
    access.require(actor, "model.delete")
    rows = dict(_rows(ids).select_for_update().order_by("pk").values_list("pk", "name"))
    if rows:
        Model.objects.filter(pk__in=rows).update(release=None)
        Release.objects.filter(model__in=rows).delete()
        Model.objects.filter(pk__in=rows).delete()
        record_change(actor, "model.delete", list(rows.values()), {}, request_id)
    return len(rows)


@transaction.atomic
def probe(actor: access.Actor | None, ids: Sequence[int], *, request_id: str = "") -> Job:
    """Prove models by a real call each, in a job. Raises Forbidden, Invalid, Missing if none of them exists."""
    access.require(actor, "model.probe")
    rows = dict(_rows(ids).exclude(state=ModelState.DISABLED).order_by("pk").values_list("pk", "name"))
    if not rows:
        raise Missing("model", Sentence("none of these models exists and is enabled; a disabled model is not probed"))
    names = list(rows.values())
    audit.record(actor, "model.probe", "model", label(names), {"names": names[:_NAMED]}, request_id)
    return enqueue_probe(actor, list(rows), label(names))


def export_yaml(actor: access.Actor | None, ids: Sequence[int] | None = None) -> str:
    """The specs of these models (all without `ids`) as a file that imports unchanged. Raises Forbidden, Invalid."""
    access.require(actor, "model.read")
    rows = Model.objects.all() if ids is None else _rows(ids)
    return spec_file.to_yaml(rows.exclude(release=None).order_by("name").values_list("release__spec", flat=True))


def ids_of(actor: access.Actor | None, names: Sequence[str]) -> list[int]:
    """Ids of named models, in no order. Raises Forbidden, Missing naming the first unknown one."""
    access.require(actor, "model.read")
    found = dict(Model.objects.filter(name__in=[_text(name) for name in names]).values_list("name", "pk"))
    for name in names:
        if name not in found:
            raise Missing("model", Sentence("there is no model named {name}", name=repr(name[:80])))
    return list(found.values())


def enqueue_probe(actor: Any, model_ids: list[int], title: str) -> Job:
    """A job that probes these models."""
    return jobs.enqueue("probe", {"models": model_ids}, actor=actor, title=Sentence("Probe {title}", title=title))


def _written(actor: Any, spec: Spec, verb: str, request_id: str, before: Mapping[str, Any] | None = None) -> Model:
    document = spec_file.document(spec)
    digest = spec_file.digest(document)
    detail = {"digest": digest} if before is None else {"digest": digest, "changed": audit.difference(before, document)}
    stored = releases.store([releases.Entry(spec, digest)], getattr(actor, "id", None))
    record_change(actor, verb, [spec.name], detail, request_id)
    model = Model.objects.select_related("release", "credential").get(pk=(*stored.created, *stored.changed)[0])
    if model.state == ModelState.PROBING:
        enqueue_probe(actor, [model.pk], model.name)
    return model


@transaction.atomic
def _move(actor: access.Actor | None, rows: QuerySet[Model], state: str, request_id: str) -> int:
    access.require(actor, "model.change")
    moved = dict(rows.select_for_update().order_by("pk").values_list("pk", "name"))
    if moved:
        Model.objects.filter(pk__in=moved).update(state=state, state_reason="", updated_at=timezone.now())
        verb = "model.disable" if state == ModelState.DISABLED else "model.enable"
        record_change(actor, verb, list(moved.values()), {}, request_id)
    if moved and state == ModelState.PROBING:
        enqueue_probe(actor, list(moved), label(list(moved.values())))
    return len(moved)


def record_change(actor: Any, verb: str, names: list[str], detail: dict[str, Any], request_id: str) -> None:
    revision.bump()
    several = {"count": len(names), "names": names[:_NAMED]} if len(names) > 1 else {}
    audit.record(actor, verb, "model", label(names), {**detail, **several}, request_id)
    events.publish("models", {"count": len(names), "names": names[:_NAMED]})


def label(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else Sentence("{count} models", count=len(names))


def _rows(ids: Sequence[int]) -> QuerySet[Model]:
    if len(ids) > MAX_BULK:
        raise Invalid(
            "too_many",
            Sentence("{count} models at once; at most {most} are allowed", count=f"{len(ids):,}", most=f"{MAX_BULK:,}"),
        )
    return Model.objects.filter(pk__in=ids)


def _found(rows: QuerySet[Model], name_or_id: str | int) -> Model:
    by_id = isinstance(name_or_id, int)
    found = rows.filter(pk=name_or_id).first() if by_id else rows.filter(name=_text(str(name_or_id))).first()
    if found is None:
        raise Missing("model", Sentence("there is no model {name_or_id}", name_or_id=repr(str(name_or_id)[:80])))
    return found


def _text(name: str) -> str:
    return name.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
