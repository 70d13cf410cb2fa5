"""The verbs on repositories of specs: add one, change it, forget it, read its branch now."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from controlplane.base import access, events
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence, message_of
from controlplane.base.refusals import Conflict, Invalid, Missing
from controlplane.base.secrets import SecretError, seal, unseal
from registry import guard
from registry.access import credentials
from registry.models import Credential
from registry.transports.egress import EgressRefused, EndpointInvalid, ParsedEndpoint, parse_endpoint
from versions.gitops.forges import FORGES
from versions.models import Push, SpecRepository
from versions.reading.errors import SourceError, SourceRefused
from versions.reading.web import addresses

FIELDS = ("name", "url", "branch", "folder", "forge", "status_api", "credential")
"""What a draft holds, beside the webhook's secret, which is written and never read."""
LENGTHS = {"name": 200, "url": 500, "branch": 200, "folder": 300, "forge": 16, "status_api": 500}
DEFAULTS: Mapping[str, Any] = {"branch": "main", "folder": "", "forge": "plain", "status_api": "", "credential": ""}
LEAST_SECRET = 16
ONE_TOKEN = {"https://api.github.com:443": "https://github.com:443"}
"""Where a forge's API has another origin than its repositories, and takes the same token."""


def listing(actor: access.Actor | None) -> QuerySet[SpecRepository]:
    """Every repository by name, with its `last_push`, and `has_webhook` instead of its secret. Raises Forbidden."""
    access.require(actor, "source.read")
    rows = SpecRepository.objects.select_related("credential").defer("webhook_secret")
    last = Push.objects.filter(repository=OuterRef("pk")).order_by("-pk")
    return rows.annotate(
        has_webhook=Q(webhook_secret__isnull=False), last_push=Subquery(last.values("pk")[:1])
    ).order_by("name")


def get(actor: access.Actor | None, repository_id: int) -> SpecRepository:
    """One repository of the listing. Raises Forbidden, Missing."""
    found = listing(actor).filter(pk=repository_id).first()
    if found is None:
        raise _missing(repository_id)
    return found


def pushes(actor: access.Actor | None, repository_id: int) -> QuerySet[Push]:
    """What was pushed to a repository, the newest first. Raises Forbidden, Missing."""
    return get(actor, repository_id).pushes.order_by("-pk")


@transaction.atomic
def create(actor: access.Actor | None, draft: Mapping[str, Any], request_id: str = "") -> SpecRepository:
    """Take specs from a repository. Raises Forbidden, Invalid, Conflict for a name that is taken."""
    access.require(actor, "repository.change")
    row = SpecRepository(created_by_id=getattr(actor, "id", None))
    _fill(row, {**DEFAULTS, **draft})
    _save(row, draft.get("webhook_secret"))
    audit.record(actor, "repository.create", "repository", row.pk, _told(row), request_id)
    return _announced(row)


@transaction.atomic
def change(
    actor: access.Actor | None, repository_id: int, draft: Mapping[str, Any], request_id: str = ""
) -> SpecRepository:
    """Change fields of a repository; those that are left out stay, and an empty `webhook_secret` closes its webhook.

    Raises Forbidden, Missing, Invalid, Conflict.
    """
    access.require(actor, "repository.change")
    row = _locked(repository_id)
    before = _told(row)
    _fill(row, {**before, **draft})
    row.state_reason = ""
    secret = draft.get("webhook_secret")
    _save(row, secret)
    changed = audit.difference(before, _told(row))
    if secret is not None:
        changed["webhook_secret"] = {"to": "set" if secret else "removed"}
    audit.record(actor, "repository.change", "repository", row.pk, {"name": row.name, "changed": changed}, request_id)
    return _announced(row)


@transaction.atomic
def delete(actor: access.Actor | None, repository_id: int, request_id: str = "") -> None:
    """Forget a repository and its pushes; the models and updates that came of them stay. Raises Forbidden, Missing."""
    access.require(actor, "repository.change")
    row = _locked(repository_id)
    told = _told(row)
    row.delete()
    audit.record(actor, "repository.delete", "repository", repository_id, told, request_id)
    events.publish("repositories", {"id": repository_id})


def webhook_secret(row: SpecRepository) -> str:
    """The secret of a repository's webhook, empty if it has none: the webhook is off then. Never for people."""
    if not row.webhook_secret:
        return ""
    try:
        return unseal(bytes(row.webhook_secret), settings.MASTER_KEY, _bound_to(row))
    except SecretError:
        return ""


def secret_for(row: SpecRepository, address: str) -> str:
    """The repository's credential if it is for `address`, else nothing. Raises SourceRefused if it cannot be read."""
    origin = parse_endpoint(address).origin
    if row.credential is None or row.credential.origin not in (origin, ONE_TOKEN.get(origin)):
        return ""
    try:
        return credentials.reveal(row.credential)
    except SecretError as error:
        raise SourceRefused(message_of(error)) from error


def _fill(row: SpecRepository, draft: Mapping[str, Any]) -> None:
    """Write a checked draft into a row. Raises Invalid that names the field."""
    unknown = sorted(draft.keys() - {*FIELDS, "webhook_secret"})
    if unknown:
        raise Invalid("unknown_field", Sentence("a repository has no field {field}", field=repr(unknown[0][:60])))
    for name, most in LENGTHS.items():
        value = draft.get(name, "")
        text = value.strip() if isinstance(value, str) else None
        if text is None or len(text) > most or not text.isprintable():
            words = Sentence("{field} must be printable text of at most {most} characters", field=name, most=most)
            raise Invalid(name, words)
        setattr(row, name, text)
    row.folder = row.folder.strip("/")
    for name in ("name", "url", "branch"):
        if not getattr(row, name):
            raise Invalid(name, Sentence("a repository needs {field}", field=name))
    if ".." in row.folder.split("/"):
        raise Invalid("folder", Sentence("the folder {folder} leads out of the repository", folder=repr(row.folder)))
    if row.forge not in FORGES:
        known = ", ".join(FORGES)
        raise Invalid("forge", Sentence("{field} is {value}; expected one of {known}", field="forge",
                                        value=repr(row.forge), known=known))  # fmt: skip
    row.credential = _credential(draft["credential"])
    _check_places(row)


def _credential(name: Any) -> Credential | None:
    if not name:
        return None
    found = Credential.objects.filter(name=name).first() if isinstance(name, str) else None
    if found is None:
        raise Invalid("credential", Sentence("there is no credential {name}", name=repr(name)[:80]))
    return found


def _check_places(row: SpecRepository) -> None:
    """Whether both addresses may be reached, and the credential belongs to one of them. Raises Invalid."""
    repository = _endpoint("url", row.url)
    endpoints = [repository]
    if row.status_api:
        if row.forge == "plain":
            words = Sentence("a plain git server takes no commit status; choose github or gitlab, or leave it empty")
            raise Invalid("status_api", words)
        if not repository.path.strip("/"):
            raise Invalid("url", Sentence("{url} names no repository", url=repr(row.url)))
        endpoints.append(_endpoint("status_api", row.status_api))
    allowed = {origin for endpoint in endpoints for origin in (endpoint.origin, ONE_TOKEN.get(endpoint.origin))}
    if row.credential is not None and row.credential.origin not in allowed:
        raise Invalid(
            "credential",
            Sentence(
                "credential {name} is bound to {origin} and cannot be sent to {other}",
                name=repr(row.credential.name),
                origin=row.credential.origin,
                other=repository.origin,
            ),
        )


def _endpoint(field: str, address: str) -> ParsedEndpoint:
    try:
        endpoint = parse_endpoint(address)
        addresses(guard.egress(), endpoint.host, endpoint.port)
    except EndpointInvalid as error:
        raise Invalid(field, message_of(error)) from error
    except EgressRefused as error:
        raise Invalid(field, message_of(error), {"entry": error.entry}) from error
    except SourceError:
        pass  # A name that does not resolve now may do so later; the push says it.
    return endpoint


def _save(row: SpecRepository, secret: Any) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        words = Sentence("a repository named {name} exists; choose another name", name=repr(row.name))
        raise Conflict("repository_exists", words) from error
    if secret is None:
        return
    fits = isinstance(secret, str) and len(secret) <= 500 and all(" " < char <= "~" for char in secret)
    if not fits or 0 < len(secret) < LEAST_SECRET:
        words = Sentence("a webhook's secret has {least} to 500 printable ASCII characters", least=LEAST_SECRET)
        raise Invalid("webhook_secret", words)
    row.webhook_secret = seal(secret, settings.MASTER_KEY, _bound_to(row)) if secret else None
    row.save(update_fields=["webhook_secret"])


def _told(row: SpecRepository) -> dict[str, Any]:
    """A repository's fields as a draft, without secrets."""
    told = {name: getattr(row, name) for name in FIELDS if name != "credential"}
    return {**told, "credential": row.credential.name if row.credential else ""}


def _locked(repository_id: int) -> SpecRepository:
    rows = SpecRepository.objects.select_for_update(of=("self",)).select_related("credential")
    row = rows.filter(pk=repository_id).first()
    if row is None:
        raise _missing(repository_id)
    return row


def _missing(repository_id: int) -> Missing:
    return Missing("repository", Sentence("there is no repository {repository}", repository=repository_id))


def _bound_to(row: SpecRepository) -> str:
    return f"webhook of repository {row.pk}"


def _announced(row: SpecRepository) -> SpecRepository:
    events.publish("repositories", {"id": row.pk})
    return row
