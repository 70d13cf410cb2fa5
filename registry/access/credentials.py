"""Secrets for upstreams: sealed, bound to their row and origin, never shown again."""

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, ProtectedError, QuerySet

from controlplane.base import access, revision
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence, message_of
from controlplane.base.refusals import Conflict, Invalid, Missing
from controlplane.base.secrets import seal, unseal
from registry.models import Credential
from registry.transports.egress import EndpointInvalid, parse_endpoint

MAX_SECRET = 8192
_HINT_FROM = 12


def listing(actor: access.Actor | None) -> QuerySet[Credential]:
    """Every credential by name with `used_by` (models), never the ciphertext. Raises Forbidden."""
    access.require(actor, "credential.read")
    return Credential.objects.defer("ciphertext").annotate(used_by=Count("models")).order_by("name")


def get(actor: access.Actor | None, credential_id: int) -> Credential:
    """One credential of the listing. Raises Forbidden, Missing."""
    found = listing(actor).filter(pk=credential_id).first()
    if found is None:
        raise Missing("credential", Sentence("there is no credential {credential_id}", credential_id=credential_id))
    return found


@transaction.atomic
def create(actor: access.Actor | None, name: str, origin: str, secret: str, *, request_id: str = "") -> Credential:
    """Store `secret` for `origin` (scheme://host:port; a path is cut). Raises Forbidden, Invalid, Conflict."""
    access.require(actor, "credential.create")
    row = Credential(
        name=_checked_name(name),
        origin=checked_origin(origin),
        ciphertext=b"",
        hint=_hint(checked_secret(secret)),
        created_by_id=getattr(actor, "id", None),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(
            "credential_exists",
            Sentence("a credential named {name} exists; change its secret instead", name=repr(name)),
        ) from error
    row.ciphertext = seal(secret, settings.MASTER_KEY, bound_to(row))
    row.save(update_fields=["ciphertext"])
    audit.record(actor, "credential.create", "credential", row.pk, {"name": row.name, "origin": row.origin}, request_id)
    return row


@transaction.atomic
def change_secret(actor: access.Actor | None, credential_id: int, secret: str, *, request_id: str = "") -> Credential:
    """Replace the secret; models that use it follow with the next revision. Raises Forbidden, Missing, Invalid."""
    access.require(actor, "credential.change")
    row = _locked(credential_id)
    row.hint = _hint(checked_secret(secret))
    row.ciphertext = seal(secret, settings.MASTER_KEY, bound_to(row))
    row.save(update_fields=["hint", "ciphertext", "updated_at"])
    revision.bump()
    audit.record(actor, "credential.change", "credential", row.pk, {"name": row.name}, request_id)
    return row


@transaction.atomic
def delete(actor: access.Actor | None, credential_id: int, *, request_id: str = "") -> None:
    """Forget a secret that no model uses. Raises Forbidden, Missing, Conflict naming the models."""
    access.require(actor, "credential.delete")
    row = _locked(credential_id)
    users = list(row.models.order_by("name").values_list("name", flat=True)[:5])
    if users:
        raise Conflict(
            "credential_used",
            Sentence(
                "credential {row} is used by {users}; change those first", row=repr(row.name), users=", ".join(users)
            ),
        )
    try:
        row.delete()
    except ProtectedError as error:
        raise Conflict(
            "credential_used",
            Sentence(
                "credential {row} is used by {users}; change those first",
                row=repr(row.name),
                users=", ".join(sorted(getattr(one, "name", str(one)) for one in error.protected_objects)[:5]),
            ),
        ) from error
    audit.record(actor, "credential.delete", "credential", credential_id, {"name": row.name}, request_id)


def reveal(row: Credential) -> str:
    """The secret, for building a request to its own origin. Raises SecretError. Never for people."""
    return unseal(bytes(row.ciphertext), settings.MASTER_KEY, bound_to(row))


def bound_to(row: Credential) -> str:
    """What the ciphertext is authenticated with."""
    return f"credential {row.pk} {row.origin}"


def checked_origin(address: str) -> str:
    """scheme://host:port of `address`. Raises Invalid."""
    try:
        return parse_endpoint(address.strip()).origin
    except EndpointInvalid as error:
        raise Invalid("origin", message_of(error)) from error


def checked_secret(secret: str) -> str:
    """`secret` if it can travel in a header: printable ASCII. Raises Invalid without repeating it."""
    if not secret or len(secret) > MAX_SECRET or not all(" " <= char <= "~" for char in secret):
        raise Invalid(
            "secret",
            Sentence("a secret must be 1 to {most} printable ASCII characters without line breaks", most=MAX_SECRET),
        )
    return secret


def _checked_name(name: str) -> str:
    text = name.strip()
    if not 0 < len(text) <= 200 or not text.isprintable():
        raise Invalid("name", Sentence("the name {name} must be 1 to 200 printable characters", name=repr(name[:60])))
    return text


def _hint(secret: str) -> str:
    return f"…{secret[-4:]}" if len(secret) >= _HINT_FROM else "…"


def _locked(credential_id: int) -> Credential:
    row = Credential.objects.select_for_update().filter(pk=credential_id).first()
    if row is None:
        raise Missing("credential", Sentence("there is no credential {credential_id}", credential_id=credential_id))
    return row
