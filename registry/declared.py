"""What the registry declares."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from controlplane.base.declaring import AppDeclaration, declare
from controlplane.base.jobs.kinds import JobKind
from controlplane.base.models import Job
from controlplane.base.web.navigation import NavigationPlace, PlaceGroup
from registry.catalog import cures, importing, probing
from registry.objects import OBJECTS
from registry.protocols.compiler.catalog import PROTOCOLS
from registry.words import FAMILIES

PROTOCOL_NAMES = {name: document.label or document.title for name, document in PROTOCOLS.items()}
"""Pages call each protocol as its document does."""
ACTIONS, PART = "registry/parts/job_actions.html", "registry/parts/job_causes.html"


def causes(job: Job) -> Mapping[str, Any]:
    """What failed, by cause."""
    return {"causes": cures.of_job(job)}


declare(
    AppDeclaration(
        places=(
            NavigationPlace("models", _("Models"), "model.read", "m", PlaceGroup.MAIN, 20, "model"),
            NavigationPlace("keys", _("API keys"), "key.read", "k", PlaceGroup.ACCESS, 10),
            NavigationPlace("credentials", _("Credentials"), "credential.read", "u", PlaceGroup.ACCESS, 20),
        ),
        topics={"models": "model.read", "keys": "key.read"},
        job_kinds=(
            JobKind("import", _("Import"), importing.run, 3, 2, ACTIONS, PART, causes),
            JobKind("probe", _("Probe"), probing.run, 3, 2, ACTIONS, PART, causes),
        ),
        lists=("models",),
        objects=OBJECTS,
        words={**FAMILIES, "protocol": PROTOCOL_NAMES},
    )
)
