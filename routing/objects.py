"""What the objects of routing are called today, and their pages: for the audit log."""

from collections.abc import Sequence

from django.urls import reverse
from django.utils.http import urlencode

from controlplane.base.audit.naming import Find, Named
from routing.energy_tables import EnergyTariff
from routing.models import AgentKey, Device, Node, TelemetryEndpoint


def nodes(ids: Sequence[str]) -> dict[str, Named]:
    """Nodes, which the log writes by number."""
    rows = Node.objects.filter(pk__in=_numbers(ids)).values_list("pk", "name")
    return {str(pk): Named(name, _page(node=name)) for pk, name in rows}


def devices(ids: Sequence[str]) -> dict[str, Named]:
    """Devices, which the log writes by number."""
    rows = Device.objects.filter(pk__in=_numbers(ids)).values_list("pk", "uuid")
    return {str(pk): Named(uuid, _page(q=uuid)) for pk, uuid in rows}


def endpoints(ids: Sequence[str]) -> dict[str, Named]:
    """Telemetry endpoints, which the log writes by number."""
    rows = TelemetryEndpoint.objects.filter(pk__in=_numbers(ids)).values_list("pk", "name")
    return {str(pk): Named(name, f"{reverse('gpus-telemetry')}#te-{pk}") for pk, name in rows}


def tariffs(ids: Sequence[str]) -> dict[str, Named]:
    """Tariffs, which the log writes by number."""
    rows = EnergyTariff.objects.filter(pk__in=_numbers(ids)).values_list("pk", "valid_from")
    return {str(pk): Named(f"{start:%Y-%m-%d %H:%M}", reverse("energy-prices")) for pk, start in rows}


def agents(ids: Sequence[str]) -> dict[str, Named]:
    """Agents' keys, which the log writes by number."""
    rows = AgentKey.objects.filter(pk__in=_numbers(ids)).values_list("pk", "name")
    return {str(pk): Named(name, f"{reverse('agents')}#agent-{pk}") for pk, name in rows}


def _page(**wanted: str) -> str:
    return f"{reverse('gpus')}?{urlencode(wanted)}"


def _numbers(ids: Sequence[str]) -> list[int]:
    return [int(text) for text in ids if text.isdecimal() and len(text) < 19]


OBJECTS: dict[str, Find] = {
    "node": nodes,
    "device": devices,
    "telemetry": endpoints,
    "tariff": tariffs,
    "agent": agents,
}
