"""What the objects of versions are called today, and their pages: for the audit log."""

import uuid
from collections.abc import Sequence

from django.urls import reverse

from controlplane.base.audit.naming import Find, Named, whole
from versions.models import Source, SpecRepository, Update


def updates(ids: Sequence[str]) -> dict[str, Named]:
    """Updates, which the log writes by id."""
    found = [text for text in ids if is_uuid(text)]
    rows = Update.objects.filter(pk__in=found).values_list("pk", "model__name")
    return {str(pk): Named(name, reverse("review", args=[pk])) for pk, name in rows}


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def sources(ids: Sequence[str]) -> dict[str, Named]:
    """Sources, which the log writes by number."""
    rows = Source.objects.filter(pk__in=whole(ids))
    return {str(pk): Named(name, reverse("source", args=[pk])) for pk, name in rows.values_list("pk", "name")}


def repositories(ids: Sequence[str]) -> dict[str, Named]:
    """Repositories of specs, which the log writes by number."""
    rows = SpecRepository.objects.filter(pk__in=whole(ids))
    return {str(pk): Named(name, reverse("repository", args=[pk])) for pk, name in rows.values_list("pk", "name")}


OBJECTS: dict[str, Find] = {"update": updates, "source": sources, "repository": repositories}
