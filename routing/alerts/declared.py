"""What alerts declare: their place, topic, job, objects and words."""

from django.utils.translation import gettext_lazy as _

from controlplane.base.declaring import AppDeclaration
from controlplane.base.jobs.kinds import JobKind
from routing.alerts import outbox, sending
from routing.alerts.reading import TOPIC

AT_ONCE = 8
"""Messages that one worker sends side by side: one slow receiver does not hold up the others."""


ALERTS = AppDeclaration(
    topics={TOPIC: "alert.read"},
    job_kinds=(JobKind(outbox.JOB, _("Alert message"), sending.run, AT_ONCE, AT_ONCE),),
    words={
        "state": {"pending": _("Pending"), "firing": _("Firing"), "resolved": _("Resolved")},
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
