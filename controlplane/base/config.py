"""Settings of the installation that an admin may change in the console."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

from django.db import transaction

from controlplane.base import access, audit, revision
from controlplane.base.models import Setting
from controlplane.base.refusals import Invalid

EGRESS = "egress_allow"
MAX_ENTRIES = 500
_HOST = re.compile(r"(\*\.)?([A-Za-z0-9_]([A-Za-z0-9_-]{0,62})\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})\.?")
_EXPECTED = "public, a CIDR, a host, *.domain, or one of those with :port"


def egress_allow() -> tuple[str, ...]:
    """Where the data plane may connect to; empty until the first run seeds it."""
    value = Setting.objects.filter(key=EGRESS).values_list("value", flat=True).first()
    return tuple(value or ())


def set_egress_allow(actor: access.Actor | None, entries: Iterable[str], request_id: str = "") -> tuple[str, ...]:
    """Replace the egress allow-list. Raises Forbidden, or Invalid naming the wrong entry."""
    access.require(actor, "settings.change")
    return store_egress_allow(actor, entries, request_id)


@transaction.atomic
def store_egress_allow(actor: Any, entries: Iterable[str], request_id: str = "") -> tuple[str, ...]:
    """Replace the list without asking who: for the first run, whose actor is None."""
    cleaned = tuple(dict.fromkeys(checked_entry(entry) for entry in entries))
    if len(cleaned) > MAX_ENTRIES:
        raise Invalid(
            "too_many_entries", f"{len(cleaned)} egress entries were given; at most {MAX_ENTRIES} are allowed"
        )
    before = egress_allow()
    if cleaned == before:
        return before
    Setting.objects.update_or_create(key=EGRESS, defaults={"value": list(cleaned)})
    revision.bump()
    audit.record(actor, "settings.change", "setting", EGRESS, {"from": before, "to": cleaned}, request_id)
    return cleaned


def checked_entry(entry: object) -> str:
    """`entry` in its stored form. Raises Invalid."""
    text = str(entry).strip().lower() if isinstance(entry, str) else ""
    if text == "public" or _is_network(text):
        return text
    host, colon, port = text.rpartition(":")
    if colon and port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536:
        text_host = host.removeprefix("[").removesuffix("]")
        if _is_network(text_host) or (_HOST.fullmatch(host) and len(host) <= 253):
            return text
    if text and len(text) <= 253 and _HOST.fullmatch(text):
        return text
    raise Invalid("egress_entry", f"egress entry {str(entry)[:80]!r} is not {_EXPECTED}", {"entry": str(entry)[:80]})


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True
