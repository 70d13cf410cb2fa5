"""What the roof declares."""

from django.utils.translation import gettext_lazy as _

from controlplane.base.declaring import AppDeclaration, declare
from controlplane.base.web.navigation import NavigationPlace, PlaceGroup

declare(
    AppDeclaration(
        places=(NavigationPlace("overview", _("Overview"), "overview.read", "o", PlaceGroup.MAIN, 10),),
    )
)
