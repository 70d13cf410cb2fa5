"""What versions declares."""

from django.utils.translation import gettext_lazy as _

from controlplane.base.declaring import AppDeclaration, declare
from controlplane.base.web.navigation import NavigationPlace, PlaceGroup
from versions.objects import OBJECTS
from versions.words import FAMILIES

declare(
    AppDeclaration(
        places=(NavigationPlace("reviews", _("Reviews"), "update.read", "r", PlaceGroup.VERSIONS, 10, "review"),),
        topics={"updates": "update.read"},
        objects=OBJECTS,
        words=FAMILIES,
    )
)
