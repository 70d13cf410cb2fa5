"""The verbs on sources: watch a place, change how, stop, scan it now. Each checks, changes and audits in one place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from controlplane.base import access, events
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence, message_of
from controlplane.base.models import Job
from controlplane.base.refusals import Conflict, Invalid, Missing
from controlplane.base.secrets import SecretError, seal, unseal
from registry import guard
from registry.models import Credential, Model
from registry.transports.egress import EgressRefused, EndpointInvalid, ParsedEndpoint, parse_endpoint
from versions import scanning
from versions.kinds import DOORS
from versions.models import Scan, SignaturePolicy, Source, SourceKind
from versions.reading.errors import SourceError
from versions.reading.web import addresses

FIELDS = (
    *("name", "kind", "location", "reference", "poll_seconds", "signature_policy", "identity", "probe_budget"),
    *("enabled", "model", "credential"),
)
"""What a draft holds, beside the webhook's secret, which is written and never read."""
DEFAULTS: Mapping[str, Any] = {
    "reference": "", "poll_seconds": 900, "signature_policy": "ignore", "identity": "", "probe_budget": 60,
    "enabled": True, "credential": "", "location": "",
}  # fmt: skip
LEAST_SECRET = 16


@dataclass(frozen=True)
class NumberBounds:
    """The least and most of a number."""

    least: int
    most: int


BOUNDS = {"poll_seconds": NumberBounds(30, 7 * 86_400), "probe_budget": NumberBounds(1, 10_000)}
LENGTHS = {"name": 200, "location": 500, "reference": 200, "identity": 300}


def listing(actor: access.Actor | None) -> QuerySet[Source]:
    """Every source by name, with `scanned_at`, and `has_webhook` instead of its secret. Raises Forbidden."""
    access.require(actor, "source.read")
    last = Scan.objects.filter(source=OuterRef("pk")).exclude(manifest=None).order_by("-pk")
    rows = Source.objects.select_related("model", "credential").defer("webhook_secret", "cursor")
    return rows.annotate(
        scanned_at=Subquery(last.values("finished_at")[:1]), has_webhook=Q(webhook_secret__isnull=False)
    ).order_by("name")


def get(actor: access.Actor | None, source_id: int) -> Source:
    """One source of the listing. Raises Forbidden, Missing."""
    found = listing(actor).filter(pk=source_id).first()
    if found is None:
        raise Missing("source", Sentence("there is no source {source}", source=source_id))
    return found


@transaction.atomic
def create(actor: access.Actor | None, draft: Mapping[str, Any], request_id: str = "") -> Source:
    """Watch a place and scan it at once. Raises Forbidden, Invalid, Conflict for a name that is taken."""
    access.require(actor, "source.change")
    row = Source(created_by_id=getattr(actor, "id", None), due_at=Now())
    _fill(row, {**DEFAULTS, **draft})
    _save(row)
    _keep_secret(row, draft.get("webhook_secret"))
    audit.record(actor, "source.create", "source", row.pk, _told(row), request_id)
    row.refresh_from_db()
    if row.enabled:
        scanning.enqueue(row, "person", actor=actor)
    _announce(row)
    return row


@transaction.atomic
def change(actor: access.Actor | None, source_id: int, draft: Mapping[str, Any], request_id: str = "") -> Source:
    """Change fields of a source; those that are left out stay. Another place forgets what the old one said.

    `webhook_secret` sets the secret, and an empty one closes the webhook. Raises Forbidden, Missing, Invalid, Conflict.
    """
    access.require(actor, "source.change")
    row = _locked(source_id)
    before = _told(row)
    place = (row.kind, row.location, row.reference)
    _fill(row, {**before, **draft})
    if place != (row.kind, row.location, row.reference):
        row.cursor, row.revision, row.owner_id, row.full_at = {}, "", "", None
    row.due_at, row.state_reason, row.failed_scans = Now(), "", 0
    _save(row)
    _keep_secret(row, draft.get("webhook_secret"))
    changed = audit.difference(before, _told(row))
    if draft.get("webhook_secret") is not None:
        changed["webhook_secret"] = {"after": "set" if draft["webhook_secret"] else "removed"}
    audit.record(actor, "source.change", "source", row.pk, {"name": row.name, "changed": changed}, request_id)
    row.refresh_from_db()
    _announce(row)
    return row


@transaction.atomic
def delete(actor: access.Actor | None, source_id: int, request_id: str = "") -> None:
    """Stop watching and forget the scans; releases, updates and their history stay. Raises Forbidden, Missing."""
    access.require(actor, "source.change")
    row = _locked(source_id)
    told = _told(row)
    row.delete()
    audit.record(actor, "source.delete", "source", source_id, told, request_id)
    events.publish("sources", {"id": source_id})


@transaction.atomic
def scan_now(actor: access.Actor | None, source_id: int, request_id: str = "") -> Job:
    """Read every file of a source again, in a job. Raises Forbidden, Missing."""
    access.require(actor, "source.scan")
    row = _locked(source_id)
    job = scanning.enqueue(row, "person", full=True, actor=actor)
    audit.record(actor, "source.scan", "source", row.pk, {"name": row.name, "job": str(job.pk)}, request_id)
    return job


def webhook_secret(row: Source) -> str:
    """The secret of a source's webhook, empty if it has none: the webhook is off then. Never for people."""
    if not row.webhook_secret:
        return ""
    try:
        return unseal(bytes(row.webhook_secret), settings.MASTER_KEY, _bound_to(row))
    except SecretError:
        return ""


def _fill(row: Source, draft: Mapping[str, Any]) -> None:
    """Write a checked draft into a row. Raises Invalid that names the field."""
    unknown = sorted(draft.keys() - {*FIELDS, "webhook_secret"})
    if unknown:
        raise Invalid("unknown_field", Sentence("a source has no field {field}", field=repr(unknown[0][:60])))
    for name, most in LENGTHS.items():
        setattr(row, name, _text(name, draft.get(name, ""), most))
    for name, bound in BOUNDS.items():
        setattr(row, name, _number(name, draft[name], bound))
    if not row.name:
        raise Invalid("name", Sentence("a source needs a name"))
    row.kind = _choice("kind", draft.get("kind"), SourceKind.values)
    row.signature_policy = _choice("signature_policy", draft["signature_policy"], SignaturePolicy.values)
    if not isinstance(draft["enabled"], bool):
        raise Invalid("enabled", Sentence("enabled is {value}; expected true or false", value=repr(draft["enabled"])))
    row.enabled = draft["enabled"]
    if row.signature_policy == SignaturePolicy.REQUIRE and not row.identity:
        raise Invalid("identity", Sentence("a required signature needs the identity or the key that must have signed"))
    row.model = _model(draft.get("model"))
    row.credential = _credential(draft["credential"])
    _check_place(row)


def _check_place(row: Source) -> None:
    """Whether the place can be a source, may be reached, and gets no credential of another origin. Raises Invalid."""
    if row.kind not in DOORS:
        raise Invalid("kind", Sentence("sources of the kind {kind} are not watched yet", kind=row.kind))
    try:
        address = DOORS[row.kind].address(row.location)
    except SourceError as error:
        raise Invalid("location", message_of(error)) from error
    if not address:
        return
    try:
        endpoint = parse_endpoint(address.partition("?")[0])
        addresses(guard.egress(), endpoint.host, endpoint.port)
    except EndpointInvalid as error:
        raise Invalid("location", message_of(error)) from error
    except EgressRefused as error:
        raise Invalid("egress_refused", message_of(error), {"entry": error.entry}) from error
    except SourceError:
        pass  # A name that does not resolve now may do so later; the scan says it.
    _check_origin(row, endpoint)


def _check_origin(row: Source, endpoint: ParsedEndpoint) -> None:
    if row.credential is not None and row.credential.origin != endpoint.origin:
        raise Invalid(
            "credential",
            Sentence(
                "credential {name} is bound to {origin} and cannot be sent to {other}",
                name=repr(row.credential.name),
                origin=row.credential.origin,
                other=endpoint.origin,
            ),
        )


def _text(name: str, value: Any, most: int) -> str:
    text = value.strip() if isinstance(value, str) else None
    if text is None or len(text) > most or not text.isprintable():
        raise Invalid(
            name,
            Sentence("{field} must be printable text of at most {most} characters", field=name, most=most),
        )
    return text


def _number(name: str, value: Any, bound: NumberBounds) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not bound.least <= value <= bound.most:
        raise Invalid(
            name,
            Sentence(
                "{field} is {value}; expected a whole number from {least} to {most}",
                field=name,
                value=repr(value)[:60],
                least=bound.least,
                most=bound.most,
            ),
        )
    return value


def _choice(name: str, value: Any, known: list[str]) -> str:
    if value not in known:
        raise Invalid(
            name,
            Sentence(
                "{field} is {value}; expected one of {known}",
                field=name,
                value=repr(value)[:60],
                known=", ".join(known),
            ),
        )
    return str(value)


def _model(name: Any) -> Model:
    found = Model.objects.filter(name=name).first() if isinstance(name, str) else None
    if found is None:
        raise Invalid("model", Sentence("there is no model {name}", name=repr(name)[:80]))
    return found


def _credential(name: Any) -> Credential | None:
    if not name:
        return None
    found = Credential.objects.filter(name=name).first() if isinstance(name, str) else None
    if found is None:
        raise Invalid("credential", Sentence("there is no credential {name}", name=repr(name)[:80]))
    return found


def _save(row: Source) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Conflict(
            "source_exists", Sentence("a source named {name} exists; choose another name", name=repr(row.name))
        ) from error


def _keep_secret(row: Source, secret: Any) -> None:
    if secret is None:
        return
    fits = isinstance(secret, str) and len(secret) <= 500 and all(" " < char <= "~" for char in secret)
    if not fits or 0 < len(secret) < LEAST_SECRET:
        raise Invalid(
            "webhook_secret",
            Sentence("a webhook's secret has {least} to 500 printable ASCII characters", least=LEAST_SECRET),
        )
    row.webhook_secret = seal(secret, settings.MASTER_KEY, _bound_to(row)) if secret else None
    row.save(update_fields=["webhook_secret"])


def _told(row: Source) -> dict[str, Any]:
    """A source's fields as a draft, without secrets."""
    told = {name: getattr(row, name) for name in FIELDS if name not in ("model", "credential")}
    return {**told, "model": row.model.name, "credential": row.credential.name if row.credential else ""}


def _locked(source_id: int) -> Source:
    rows = Source.objects.select_for_update(of=("self",)).select_related("model", "credential")
    row = rows.filter(pk=source_id).first()
    if row is None:
        raise Missing("source", Sentence("there is no source {source}", source=source_id))
    return row


def _bound_to(row: Source) -> str:
    return f"webhook of source {row.pk}"


def _announce(row: Source) -> None:
    events.publish("sources", {"id": row.pk})
