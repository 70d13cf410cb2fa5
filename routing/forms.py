"""Forms of the fleet. They check shape alone; rules live in the verbs."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid
from controlplane.base.web import words
from registry.forms import credential_field
from registry.specfile.errors import Findings
from registry.specfile.rules import SizeKind
from registry.specfile.values import size, written_size
from routing.inventory import endpoints, fields
from routing.models import Device, Node, TelemetryEndpoint
from routing.pushed.keys import LONGEST_NAME

PLAIN = {"autocomplete": "off", "spellcheck": "false"}
LINES = {**PLAIN, "rows": "4"}


class AgentForm(forms.Form):
    """The node whose agent gets a key."""

    name = forms.CharField(
        label=_("Node"),
        max_length=LONGEST_NAME,
        help_text=_("The node's name, as the fleet shows it."),
        widget=forms.TextInput(attrs=PLAIN),
    )


class NodeForm(forms.Form):
    """A machine with devices."""

    name = forms.CharField(label=_("Name"), max_length=200, widget=forms.TextInput(attrs=PLAIN))
    address = forms.CharField(
        label=_("Address"),
        max_length=300,
        required=False,
        help_text=_("For people; collectors have addresses of their own."),
        widget=forms.TextInput(attrs=PLAIN),
    )
    labels = forms.CharField(
        label=_("Labels"),
        required=False,
        help_text=_("NAME=VALUE, one in each line"),
        widget=forms.Textarea(attrs=LINES),
    )


class DeviceFieldsForm(forms.Form):
    """What people correct of a device."""

    vendor = forms.ChoiceField(
        label=_("Vendor"), choices=lambda: [(one, words.word("vendor", one)) for one in fields.VENDORS]
    )
    model = forms.CharField(label=_("Device model"), max_length=200, widget=forms.TextInput(attrs=PLAIN))
    memory = forms.CharField(
        label=_("Memory"),
        max_length=40,
        required=False,
        help_text=_("80GB, 141GiB, or a number of bytes"),
        widget=forms.TextInput(attrs=PLAIN),
    )
    power_limit_w = forms.FloatField(label=_("Power limit in watts"), required=False)
    index = forms.IntegerField(label=_("Its number on the node"), required=False)
    serial = forms.CharField(
        label=_("Serial number"), max_length=100, required=False, widget=forms.TextInput(attrs=PLAIN)
    )
    links = forms.CharField(
        label=_("Links"),
        required=False,
        help_text=_("UUID and kind, such as: GPU-0001 nvlink. One in each line."),
        widget=forms.Textarea(attrs=LINES),
    )
    labels = forms.CharField(
        label=_("Labels"),
        required=False,
        help_text=_("NAME=VALUE, one in each line"),
        widget=forms.Textarea(attrs=LINES),
    )


class NewDeviceForm(DeviceFieldsForm):
    """A device that no collector reports, or a slice of one."""

    field_order = ("node", "uuid", "parent", "vendor", "model", "memory")
    node = forms.ChoiceField(
        label=_("Node"),
        choices=lambda: [(name, name) for name in Node.objects.order_by("name").values_list("name", flat=True)],
    )
    uuid = forms.CharField(
        label=_("UUID"),
        max_length=100,
        help_text=_("As its maker's tools tell it. A collector that reports it later takes it over."),
        widget=forms.TextInput(attrs=PLAIN),
    )
    parent = forms.CharField(
        label=_("Slice of"),
        max_length=100,
        required=False,
        help_text=_("The UUID of the whole device, if this is a slice of one."),
        widget=forms.TextInput(attrs=PLAIN),
    )


def node_draft(form: forms.Form) -> dict[str, Any]:
    """What a valid form gives the verbs."""
    return {**form.cleaned_data, "labels": labels_in(form.cleaned_data["labels"])}


def device_draft(form: forms.Form) -> dict[str, Any]:
    """What a valid form gives the verbs. Raises Invalid for a memory that is no size, or a link without a kind."""
    draft = dict(form.cleaned_data)
    written = draft.pop("memory").strip()
    draft["memory_bytes"] = memory_in(written) if written else None
    draft["labels"] = labels_in(draft["labels"])
    draft["links"] = links_in(draft["links"])
    return draft


def memory_in(written: str) -> int | None:
    """Bytes. Raises Invalid."""
    amount = size(int(written) if written.isdecimal() else written, ("memory",), Findings(), SizeKind())
    if not amount:
        wrong = fields.Unfit(Sentence("a size such as 80GB or 141GiB, more than 0"))
        raise Invalid("memory", wrong.told("memory", written))
    return amount


def labels_in(text: str) -> dict[str, str]:
    """Labels of lines NAME=VALUE."""
    pairs = (line.partition("=") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def links_in(text: str) -> list[dict[str, str]]:
    """Links of lines UUID KIND. Raises Invalid."""
    found = []
    for line in filter(None, map(str.split, text.splitlines())):
        if len(line) != 2:
            words_given = repr(" ".join(line)[:60])
            raise Invalid("links", Sentence("links has {line}; expected a UUID and a kind", line=words_given))
        found.append({"to": line[0], "kind": line[1]})
    return found


def node_form(row: Node) -> dict[str, Any]:
    """What the form of a node shows first."""
    return {"name": row.name, "address": row.address, "labels": _lines(row.labels)}


def device_form(row: Device) -> dict[str, Any]:
    """What the form of a device shows first."""
    told = {name: getattr(row, name) for name in ("vendor", "model", "power_limit_w", "index", "serial")}
    links = "\n".join(f"{link['to']} {link['kind']}" for link in row.links)
    memory = "" if row.memory_bytes is None else written_size(row.memory_bytes)
    return {**told, "memory": memory, "links": links, "labels": _lines(row.labels)}


def changed(row: Node | Device, draft: Mapping[str, Any]) -> dict[str, Any]:
    """What a person really changed: only that is a correction, which collectors then leave alone."""
    return {name: value for name, value in draft.items() if getattr(row, name) != value}


def _lines(labels: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={value}" for name, value in labels.items())


class TelemetryForm(forms.Form):
    """An address that telemetry is scraped from."""

    name = forms.CharField(label=_("Name"), max_length=200, widget=forms.TextInput(attrs=PLAIN))
    kind = forms.ChoiceField(
        label=_("What answers there"),
        choices=lambda: [(one, words.word("telemetry_kind", one)) for one in endpoints.KINDS],
    )
    url = forms.CharField(
        label=_("Address of its metrics"),
        max_length=500,
        help_text=_("Without a path, /metrics is asked."),
        widget=forms.TextInput(
            attrs={**PLAIN, "placeholder": "http://gpu-node-1:9400/metrics", "inputmode": "url"},
        ),
    )
    node = forms.CharField(
        label=_("Node"),
        max_length=200,
        required=False,
        help_text=_("Empty: as the exporter says, else the host of the address."),
        widget=forms.TextInput(attrs=PLAIN),
    )
    interval_s = forms.FloatField(
        label=_("Asked every (seconds)"),
        required=False,
        min_value=endpoints.LEAST_SECONDS,
        max_value=endpoints.MOST_SECONDS,
        help_text=_("Empty: 1 for devices, 2 for model servers."),
    )
    credential = credential_field()
    serves = forms.CharField(
        label=_("Models of a model server"),
        required=False,
        help_text=_("Only if the one that fits is the wrong one: SERVED NAME=MODEL, one in each line"),
        widget=forms.Textarea(attrs={**LINES, "rows": "2"}),
    )
    emulated = forms.BooleanField(label=_("Emulated: what it tells of is made up"), required=False)


def telemetry_draft(form: TelemetryForm) -> dict[str, Any]:
    """What a valid form gives the verb."""
    lines = [line.strip() for line in form.cleaned_data["serves"].splitlines() if line.strip()]
    serves = {name.strip(): model.strip() for name, _, model in (line.rpartition("=") for line in lines)}
    return {**form.cleaned_data, "serves": serves}


def telemetry_form(row: TelemetryEndpoint) -> dict[str, Any]:
    """The form's first values for an endpoint."""
    lines = "\n".join(f"{name}={model}" for name, model in row.serves.items())
    return {**endpoints.told(row), "serves": lines}
