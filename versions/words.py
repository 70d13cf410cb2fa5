"""The reader's words for stored values of versions."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

FAMILIES: dict[str, dict[str, str | Promise]] = {
    "state": {
        "seen": _("Seen"),
        "unreadable": _("Cannot be read"),
        "testing": _("Being tested"),
        "review": _("In review"),
        "approved": _("Approved"),
        "rolling": _("Rolling out"),
        "paused": _("Paused"),
        "live": _("Live"),
        "rejected": _("Rejected"),
        "expired": _("Expired"),
        "superseded": _("Superseded"),
        "rolled_back": _("Rolled back"),
    },
    "verdict": {"breaking": _("Breaking"), "review": _("To be looked at"), "compatible": _("Compatible")},
    "origin": {
        "scan": _("a scan"),
        "webhook": _("a webhook"),
        "gitops": _("a push"),
        "person": _("a person"),
    },
    "cause_of_outage": {
        "update": _("update"),
        "edit": _("edit by a person"),
    },
    "object": {"update": _("Update")},
    "verb": {
        "update.propose": _("proposed"),
        "update.adapt": _("adaptation edited"),
        "update.judge": _("judged"),
        "update.fail_to_read": _("could not be read"),
        "update.clear": _("cleared by its tests"),
        "update.ask": _("put into review"),
        "update.question": _("question asked"),
        "update.approval": _("approval given"),
        "update.approve": _("approved"),
        "update.reject": _("rejected"),
        "update.lapse": _("expired"),
        "update.void": _("approvals void"),
        "update.reopen": _("opened again"),
        "update.start": _("rollout started"),
        "update.pause": _("rollout paused"),
        "update.resume": _("rollout goes on"),
        "update.promote": _("promoted"),
        "update.roll_back": _("rolled back"),
        "update.supersede": _("superseded"),
        "update.step": _("next step of the rollout"),
        "update.seen": _("looked at by a reviewer"),
        "update.defer": _("deferred"),
        "update.looked_at": _("emergency looked at"),
    },
}
