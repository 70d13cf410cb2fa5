"""Settings of the installation that an admin may change in the console."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from controlplane.base import access, revision
from controlplane.base.audit import chain as audit
from controlplane.base.egress_rules import parse_rule
from controlplane.base.messages import Sentence, message_of
from controlplane.base.models import Setting
from controlplane.base.refusals import Invalid

EGRESS = "egress_allow"
MAX_ENTRIES = 500


def egress_allow() -> tuple[str, ...]:
    """Where the data plane may connect to; empty until the first run seeds it."""
    value = Setting.objects.filter(key=EGRESS).values_list("value", flat=True).first()
    return tuple(value or ())


def set_egress_allow(actor: access.Actor | None, entries: Iterable[str], request_id: str = "") -> tuple[str, ...]:
    """Replace the egress allow-list. Raises Forbidden, or Invalid naming the wrong entry."""
    access.require(actor, "settings.change")
    return store_egress_allow(actor, entries, request_id)


@transaction.atomic
def allow_egress(actor: access.Actor | None, entry: str, request_id: str = "") -> tuple[str, ...]:
    """Add one entry to the egress allow-list. Raises Forbidden, Invalid."""
    access.require(actor, "settings.change")
    return store_egress_allow(actor, [*egress_allow(), entry], request_id)


@transaction.atomic
def store_egress_allow(actor: Any, entries: Iterable[str], request_id: str = "") -> tuple[str, ...]:
    """Replace the list without asking who: for the first run, whose actor is None."""
    cleaned = tuple(dict.fromkeys(checked_entry(entry) for entry in entries))
    if len(cleaned) > MAX_ENTRIES:
        raise Invalid(
            "too_many_entries",
            Sentence(
                "{count} egress entries were given; at most {most} are allowed",
                count=len(cleaned),
                most=MAX_ENTRIES,
            ),
        )
    before = egress_allow()
    if cleaned == before:
        return before
    Setting.objects.update_or_create(key=EGRESS, defaults={"value": list(cleaned)})
    revision.bump()
    audit.record(actor, "settings.change", "setting", EGRESS, {"from": before, "to": cleaned}, request_id)
    return cleaned


def checked_entry(entry: object) -> str:
    """`entry` in its stored form. Raises Invalid for what the guard could not read."""
    try:
        return parse_rule(entry if isinstance(entry, str) else "").text
    except ValueError as error:
        raise Invalid("egress_entry", message_of(error), {"entry": str(entry)[:80]}) from error
