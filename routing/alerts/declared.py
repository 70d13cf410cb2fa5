"""What alerts declare: their place, topic, job, objects and words."""

from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from controlplane.base.audit.naming import Named
from controlplane.base.declaring import AppDeclaration
from controlplane.base.jobs.kinds import JobKind
from controlplane.base.web.navigation import NavigationBadge, NavigationPlace, PlaceGroup
from routing.alerts import outbox, reading, sending
from routing.alerts.models import Alert, AlertReceiver, AlertRule, Silence
from routing.alerts.silences import told

AT_ONCE = 8
"""Messages that one worker sends side by side: one slow receiver does not hold up the others."""


def rules(ids: Sequence[str]) -> dict[str, Named]:
    """Rules, which the log writes by name."""
    found = AlertRule.objects.filter(name__in=ids).values_list("name", flat=True)
    return {name: Named(name, reverse("alert-rules")) for name in found}


def alerts(ids: Sequence[str]) -> dict[str, Named]:
    """Alerts, by rule and subject."""
    rows = Alert.objects.filter(pk__in=_numbers(ids)).values_list("pk", "rule", "subject")
    return {str(pk): Named(f"{rule}: {subject}", reverse("alerts")) for pk, rule, subject in rows}


def silences(ids: Sequence[str]) -> dict[str, Named]:
    """Silences, by what they match."""
    rows = Silence.objects.filter(pk__in=_numbers(ids))
    return {str(row.pk): Named(told(row)["name"], f"{reverse('alerts')}#silences") for row in rows}


def receivers(ids: Sequence[str]) -> dict[str, Named]:
    """Receivers of messages."""
    rows = AlertReceiver.objects.filter(pk__in=_numbers(ids)).values_list("pk", "name")
    return {str(pk): Named(name, reverse("alert-receivers")) for pk, name in rows}


def _numbers(ids: Sequence[str]) -> list[int]:
    return [int(text) for text in ids if text.isdecimal() and len(text) < 19]


ALERTS = AppDeclaration(
    places=(
        NavigationPlace(
            *("alerts", _("Alerts"), "alert.read", "f", PlaceGroup.ROUTING, 8, "alert"),
            NavigationBadge(reading.fires, _("firing now: {n}")),
        ),
    ),
    topics={reading.TOPIC: "alert.read"},
    job_kinds=(JobKind(outbox.JOB, _("Alert message"), sending.run, AT_ONCE, AT_ONCE),),
    objects={"alert_rule": rules, "alert": alerts, "silence": silences, "alert_receiver": receivers},
    words={
        "state": {"pending": _("Pending"), "firing": _("Firing"), "resolved": _("Resolved"), "test": _("Test")},
        "severity": {"critical": _("critical"), "warning": _("warning"), "info": _("for information")},
        "subject": {
            "device": _("Device"),
            "engine": _("Engine"),
            "model": _("Model"),
            "source": _("Telemetry source"),
            "group": _("Group"),
        },
        "alert_end": {
            "over": _("over"),
            "subject": _("its subject was removed"),
            "rule": _("its rule was changed or switched off"),
        },
        "receiver_form": {"standard": _("Standard Webhook, signed"), "slack": _("Slack")},
        "message_state": {"queued": _("Waiting"), "sent": _("Sent"), "failed": _("Given up")},
        "rule_change": {
            "added": _("is added"),
            "changed": _("changes"),
            "removed": _("is removed"),
            "off": _("is switched off"),
        },
        "object": {
            "alert_rule": _("Alert rule"),
            "alert": _("Alert"),
            "silence": _("Silence"),
            "alert_receiver": _("Receiver of alerts"),
        },
        "verb": {
            "alert_rule.add": _("alert rule added"),
            "alert_rule.edit": _("alert rule changed"),
            "alert_rule.remove": _("alert rule removed"),
            "silence.create": _("silence made"),
            "silence.end": _("silence ended"),
            "alert.acknowledge": _("alert acknowledged"),
            "alert_receiver.create": _("receiver of alerts added"),
            "alert_receiver.edit": _("receiver of alerts changed"),
            "alert_receiver.rotate": _("secret of a receiver replaced"),
            "alert_receiver.remove": _("receiver of alerts removed"),
            "alert_receiver.test": _("receiver of alerts tested"),
            "alert_receiver.off": _("receiver of alerts switched off by itself"),
        },
    },
)
