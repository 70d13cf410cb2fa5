"""What versions declares."""

from django.utils.translation import gettext_lazy as _

from controlplane.base.declaring import AppDeclaration, declare
from controlplane.base.jobs.kinds import JobKind
from controlplane.base.web.navigation import NavigationPlace, PlaceGroup
from versions import judging, proposing
from versions.objects import OBJECTS
from versions.words import FAMILIES

declare(
    AppDeclaration(
        places=(
            NavigationPlace("reviews", _("Reviews"), "update.read", "r", PlaceGroup.VERSIONS, 10, "review"),
            NavigationPlace("outages", _("Outages"), "update.read", "t", PlaceGroup.VERSIONS, 40),
            NavigationPlace("rollouts", _("Rollouts"), "update.read", "b", PlaceGroup.VERSIONS, 20, "rollout"),
        ),
        topics={"updates": "update.read"},
        job_kinds=(JobKind(proposing.KIND, _("Update"), judging.run, 4, 2),),
        objects=OBJECTS,
        words=FAMILIES,
    )
)
