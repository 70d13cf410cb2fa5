"""What versions declares."""

from django.utils.translation import gettext_lazy as _

from controlplane.base.declaring import AppDeclaration, declare
from controlplane.base.jobs.kinds import JobKind
from controlplane.base.web.navigation import NavigationBadge, NavigationPlace, PlaceGroup
from versions import judging, proposing, scanning
from versions.gitops import pushes, statuses
from versions.objects import OBJECTS
from versions.review import queue
from versions.rollout import goldens
from versions.words import FAMILIES

SCANS_AT_ONCE = 4
"""Scans that one worker runs side by side, whoever asked."""

declare(
    AppDeclaration(
        places=(
            NavigationPlace(
                *("reviews", _("Reviews"), "update.read", "r", PlaceGroup.VERSIONS, 10, "review"),
                NavigationBadge(queue.count, _("waiting for a person: {n}")),
            ),
            NavigationPlace("outages", _("Outages"), "update.read", "t", PlaceGroup.VERSIONS, 40),
            NavigationPlace("rollouts", _("Rollouts"), "update.read", "b", PlaceGroup.VERSIONS, 20, "rollout"),
            NavigationPlace("calendar", _("Calendar"), "update.read", "d", PlaceGroup.VERSIONS, 50),
            NavigationPlace("sources", _("Sources"), "source.read", "w", PlaceGroup.VERSIONS, 30, "source"),
            NavigationPlace("repositories", _("Repositories"), "source.read", "y", PlaceGroup.VERSIONS, 35),
        ),
        topics={"updates": "update.read", "sources": "source.read", "repositories": "source.read"},
        job_kinds=(
            JobKind(proposing.KIND, _("Update"), judging.run, 4, 4),
            JobKind(goldens.KIND, _("Golden answers"), goldens.run, 2, 2),
            JobKind(pushes.KIND, _("Push"), pushes.run, 2, 2),
            JobKind(statuses.KIND, _("Commit status"), statuses.run, 4, 4),
            JobKind(scanning.KIND, _("Scan"), scanning.run, SCANS_AT_ONCE, SCANS_AT_ONCE),
        ),
        objects=OBJECTS,
        words=FAMILIES,
    )
)
