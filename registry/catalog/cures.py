"""Failed models by cause, and verbs that cure many at once. Each checks the permission, changes, and audits."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, QuerySet, Subquery

from controlplane.base import access, config
from controlplane.base.messages import Sentence
from controlplane.base.models import Job
from controlplane.base.refusals import Invalid
from registry import guard, reasons
from registry.catalog import releases
from registry.catalog import verbs as catalog
from registry.models import Model, ModelState, Release
from registry.reasons import Failing, Group
from registry.specfile import file as spec_file
from registry.specfile.errors import SpecInvalid
from registry.transports.egress import Egress, EgressRefused, EndpointInvalid, parse_endpoint

UPSTREAM_MODEL = "upstream_model"
_TOLD = 20

Wanted = Callable[[Model], str]
"""The upstream name that a model is to get."""


@dataclass(frozen=True)
class Renaming:
    """A model whose upstream does not know the name that it is asked for, and the names that it offers instead."""

    model_id: int
    name: str
    asked: str
    offered: tuple[str, ...]


def unreachable(actor: access.Actor | None, filter: catalog.ModelFilter) -> list[Group]:
    """The unreachable models that match, by cause. Raises Forbidden, Invalid."""
    rows = Model.objects.filter(pk__in=catalog.matching_ids(actor, filter), state=ModelState.UNREACHABLE)
    found = rows.order_by("name").values_list("pk", "name", "state_reason")
    return reasons.grouped(Failing(name, reason, pk) for pk, name, reason in found)


def of_job(job: Job) -> list[Group]:
    """What failed in a job, by cause; models that are unreachable now have their id."""
    failed = (job.result or {}).get("failed", [])
    names = [row["name"] for row in failed]
    away = Model.objects.filter(name__in=names, state=ModelState.UNREACHABLE)
    ids = dict(away.values_list("name", "pk"))
    return reasons.grouped(Failing(row["name"], row["reason"], ids.get(row["name"]), row.get("line")) for row in failed)


def renamings(actor: access.Actor | None, ids: Sequence[int]) -> list[Renaming]:
    """Those of these models whose last probe says what the upstream offers instead. Raises Forbidden, Invalid."""
    access.require(actor, "model.change")
    found = []
    for model in _rows(ids).filter(state=ModelState.UNREACHABLE).select_related("release").order_by("name"):
        cure = reasons.cure(model.state_reason)
        if cure.kind == reasons.NAME:
            found.append(Renaming(model.pk, model.name, _asked(model), cure.offered))
    return found


def set_upstream_model(
    actor: access.Actor | None, chosen: Mapping[int, str], *, request_id: str = ""
) -> tuple[list[int], Job | None]:
    """Have each of these models ask for another name, and probe them. Returns the ids of those that changed, the job.

    Raises Forbidden, Invalid with every error of a spec.
    """
    return _renamed(actor, list(chosen), lambda model: chosen[model.pk], request_id)


def restore_upstream_model(actor: access.Actor | None, ids: Sequence[int], *, request_id: str = "") -> list[int]:
    """Undo `set_upstream_model` for those of these models that nobody changed since. Returns their ids.

    Raises Forbidden, Invalid.
    """
    number = F("release__number") - 1
    before = Release.objects.filter(model=OuterRef("pk"), number=OuterRef("earlier")).values("spec")[:1]
    rows = _rows(ids).annotate(earlier=number).annotate(spec_before=Subquery(before)).select_related("release")
    undone = {row.pk: _name_in(row.spec_before, row.name) for row in rows if _differs_in_name_alone(row)}
    return _renamed(actor, list(undone), lambda model: undone[model.pk], request_id)[0]


def allow(actor: access.Actor | None, ids: Sequence[int], entries: Sequence[str], *, request_id: str = "") -> Job:
    """Add egress entries that the guard misses for these models, and probe them. Raises Forbidden, Invalid, Missing.

    An entry is read from words that may be an upstream's: it is added only if the guard itself asks for it.
    """
    access.require(actor, "settings.change")
    missed = asyncio.run(_missed(guard.egress(), _endpoints(ids)))
    for entry in entries:
        if entry not in missed:
            message = Sentence(
                "{entry} is not what these models lack; the guard asks for {missed}",
                entry=repr(entry[:80]),
                missed=", ".join(missed) or "nothing",
            )
            raise Invalid("egress_entry", message, {"entry": entry[:80]})
    with transaction.atomic():
        for entry in entries:
            config.allow_egress(actor, entry, request_id)
        return catalog.probe(actor, ids, request_id=request_id)


@transaction.atomic
def _renamed(
    actor: access.Actor | None, ids: Sequence[int], wanted: Wanted, request_id: str
) -> tuple[list[int], Job | None]:
    access.require(actor, "model.change")
    known = releases.world()
    entries, told = [], {}
    rows = _rows(ids).exclude(release=None).select_for_update(of=("self",)).select_related("release")
    for model in rows.order_by("pk"):
        entry = _entry(model, wanted(model), known)
        if model.release is not None and entry.digest != model.release.digest:
            entries.append(entry)
            told[model.name] = [_asked(model), entry.spec.upstream_model]
    if not entries:
        return [], None
    changed = list(releases.store(entries, getattr(actor, "id", None)).changed)
    first = dict(list(told.items())[:_TOLD])
    catalog.record_change(actor, "model.change", list(told), {UPSTREAM_MODEL: first}, request_id)
    probed = list(Model.objects.filter(pk__in=changed, state=ModelState.PROBING).values_list("pk", flat=True))
    return changed, catalog.enqueue_probe(actor, probed, catalog.label(list(told))) if probed else None


def _entry(model: Model, wanted: str, known: releases.World) -> releases.Entry:
    assert model.release is not None
    try:
        spec = spec_file.read({**model.release.spec, UPSTREAM_MODEL: wanted})
    except SpecInvalid as error:
        raise releases.spec_refusal(error.errors) from error
    found = releases.problems(spec, known)
    if found:
        raise releases.spec_refusal(found)
    return releases.Entry(spec, spec_file.digest(spec_file.document(spec)))


def _rows(ids: Sequence[int]) -> QuerySet[Model]:
    if len(ids) > catalog.MAX_BULK:
        raise Invalid(
            "too_many",
            Sentence(
                "{count} models at once; at most {most} are allowed",
                count=f"{len(ids):,}",
                most=f"{catalog.MAX_BULK:,}",
            ),
        )
    return Model.objects.filter(pk__in=ids)


def _asked(model: Model) -> str:
    return _name_in(model.release.spec if model.release else {}, model.name)


def _name_in(spec: Mapping[str, Any], name: str) -> str:
    """The upstream name in a spec document, which leaves it out if it is the model's own."""
    return str(spec.get(UPSTREAM_MODEL) or name)


def _differs_in_name_alone(row: Any) -> bool:
    if not row.release or not row.spec_before or row.release.spec == row.spec_before:
        return False
    now, before = ({**document, UPSTREAM_MODEL: ""} for document in (row.release.spec, row.spec_before))
    return bool(now == before)


def _endpoints(ids: Sequence[int]) -> list[tuple[str, int]]:
    found: dict[tuple[str, int], None] = {}
    for model in _rows(ids).exclude(release=None).select_related("release"):
        try:
            addresses = releases.spec_of(model).endpoints
            found.update({(item.host, item.port): None for item in map(parse_endpoint, addresses)})
        except (SpecInvalid, EndpointInvalid):
            continue
    return list(found)


async def _missed(egress: Egress, endpoints: Sequence[tuple[str, int]]) -> list[str]:
    """The entries that would let the guard pass to these places, each once."""

    async def entry(host: str, port: int) -> str:
        try:
            await egress.resolve(host, port)
        except EgressRefused as refused:
            return refused.entry
        except OSError:
            return ""
        return ""

    found = await asyncio.gather(*(entry(host, port) for host, port in endpoints))
    return [item for item in dict.fromkeys(found) if item]
