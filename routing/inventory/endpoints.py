"""The verbs on telemetry endpoints: add, change, remove. Each checks, changes and audits in one place.

The collector reads the table every second; nothing has to be started again.
"""

import math
from collections.abc import Collection, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from controlplane.base import access, events
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence, message_of
from controlplane.base.refusals import Conflict, Invalid, Missing
from registry import guard
from registry.models import Credential
from registry.transports.egress import EgressRefused, EndpointInvalid, ParsedEndpoint, parse_endpoint
from routing.inventory import fields
from routing.inventory.fields import Reader, Unfit
from routing.inventory.verbs import checked
from routing.models import EndpointState, TelemetryEndpoint
from routing.telemetry import DEVICE_SOURCES, ENGINE_SOURCES

TOPIC = "telemetry"
KINDS = (*DEVICE_SOURCES, *ENGINE_SOURCES)
LEAST_SECONDS, MOST_SECONDS = 0.5, 300.0
DEVICE_SECONDS, ENGINE_SECONDS = 1.0, 2.0
"""How often an exporter of devices and a model server are asked if nobody says otherwise."""


def kind(value: Any) -> str:
    """The name of a collector."""
    if not isinstance(value, str) or value not in KINDS:
        raise Unfit(Sentence("one of {known}", known=", ".join(KINDS)))
    return value


def interval(value: Any) -> float | None:
    """Seconds between two looks, or none for what the kind has by default."""
    if value is None:
        return None
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not LEAST_SECONDS <= number <= MOST_SECONDS:
        raise Unfit(Sentence("a number of seconds from {least} to {most}", least=LEAST_SECONDS, most=MOST_SECONDS))
    return number


def url(value: Any) -> str:
    """An address whose path is where the metrics are."""
    found: str = fields.text(1, 500)(value)
    try:
        parse_endpoint(found)
    except EndpointInvalid as error:
        raise Unfit(message_of(error)) from error
    return found


def serves(value: Any) -> dict[str, str]:
    """Our models by the names that a model server gives them; one that tells no name has the empty one."""
    unnamed = value.get("") if isinstance(value, dict) else None
    found: dict[str, str] = fields.labels(value if unnamed is None else {k: v for k, v in value.items() if k})
    return found if unnamed is None else {"": fields.text(1, 100)(unnamed), **found}


ENDPOINT: Mapping[str, Reader] = {
    "name": fields.text(1, 200),
    "kind": kind,
    "url": url,
    "interval_s": interval,
    "node": fields.text(0, 200),
    "enabled": fields.flag,
    "emulated": fields.flag,
    "credential": fields.text(0, 200),
    "serves": serves,
}
"""What a draft holds. `credential` is its name."""


def listing(actor: access.Actor | None) -> QuerySet[TelemetryEndpoint]:
    """Every endpoint by name. Raises Forbidden."""
    access.require(actor, "fleet.read")
    return TelemetryEndpoint.objects.select_related("credential").order_by("name")


def get(actor: access.Actor | None, endpoint_id: int) -> TelemetryEndpoint:
    """One endpoint of the listing. Raises Forbidden, Missing."""
    found = listing(actor).filter(pk=endpoint_id).first()
    if found is None:
        raise _missing(endpoint_id)
    return found


@transaction.atomic
def add(actor: access.Actor | None, draft: Mapping[str, Any], request_id: str = "") -> TelemetryEndpoint:
    """Have an address scraped. Raises Forbidden, Invalid, Conflict for a name that is taken."""
    access.require(actor, "fleet.change")
    row = TelemetryEndpoint()
    _fill(row, checked(draft, ENDPOINT, ("name", "kind", "url")))
    _save(row)
    audit.record(actor, "telemetry.add", "telemetry", row.pk, told(row), request_id)
    events.publish(TOPIC, {"telemetry": row.pk})
    return row


@transaction.atomic
def edit(
    actor: access.Actor | None, endpoint_id: int, draft: Mapping[str, Any], request_id: str = ""
) -> TelemetryEndpoint:
    """Change fields; those that are left out stay. Another address forgets what the old one said.

    Raises Forbidden, Missing, Invalid, Conflict.
    """
    access.require(actor, "fleet.change")
    row = locked(endpoint_id)
    before = told(row)
    _fill(row, checked(draft, ENDPOINT))
    if not (changed := audit.difference(before, told(row))):
        return row
    written = {*changed, "changed_at"}
    if not changed.keys().isdisjoint(("kind", "url")):
        row.state, row.looked_at, row.complaints, row.tells_of, row.nodes = EndpointState.NEW, None, [], [], []
        written |= {"state", "looked_at", "complaints", "tells_of", "nodes"}
    _save(row, written)
    audit.record(actor, "telemetry.edit", "telemetry", row.pk, {"name": row.name, "changed": changed}, request_id)
    events.publish(TOPIC, {"telemetry": row.pk})
    return row


@transaction.atomic
def remove(actor: access.Actor | None, endpoint_id: int, request_id: str = "") -> None:
    """Scrape it no more; its devices and their history stay. Raises Forbidden, Missing."""
    access.require(actor, "fleet.change")
    row = locked(endpoint_id)
    before = told(row)
    row.delete()
    audit.record(actor, "telemetry.remove", "telemetry", endpoint_id, before, request_id)
    events.publish(TOPIC, {"telemetry": endpoint_id})


def told(row: TelemetryEndpoint) -> dict[str, Any]:
    """An endpoint's fields as a draft."""
    found = {name: getattr(row, name) for name in ENDPOINT if name != "credential"}
    return {**found, "credential": row.credential.name if row.credential else ""}


def locked(endpoint_id: int) -> TelemetryEndpoint:
    """The row, kept from others until the transaction ends. Raises Missing."""
    rows = TelemetryEndpoint.objects.select_for_update(of=("self",)).select_related("credential")
    row = rows.filter(pk=endpoint_id).first()
    if row is None:
        raise _missing(endpoint_id)
    return row


def _fill(row: TelemetryEndpoint, given: Mapping[str, Any]) -> None:
    """Write what was read into the row. Raises Invalid for an address or a credential that cannot be."""
    for name, value in given.items():
        if name != "credential":
            setattr(row, name, value)
    if row.interval_s is None:
        row.interval_s = DEVICE_SECONDS if row.kind in DEVICE_SOURCES else ENGINE_SECONDS
    if "credential" in given:
        row.credential = _credential(given["credential"])
    place = parse_endpoint(row.url)
    if "url" in given:
        _check_egress(place)
    if row.credential is not None and row.credential.origin != place.origin:
        raise Invalid(
            "credential",
            Sentence(
                "credential {name} is bound to {origin} and cannot be sent to {other}",
                name=repr(row.credential.name),
                origin=row.credential.origin,
                other=place.origin,
            ),
        )


def _check_egress(place: ParsedEndpoint) -> None:
    """Whether the guard lets an address that is given as an IP be reached; a name is checked at each connection."""
    try:
        guard.egress().check(place.host, place.port, place.host)
    except EgressRefused as error:
        raise Invalid("egress_refused", message_of(error), {"entry": error.entry}) from error
    except ValueError:
        return


def _credential(name: str) -> Credential | None:
    if not name:
        return None
    found = Credential.objects.filter(name=name).first()
    if found is None:
        raise Invalid("credential", Sentence("there is no credential {name}", name=repr(name)))
    return found


def _save(row: TelemetryEndpoint, written: Collection[str] | None = None) -> None:
    try:
        with transaction.atomic():
            row.save(update_fields=written)
    except IntegrityError as error:
        raise Conflict(
            "exists",
            Sentence("a telemetry source named {name} exists; change it instead", name=repr(row.name)),
        ) from error


def _missing(endpoint_id: int) -> Missing:
    return Missing("telemetry", Sentence("there is no telemetry source {endpoint}", endpoint=endpoint_id))
