"""The verbs on agents' keys: make, revoke. A key opens the door for frames and nothing else; only its HMAC is kept."""

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from controlplane.base import access, events
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Conflict, Missing
from controlplane.base.secrets import key_hash, new_api_key
from registry.access.callers import PREFIX_SHOWN
from routing.inventory import fields
from routing.inventory.listing import TOPIC
from routing.inventory.verbs import one
from routing.models import AgentKey

LONGEST_NAME = 190
SOURCE_PREFIX = "agent:"


def source_of(name: str) -> str:
    """Under which name the store knows what the agent of this node says."""
    return f"{SOURCE_PREFIX}{name}"


def listing(actor: access.Actor | None) -> QuerySet[AgentKey]:
    """The keys that are not revoked, by node. Raises Forbidden."""
    access.require(actor, "fleet.read")
    return AgentKey.objects.filter(revoked_at=None).select_related("node", "created_by").order_by("name")


@transaction.atomic
def create(actor: access.Actor | None, name: str, *, request_id: str = "") -> tuple[AgentKey, str]:
    """Make the key of the agent on the node `name`; the secret cannot be read again.

    Raises Forbidden, Invalid, Conflict if the node has one.
    """
    access.require(actor, "fleet.change")
    secret = new_api_key()
    row = AgentKey(
        name=one("name", name, fields.text(1, LONGEST_NAME)),
        prefix=secret[:PREFIX_SHOWN],
        key_hash=key_hash(secret, settings.KEY_PEPPER),
        created_by_id=getattr(actor, "id", None),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        words = Sentence("the agent of {name} has a key; revoke that one first", name=repr(row.name))
        raise Conflict("exists", words) from error
    audit.record(actor, "agent.create", "agent", row.pk, {"name": row.name, "prefix": row.prefix}, request_id)
    events.publish(TOPIC, {"agent": row.pk})
    return row, secret


@transaction.atomic
def revoke(actor: access.Actor | None, key_id: int, *, request_id: str = "") -> AgentKey:
    """Let an agent in no more, within two seconds. Its devices and their history stay. Raises Forbidden, Missing."""
    access.require(actor, "fleet.change")
    row = AgentKey.objects.select_for_update().filter(pk=key_id, revoked_at=None).first()
    if row is None:
        raise Missing("agent", Sentence("there is no agent's key {key_id} that is in use", key_id=key_id))
    row.revoked_at = timezone.now()
    row.save(update_fields=["revoked_at"])
    audit.record(actor, "agent.revoke", "agent", row.pk, {"name": row.name, "prefix": row.prefix}, request_id)
    events.publish(TOPIC, {"agent": row.pk})
    return row
