"""What the floor declares."""

from django.utils.translation import gettext_lazy as _

from controlplane.base.declaring import AppDeclaration, declare
from controlplane.base.objects import OBJECTS
from controlplane.base.web.navigation import NavigationPlace, PlaceGroup

declare(
    AppDeclaration(
        places=(
            NavigationPlace("jobs", _("Jobs"), "job.read", "j", PlaceGroup.MAIN, 50, "job"),
            NavigationPlace("audit", _("Audit log"), "audit.read", "a", PlaceGroup.INSTALLATION, 10),
            NavigationPlace("settings", _("Settings"), "profile.change", "s", PlaceGroup.INSTALLATION, 20),
        ),
        topics={"jobs": "job.read", "revision": "overview.read"},
        objects=OBJECTS,
    )
)
