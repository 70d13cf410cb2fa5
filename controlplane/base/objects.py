"""What the floor's objects are called today, and their pages: for the audit log."""

from collections.abc import Sequence

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from controlplane.base import config
from controlplane.base.accounts import open_links
from controlplane.base.audit.naming import Find, Named, whole
from controlplane.base.models import Job, SetupLink, User
from controlplane.base.web import words


def people(ids: Sequence[str]) -> dict[str, Named]:
    """Accounts, in the table of people."""
    rows = User.objects.filter(pk__in=whole(ids)).values_list("pk", "username")
    return {str(key): Named(name, f"{reverse('settings')}#p-{key}") for key, name in rows}


def invitations(ids: Sequence[str]) -> dict[str, Named]:
    """Set-up links; those that can still be used have a place in the settings."""
    usable = set(open_links(timezone.now()).values_list("pk", flat=True))
    rows = SetupLink.objects.filter(pk__in=whole(ids)).values_list("pk", "name", "role")
    return {
        str(key): Named(name or words.word("role", role), f"{reverse('settings')}#invitations" if key in usable else "")
        for key, name, role in rows
    }


def jobs(ids: Sequence[str]) -> dict[str, Named]:
    """Jobs by their title."""
    rows = Job.objects.filter(pk__in=ids).values_list("pk", "kind", "title")
    return {str(key): Named(title or words.word("kind", kind), reverse("job", args=[key])) for key, kind, title in rows}


def settings(ids: Sequence[str]) -> dict[str, Named]:
    """Settings of the installation."""
    return {config.EGRESS: Named(gettext("Egress list"), f"{reverse('settings')}#egress")}


OBJECTS: dict[str, Find] = {"user": people, "setup_link": invitations, "job": jobs, "setting": settings}
