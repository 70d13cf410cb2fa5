"""The page of one device: values, trends, memory, processes and errors, now or at a moment."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language

from controlplane.base import access
from controlplane.base.refusals import Invalid, Missing
from controlplane.base.web.doors import PersonRequest, page
from routing.alerts.reading import FiringAlerts, firing
from routing.device import events, moment, packing, values
from routing.device.values import DeviceValues
from routing.history import charts
from routing.inventory import departures, listing, past
from routing.models import Device
from routing.samples import reasons

SPAN_S, POINTS = 3600, 360
STEP = timedelta(minutes=10)
HEADLINES = (
    "utilization_ratio", "sm_active_ratio", "tensor_active_ratio", "dram_active_ratio",
    "memory_used_bytes", "temperature_celsius", "power_watts", "sm_clock_hertz",
)  # fmt: skip
BESIDE = {
    "memory_used_bytes": "memory_total_bytes",
    "temperature_celsius": "slowdown_temperature_celsius",
    "power_watts": "power_limit_watts",
}
"""What is shown in small print below a headline."""


@dataclass(frozen=True, slots=True)
class TrendPanel:
    """A chart: series on the left axis and on the right one, `scale` times their values, in `unit`."""

    name: str
    left: tuple[str, ...]
    unit: str
    scale: float = 1.0
    right: tuple[str, ...] = ()
    right_unit: str = ""

    @property
    def series(self) -> tuple[str, ...]:
        """All lines in order."""
        return self.left + self.right


PANELS = (
    TrendPanel(
        "activity", ("utilization_ratio", "sm_active_ratio", "tensor_active_ratio", "dram_active_ratio"), "%", 100.0
    ),
    TrendPanel("memory", ("memory_used_bytes", "memory_total_bytes"), "GB", 1e-9),
    TrendPanel(
        "heat_power", ("temperature_celsius", "memory_temperature_celsius"), "°C", 1.0,
        ("power_watts", "power_limit_watts"), "W",
    ),
    TrendPanel("clocks", ("sm_clock_hertz", "memory_clock_hertz"), "MHz", 1e-6),
    TrendPanel(
        "links",
        (
            "pcie_receive_bytes_per_second", "pcie_transmit_bytes_per_second",
            "fabric_receive_bytes_per_second", "fabric_transmit_bytes_per_second",
        ),
        "GB/s", 1e-9,
    ),
)  # fmt: skip
TREND_NAMES = tuple(name for panel in PANELS for name in panel.series)


@page("fleet.read")
def device(request: PersonRequest, uuid: str) -> HttpResponse:
    """One device, as it is, or with ?at=… as it was."""
    try:
        row = listing.device_named(request.user, uuid)
    except Missing:
        return render(request, "routing/device_unknown.html", {"uuid": uuid}, status=404)
    at, complaint, clock = None, "", time.time()
    try:
        at = _moment(request, clock)
    except Invalid as refusal:
        complaint = refusal.message
    shown = values.now(row.uuid) if at is None else values.at(row.uuid, at, clock)
    context = {
        "device": row,
        "values": shown,
        "values_at": timezone.now() - timedelta(seconds=shown.age_s) if shown.age_s is not None else None,
        **_memory(row, shown, at),
        "departures": departures.of(row) if at is None else (),
        "held_by": _held_by(shown),
        "last_error": _last_error(row, shown),
        "headlines": HEADLINES,
        "beside": BESIDE,
        "panels": PANELS,
        "slices": row.slices.order_by("uuid"),
        "complaint": complaint,
        "alerts": _alerts(request, row) if at is None else None,
        **_moments(at, clock),
    }
    return render(request, "routing/device.html", context)


@page("fleet.read")
def device_trends(request: PersonRequest, uuid: str) -> HttpResponse:
    """The last 60 minutes as JSON, or those before ?at=…: start, step in seconds, columns by series, null for gaps."""
    row = listing.device_named(request.user, uuid)
    clock = time.time()
    end = _moment(request, clock) or clock
    found = charts.chart(row.uuid, (*TREND_NAMES, "throttle_reasons"), end - SPAN_S, end, clock, POINTS)
    given = {name: column for name, column in found.series.items() if any(value is not None for value in column)}
    return JsonResponse({"start": found.start, "step": found.step, "end": end, "columns": given})


@page("fleet.read")
def device_events(request: PersonRequest, uuid: str) -> HttpResponse:
    """What went wrong in the last 24 hours, or those before ?at=…."""
    row = listing.device_named(request.user, uuid)
    clock = time.time()
    end = _moment(request, clock) or clock
    found = events.of_day(row.uuid, end, clock)
    shown = [
        {
            "event": one,
            "at": datetime.fromtimestamp(one.at, UTC),
            "xid": reasons.XIDS.get(int(one.value)) if row.vendor == "nvidia" and one.series == "last_error" else None,
        }
        for one in found.shown
    ]
    context = {"device": row, "events": shown, "found": found, "end": datetime.fromtimestamp(end, UTC)}
    return render(request, "routing/parts/device_events.html", context)


def _memory(row: Device, shown: DeviceValues, at: float | None) -> dict[str, Any]:
    """What holds its memory, now or at a moment; for a moment of which that is not known, since when it is."""
    if at is None:
        return {"packing": packing.packed(row, packing.placed(row), shown.by_series)}
    then = datetime.fromtimestamp(at, UTC)
    found = past.at(row.pk, then)
    if not found.known(then):
        return {"packing": None, "unknown_before": found.kept_since or timezone.now()}
    return {"packing": packing.packed(row, [(name, "", held) for name, held in found.models], shown.by_series)}


def _alerts(request: PersonRequest, row: Device) -> FiringAlerts | None:
    """What fires about this device; None for who may not see it."""
    return firing(request.user, subjects={row.uuid}) if access.can(request.user, "alert.read") else None


def _moment(request: PersonRequest, clock: float) -> float | None:
    """The moment that the address names, if it does. Raises Invalid."""
    text = request.GET.get("at", "").replace("\x00", "")
    return moment.read(text, clock) if text.strip() else None


def _moments(at: float | None, clock: float) -> dict[str, Any]:
    """The moment that is shown, and those before and after it."""
    if at is None:
        return {"at": None, "linked": datetime.fromtimestamp(int(clock), UTC)}
    then = datetime.fromtimestamp(int(at), UTC)
    after = then + STEP
    return {
        "at": then,
        "linked": then,
        "before": then - STEP,
        "after": after if after.timestamp() < clock else None,
    }


def _held_by(shown: DeviceValues) -> list[dict[str, Any]] | None:
    """Why the clocks are held down, in the reader's language; None if the source does not say."""
    mask = shown.by_series.get("throttle_reasons")
    if mask is None:
        return None
    language = "zh" if (get_language() or "").startswith("zh") else "en"
    return [
        {"name": one.name[language], "text": getattr(one, language), "calm": one.calm}
        for one in reasons.held_by(mask.value)
    ]


def _last_error(row: Device, shown: DeviceValues) -> dict[str, Any] | None:
    """The last error that the driver holds; None if there is none."""
    one = shown.by_series.get("last_error")
    if one is None or not one.value:
        return None
    return {"number": int(one.value), "xid": reasons.XIDS.get(int(one.value)) if row.vendor == "nvidia" else None}
