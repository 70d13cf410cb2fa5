"""Forms of alerts. They check shape alone; rules live in the verbs."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from controlplane.base.web import words
from routing.alerts.language import matching
from routing.alerts.models import AlertReceiver, ReceiverForm

PLAIN = {"autocomplete": "off", "spellcheck": "false"}
HOURS = (
    ("1", _("1 hour")), ("4", _("4 hours")), ("24", _("1 day")), ("168", _("1 week")), ("720", _("30 days")),
)  # fmt: skip


class SilenceForm(forms.Form):
    """What is to be silent, for how long, and why."""

    matchers = forms.CharField(
        label=_("Which alerts"),
        max_length=1000,
        help_text=_('Labels with commas between, for example: alertname="DeviceHot", node=~"rack-7-.*"'),
        widget=forms.TextInput(attrs=PLAIN),
    )
    hours = forms.ChoiceField(label=_("For"), choices=HOURS, initial="4")
    reason = forms.CharField(label=_("Why"), max_length=500, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def draft(self) -> dict[str, Any]:
        """The silence, from now on."""
        given = self.cleaned_data
        ends = timezone.now() + timedelta(hours=int(given["hours"]))
        return {"matchers": given["matchers"], "ends_at": ends, "reason": given["reason"]}


class AlertReceiverForm(forms.Form):
    """Where messages go."""

    name = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    form = forms.ChoiceField(
        label=_("Form"), choices=lambda: [(one, words.word("receiver_form", one)) for one in ReceiverForm.values]
    )
    address = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_("https://… as the receiver gave it. It is encrypted, and shown no more."),
        widget=forms.TextInput(attrs=PLAIN),
    )
    matchers = forms.CharField(
        label=_("Only alerts with"),
        required=False,
        max_length=1000,
        help_text=_('For example: severity=~"critical|warning". Empty: every alert.'),
        widget=forms.TextInput(attrs=PLAIN),
    )
    group_by = forms.CharField(
        label=_("One message for each"),
        required=False,
        max_length=300,
        help_text=_("Labels beside the rule, for example: node. Empty: one message a rule."),
        widget=forms.TextInput(attrs=PLAIN),
    )
    interval_s = forms.FloatField(
        label=_("Seconds between two messages of a group"), initial=60, min_value=5, max_value=86_400
    )
    tells_resolved = forms.BooleanField(label=_("Tell also when an alert is over"), required=False, initial=True)


class AlertReceiverEditForm(AlertReceiverForm):
    """What of a receiver can change. Its form stays, and its secret is replaced by a button of its own."""

    field_order = ("name", "address", "matchers", "group_by", "interval_s", "tells_resolved")
    form = None  # type: ignore[assignment]

    def __init__(self, row: AlertReceiver, data: Any = None) -> None:
        """The form filled with what `row` has, or a person sent; the address is not shown."""
        matchers = ", ".join(one.told() for one in matching.of_json(row.matchers))
        same = {name: getattr(row, name) for name in ("name", "interval_s", "tells_resolved")}
        super().__init__(data, initial={**same, "matchers": matchers, "group_by": ", ".join(row.group_by)})
        self.fields["address"].required = False
        self.fields["address"].label = _("New address")
        self.fields["address"].help_text = format_lazy(_("Empty: it stays at {origin}/…"), origin=row.origin)

    def given(self) -> dict[str, Any]:
        """The fields that are to be as the person wrote them."""
        return {name: value for name, value in self.cleaned_data.items() if name != "address" or value}
