"""The collector's side of the table: rows as they are read, how looks went as it is written, nodes as they are told.

Everything here runs in the collector's one thread for PostgreSQL. Raises django.db.Error while that is away.
"""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Max

from controlplane.base import events
from controlplane.base.messages import message_of
from controlplane.base.secrets import SecretError
from registry.access import credentials
from registry.transports.egress import EndpointInvalid, parse_endpoint
from registry.transports.target import Target
from routing.inventory.discovery import SeenNode, discovered
from routing.inventory.endpoints import TOPIC
from routing.models import TelemetryEndpoint
from routing.scraping.facts import Facts, ScrapedEndpoint
from routing.scraping.watch import MOST_SUBJECTS_TOLD, EndpointWatch
from routing.telemetry import DEVICE_SOURCES, ENGINE_SOURCES

SOURCES = DEVICE_SOURCES | ENGINE_SOURCES


def version() -> tuple[Any, ...]:
    """What moves with every change of the table."""
    found = TelemetryEndpoint.objects.aggregate(Count("pk"), Max("pk"), Max("changed_at"))
    return tuple(found.values())


def endpoints() -> dict[int, tuple[ScrapedEndpoint, bool, frozenset[str]]]:
    """Every endpoint by its id, whether it is enabled, and the nodes that it told of last."""
    rows = TelemetryEndpoint.objects.select_related("credential").order_by("pk")
    return {row.pk: (_scraped(row), row.enabled, frozenset(row.nodes)) for row in rows if row.kind in SOURCES}


def next_run() -> int:
    """The run of a collector that begins: more than every run of a collector before, whatever the clock says."""
    with connection.cursor() as cursor:
        cursor.execute("select coalesce(max(run), 0) from telemetry_source where source like 'endpoint:%%'", [])
        (last,) = cursor.fetchone() or (0,)
    return max(int(last) + 1, int(time.time() * 1000))


def write(changed: Iterable[EndpointWatch], looked: Iterable[EndpointWatch]) -> None:
    """Write how the last looks went: all of it where it changed, else only when they were."""
    rows = [
        TelemetryEndpoint(
            pk=one.endpoint.id,
            state=one.state,
            looked_at=datetime.fromtimestamp(one.looked_at, UTC),
            complaints=one.complaints(),
            tells_of=one.subjects[:MOST_SUBJECTS_TOLD],
            nodes=sorted(one.facts),
        )
        for one in changed
    ]
    fields = ["state", "looked_at", "complaints", "tells_of", "nodes"]
    if rows:
        TelemetryEndpoint.objects.bulk_update(rows, fields)
    moments = {one.endpoint.id: one.looked_at for one in looked}
    if moments:
        with connection.cursor() as cursor:
            cursor.execute(
                "update routing_telemetryendpoint as row set looked_at = to_timestamp(look.at) "
                "from unnest(%s::bigint[], %s::float8[]) as look (id, at) where row.id = look.id",
                [list(moments), list(moments.values())],
            )
    if rows or moments:
        events.publish(TOPIC, {"telemetry": [row.pk for row in rows][:20]})


def tell(name: str, told: Mapping[int, tuple[ScrapedEndpoint, Facts]], whole: bool) -> None:
    """Tell the inventory of a node: what every endpoint says of it, the first that names a device counts."""
    devices: dict[str, Any] = {}
    for _, found in told.values():
        devices = {**found[name], **devices}
    first = next(iter(told.values()))[0]
    emulated = any(endpoint.emulated for endpoint, _ in told.values())
    discovered(SeenNode(name, address=first.host, emulated=emulated), list(devices.values()), whole=whole)


def _scraped(row: TelemetryEndpoint) -> ScrapedEndpoint:
    trouble, target = "", None
    try:
        place = parse_endpoint(row.url)
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if row.credential is not None:
            headers = ((b"authorization", b"Bearer " + credentials.reveal(row.credential).encode()),)
        target = Target(place.scheme, place.host, place.port, place.path, headers)
    except (EndpointInvalid, SecretError, ValueError) as error:
        trouble = message_of(error)
    return ScrapedEndpoint(row.pk, row.name, SOURCES[row.kind], target, row.interval_s, row.node, row.emulated, trouble)
