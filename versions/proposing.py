"""Proposing updates: a new spec by a person, a push or a source, or what a finished scan says has changed."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.db import transaction

from controlplane.base import access
from controlplane.base.audit import chain as audit
from controlplane.base.jobs import verbs as jobs
from controlplane.base.messages import Sentence, cut, joined
from controlplane.base.refusals import Conflict, Invalid, Missing
from registry.catalog import releases
from registry.models import Model, Release
from registry.specfile import file as spec_file
from registry.specfile.errors import SpecError, SpecInvalid
from versions import flow
from versions.descriptions import Description, descriptions, narrowed, own_spec
from versions.diff.classify import classify
from versions.diff.loading import Unreadable, load
from versions.flow import UpdateEvent
from versions.models import Manifest, Scan, Source, Update, UpdateState
from versions.respec import NOTHING, respec

KIND = "update"
LONGEST_TEXT = 2_000_000
LONGEST_REASON = 2000
LOST = "it is gone, larger than what is read, or no description any more"
"""Why nothing can be said of a description that an earlier scan had."""
SUPERSEDED = (
    UpdateState.SEEN, UpdateState.UNREADABLE, UpdateState.TESTING, UpdateState.REVIEW, UpdateState.APPROVED,
    UpdateState.EXPIRED,
)  # fmt: skip
DECIDED = (UpdateState.REJECTED, UpdateState.EXPIRED, UpdateState.ROLLED_BACK)
Document = Mapping[str, Any] | str | bytes


class _Unreadable(Exception):
    """A proposal that is no spec of this model; the message says why."""


def propose(
    actor: Any,
    model: Model,
    document: Document,
    *,
    origin: str,
    scan: Scan | None = None,
    commit: Mapping[str, Any] | None = None,
) -> Update | None:
    """Propose a new spec for a model and have it judged in a job; None if it is what the model serves.

    The same proposal again gives the open update. `document` is a spec, or its text; one that cannot be read becomes an
    update that says why. `actor` is None if no person asked (a scan, a push); a commit may name its author's `account`.
    Raises Forbidden, and Missing for a model without a release.
    """
    if actor is not None:
        access.require(actor, "update.propose")
    kept, wanted, why = _read(model, document)
    with transaction.atomic():
        locked = Model.objects.select_for_update(of=("self",)).select_related("release").get(pk=model.pk)
        if locked.release is None:
            raise Missing("release", Sentence("the model {model} has no release to update", model=model.name))
        if _unchanged(locked, kept, scan):
            return None
        same = _same(locked, kept, scan)
        if same is not None:
            return same
        update = Update.objects.create(
            model=locked, base=locked.release, source=scan.source if scan else None, scan=scan, origin=origin,
            proposed=kept, author_id=getattr(actor, "id", None) or (commit or {}).get("account"),
            commit=dict(commit or {}),
        )  # fmt: skip
        detail = {"name": locked.name, "origin": origin, "base": locked.release.number}
        audit.record(actor, "update.propose", "update", update.pk, detail)
        _supersede(actor, update)
        if wanted is None:
            return flow.move(update.pk, UpdateEvent.FAIL_TO_READ, actor=actor, reason=why)
        flow.announce(update)
        enqueue(update, actor)
    return update


def propose_by_hand(actor: Any, name: str, document: Mapping[str, Any]) -> Update:
    """Propose a spec that a person wrote, instead of saving it at once.

    Raises Forbidden, Missing, Invalid with every error of the spec, and Conflict if the model serves it already.
    """
    access.require(actor, "update.propose")
    model = Model.objects.filter(name=name).first()
    if model is None:
        raise Missing("model", Sentence("there is no model {name}", name=repr(name[:80])))
    spec = releases.checked_spec(document)
    if spec.name != name:
        raise Invalid("name", Sentence("its name is {name} and not {model}", name=repr(spec.name), model=repr(name)))
    update = propose(actor, model, document, origin="person")
    if update is None:
        raise Conflict("unchanged", Sentence("{model} serves this spec already", model=name))
    return update


def enqueue(update: Update, actor: Any = None, edited: Mapping[str, Any] | None = None) -> None:
    """Have an update judged and tested; `edited` is a person's adaptation in place of ours."""
    title = Sentence("Judge the update of {model}", model=update.model.name)
    given = {"update": str(update.pk), **({"edited": edited} if edited is not None else {})}
    jobs.enqueue(KIND, given, actor=actor, title=title)


def enqueue_once(update: Update, key: str) -> None:
    """Have an update judged unless it was for this very reason before."""
    title = Sentence("Judge the update of {model}", model=update.model.name)
    jobs.enqueue(KIND, {"update": str(update.pk)}, title=title, idempotency=jobs.once(key, key))


def propose_from_scan(scan_id: int) -> Update | None:
    """Propose what a finished scan found changed; None if that is nothing, or was decided on already.

    The first scan of a source is what later ones are held against. Raises Missing for a scan that is unknown or open.
    """
    scan = Scan.objects.select_related("source__model__release", "manifest").filter(pk=scan_id).first()
    if scan is None or scan.manifest is None:
        raise Missing("scan", Sentence("there is no finished scan {scan}", scan=scan_id))
    source, model = scan.source, scan.source.model
    if model.release is None:
        return None
    earlier = accepted(source)
    if scan.manifest.digest in (model.release.manifest, earlier.digest if earlier is not None else ""):
        _withdraw(scan)
        return None
    if earlier is None or _decided(scan):
        return None
    document = _respecified(model.release, earlier, scan.manifest)
    return propose(None, model, document, origin="webhook" if scan.trigger == "webhook" else "scan", scan=scan)


def accepted(source: Source) -> Manifest | None:
    """The manifest of a source that its model serves: of its last update that went live, else of its first scan."""
    scan, _ = accepted_scan(source)
    return scan.manifest if scan is not None else None


def accepted_scan(source: Source) -> tuple[Scan | None, Update | None]:
    """The scan that a source's model serves, and the update that put it live; its first scan without one."""
    live = source.updates.filter(state__in=[UpdateState.LIVE, UpdateState.SUPERSEDED], live_at__isnull=False)
    update = live.exclude(scan__manifest=None).order_by("-live_at").select_related("scan__manifest").first()
    if update is not None:
        return update.scan, update
    return source.scans.exclude(manifest=None).order_by("pk").select_related("manifest").first(), None


def changed_descriptions(old: Manifest, new: Manifest) -> list[tuple[Description | None, Description]]:
    """The interface descriptions that a manifest has otherwise than an earlier one, and those that it lost."""
    before, after = old.contents, new.contents
    moved = {path: text for path, text in after.items() if text != before.get(path)}
    known = descriptions({path: text for path, text in before.items() if text != after.get(path)})
    found = descriptions(moved)
    lost = [one for path, one in known.items() if one.kind and path not in found]
    return [
        *((known.get(path), one) for path, one in found.items()),
        *((one, Description(one.path, "", None, LOST)) for one in lost),
    ]


def renames(old: Description, new: Description, base: Mapping[str, Any]) -> Mapping[str, str]:
    """Fields that one description has under another name than the other, by their dotted path."""
    if old.kind != new.kind or not new.kind:
        return NOTHING
    old, new = narrowed(old, new, base)
    plan = classify(old.data, new.data, new.kind, "request").plan
    steps = [step for step in plan if step.do == "rename"]
    paths = {".".join(step.path): ".".join((*step.path[:-1], str(dict(step.arguments)["to"]))) for step in steps}
    return {**{path.rpartition(".")[2]: to for path, to in paths.items()}, **paths}


def _respecified(release: Release, old: Manifest, new: Manifest) -> Document:
    """The spec that follows from what moved in a manifest's descriptions. A spec of our own among them is it."""
    document: Document = release.spec
    for before, after in changed_descriptions(old, new):
        if after.kind == "spec":
            found = own_spec(after, release.spec.get("name", ""))
            return found if isinstance(found, dict) else json.dumps(found)
        if before is not None and isinstance(document, Mapping):
            document = respec(document, before, after, renames(before, after, document)).proposed
    return document


def _withdraw(scan: Scan) -> None:
    """End what earlier scans of a source proposed and does not roll yet: the files are those that are served again."""
    stale = Update.objects.filter(source=scan.source, state__in=SUPERSEDED, scan__lt=scan.pk)
    words = Sentence("its source went back to what {model} serves", model=scan.source.model.name)
    for row in stale.order_by("created_at"):
        with suppress(Conflict):
            flow.move(row.pk, UpdateEvent.SUPERSEDE, reason=words)


def _decided(scan: Scan) -> bool:
    """Whether the same files were proposed for this model before and not wanted."""
    rows = Update.objects.filter(model=scan.source.model, scan__manifest=scan.manifest).order_by("-created_at")
    last = rows.first()
    return last is not None and last.state in DECIDED


def _read(model: Model, document: Document) -> tuple[dict[str, Any], dict[str, Any] | None, str]:
    """What is kept of a proposal, its normal form, or None and the reason why it cannot be read."""
    kept: dict[str, Any] = {}
    try:
        if isinstance(document, str | bytes):
            kept = {"text": cut(_text(document).replace("\x00", "\ufffd"), 10_000)}
            if len(document) > LONGEST_TEXT:
                words = Sentence(
                    "it has {count} characters; at most {most} are read", count=len(document), most=LONGEST_TEXT
                )
                raise _Unreadable(words)
            document = load(document)
        if not isinstance(document, Mapping):
            raise _Unreadable(Sentence("a spec is a mapping with name, type, protocol and endpoint"))
        kept = _storable(document)
        spec = spec_file.read(kept)
        if spec.name != model.name:
            raise _Unreadable(
                Sentence("its name is {name} and not {model}", name=repr(spec.name), model=repr(model.name))
            )
        found = releases.problems(spec, releases.world())
        if found:
            raise _Unreadable(_told(found))
    except SpecInvalid as error:
        return kept, None, _told(error.errors)
    except (_Unreadable, Unreadable) as error:
        return kept, None, error.args[0]
    except RecursionError:
        return kept, None, Sentence("it is nested too deep")
    return spec_file.document(spec), spec_file.document(spec), ""


def _text(document: str | bytes) -> str:
    return document.decode("utf-8", "replace") if isinstance(document, bytes) else document


def _storable(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document as JSON that PostgreSQL takes: text instead of dates, no NUL, no NaN, no circle."""
    try:
        text = json.dumps(document, default=str)
    except (ValueError, TypeError) as error:
        raise _Unreadable(Sentence("it is no JSON: {error}", error=str(error))) from error
    stored: dict[str, Any] = json.loads(text.replace("\\u0000", "\\ufffd"), parse_constant=str)
    return stored


def _told(errors: "list[SpecError] | tuple[SpecError, ...]") -> str:
    return cut(joined([item.placed for item in errors[:5]], "; "), LONGEST_REASON)


def _unchanged(model: Model, kept: Mapping[str, Any], scan: Scan | None) -> bool:
    """Whether a proposal is what the model serves: its spec, or what that was adapted from, and the same files."""
    release = model.release
    assert release is not None
    if scan is not None and scan.manifest is not None and scan.manifest.digest != release.manifest:
        return False
    made = Update.objects.filter(release=release, state=UpdateState.LIVE).values_list("proposed", flat=True).first()
    return kept in (release.spec, made)


def _same(model: Model, kept: Mapping[str, Any], scan: Scan | None) -> Update | None:
    """The open update that proposes just this."""
    rows = Update.objects.filter(model=model, base=model.release, state__in=flow.OPEN, proposed=kept)
    return rows.filter(scan__manifest=scan.manifest_id if scan else None).first()


def _supersede(actor: Any, update: Update) -> None:
    """End what was proposed for the model before and does not roll yet."""
    earlier = Update.objects.filter(model=update.model, state__in=SUPERSEDED).exclude(pk=update.pk)
    words = Sentence("a newer update of {model} was proposed", model=update.model.name)
    for row in earlier.order_by("created_at"):
        flow.move(row.pk, UpdateEvent.SUPERSEDE, actor=actor, reason=words)
