"""What routing declares."""

import os

from django.utils.translation import gettext_lazy as _

from controlplane.base.declaring import AppDeclaration, declare
from controlplane.base.jobs.kinds import JobKind
from controlplane.base.streams import LiveStream
from controlplane.base.web.navigation import NavigationPlace, PlaceGroup
from routing.alerts.declared import ALERTS
from routing.calls import jobs as calls
from routing.device.words import FAMILIES as DEVICE_WORDS
from routing.fleet import devices, one_device
from routing.hosted import live as hosted
from routing.inventory import endpoints
from routing.inventory import listing as inventory
from routing.lab import races as lab
from routing.objects import OBJECTS
from routing.words import FAMILIES

CALLS_AT_ONCE = int(os.environ.get("CALLS_AT_ONCE", "32"))
"""Durable calls that one worker makes side by side; one key has a quarter of them at the most."""

declare(
    AppDeclaration(
        places=(
            NavigationPlace("playground", _("Playground"), "playground.use", "p", PlaceGroup.MAIN, 30),
            NavigationPlace("calls", _("Calls"), "call.read", "c", PlaceGroup.MAIN, 40, "call"),
            NavigationPlace("gpus", _("Fleet"), "fleet.read", "g", PlaceGroup.ROUTING, 5, "gpus"),
            NavigationPlace("hosted", _("Models on GPUs"), "fleet.read", "h", PlaceGroup.ROUTING, 6),
            NavigationPlace("energy", _("Energy and cost"), "fleet.read", "e", PlaceGroup.ROUTING, 7, "energy"),
            NavigationPlace("lab", _("Lab"), "lab.read", "l", PlaceGroup.ROUTING, 10, "lab"),
        ),
        topics={"calls": "call.read", inventory.TOPIC: "fleet.read", endpoints.TOPIC: "fleet.read"},
        streams=(
            LiveStream("devices", "fleet.read", devices.read),
            LiveStream("device", "fleet.read", one_device.read),
            LiveStream("hosted", "fleet.read", hosted.read),
        ),
        job_kinds=(
            JobKind(
                calls.KIND,
                _("Durable call"),
                calls.run,
                CALLS_AT_ONCE,
                max(1, CALLS_AT_ONCE // 4),
                part="routing/parts/job_answer.html",
            ),
            JobKind(lab.KIND, _("Race"), lab.run, 2, 1, actions="routing/parts/job_race.html"),
        ),
        lists=("calls", "energy"),
        objects=OBJECTS,
        words={**FAMILIES, **DEVICE_WORDS},
    )
)
declare(ALERTS)
