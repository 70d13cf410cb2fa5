"""What the overview says of the fleet: what it does, draws and costs now, and what in it needs somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from controlplane.base import access
from controlplane.base.web.telling import told
from routing.alerts import reading as alerts
from routing.alerts.reading import FiringAlerts
from routing.energy import figures as energy
from routing.energy.figures import EnergyNow
from routing.fleet import board, devices
from routing.history import current
from routing.history.current import CurrentValues
from routing.inventory import listing
from routing.models import Device, DeviceState, EndpointState, TelemetryEndpoint

WRONG = (EndpointState.COMPLAINING, EndpointState.UNREACHABLE)
RECENT = timedelta(hours=24)
FIELDS = (*devices.FIELDS, "model", "held", "gone_at", "seen_at", "node__name")
NAMED = 3
"""So many of those that need somebody are named; of the others is told that there are more."""


@dataclass(frozen=True)
class FleetNow:
    """The fleet at this moment: sums as the Fleet page shows them, energy and money, and what fires.

    `gone`: whole devices that vanished within a day, `silent`: that reported once and say nothing now, `draining`: that
    are being emptied. `away`: Redis does not answer, so nothing is known of who is silent.
    """

    totals: dict[str, str]
    emulated: int
    energy: EnergyNow
    firing: FiringAlerts
    gone: list[str]
    silent: list[str]
    draining: list[str]
    away: bool


def now(user: Any) -> FleetNow | None:
    """The fleet as it is; None if there is no device, or for who may not see it. Six queries."""
    if not access.can(user, "fleet.read"):
        return None
    rows = list(listing.ordered(Device.objects).values_list(*FIELDS, named=True))
    if not rows:
        return None
    live = current.known()
    whole = [row for row in rows if row.parent_id is None]
    there = [row for row in whole if row.gone_at is None]
    draining = [row for row in there if DeviceState.DRAINING in (row.held, row.node__held)]
    leaving = {row.pk for row in draining}
    heard = [row for row in there if row.seen_at is not None and row.pk not in leaving]
    listed = [devices.of_row(row) for row in rows]
    totals = devices.totals(listed, [live.by_subject.get(row.uuid) for row in rows])
    since = timezone.now() - RECENT
    return FleetNow(
        board.totals_told(totals),
        totals["emulated"],
        energy.now(user, [(row.uuid, row.model, row.node__emulated) for row in there]),
        alerts.firing(user, most=NAMED),
        [_name(row) for row in whole if row.gone_at is not None and row.gone_at >= since],
        [] if live.away else [_name(row) for row in heard if not _fresh(live, row)],
        [_name(row) for row in draining],
        bool(live.away),
    )


def _name(row: Any) -> str:
    return f"{row.node__name} {row.uuid}"


def _fresh(live: CurrentValues, row: Any) -> bool:
    one = live.by_subject.get(row.uuid)
    return one is not None and one.age_s <= current.STALE_SECONDS


def needs(user: Any, fleet: FleetNow) -> list[dict[str, str]]:
    """What in the fleet waits for a person, worst first. One query."""
    return [*_alerts(fleet.firing), *_sources(user), *_devices(fleet)]


def need(tone: str, what: str, more: str, href: str, action: str = "") -> dict[str, str]:
    """One thing that waits for a person."""
    return {"tone": tone, "what": what, "more": more, "href": href, "action": action or gettext("Look")}


def _alerts(firing: FiringAlerts) -> list[dict[str, str]]:
    if not firing.total:
        return []
    what = ngettext("%(n)d alert fires", "%(n)d alerts fire", firing.total) % {"n": firing.total}
    tone = "failed" if firing.by_severity.get("critical") else "review"
    more = named([f"{one.rule}: {one.subject}" for one in firing.rows], firing.total)
    return [need(tone, what, more, reverse("alerts"))]


def _sources(user: Any) -> list[dict[str, str]]:
    """Sources of telemetry that say what cannot be, or nothing."""
    rows = TelemetryEndpoint.objects.filter(enabled=True, state__in=WRONG).order_by("name")
    found = list(rows.values_list("name", "state", "complaints")[: NAMED + 1])
    if not found:
        return []
    what = ngettext(
        "%(n)d source of telemetry lies or is silent", "%(n)d sources of telemetry lie or are silent", len(found)
    ) % {"n": len(found)}
    said = [f"{name}: {told(complaints[0])}" if complaints else name for name, _, complaints in found]
    return [need("unreachable", what, named(said, len(found)), reverse("gpus-telemetry"))]


def _devices(fleet: FleetNow) -> list[dict[str, str]]:
    lost = ngettext("%(n)d device is gone", "%(n)d devices are gone", len(fleet.gone))
    mute = ngettext("%(n)d device is silent", "%(n)d devices are silent", len(fleet.silent))
    leaving = ngettext("%(n)d device is draining", "%(n)d devices are draining", len(fleet.draining))
    table = reverse("gpus") + "?view=table&state="
    return [
        need(tone, what % {"n": len(names)}, named(names, len(names)), href)
        for tone, what, names, href in (
            ("failed", lost, fleet.gone, f"{table}gone"),
            ("unreachable", mute, fleet.silent, reverse("gpus")),
            ("draining", leaving, fleet.draining, f"{table}draining"),
        )
        if names
    ]


def named(texts: Sequence[str], total: int) -> str:
    """The first of these texts, and a sign if there are more."""
    return ", ".join(texts[:NAMED]) + (" …" if total > NAMED else "")
