"""What the registry's objects are called today, and their pages: for the audit log."""

from collections.abc import Sequence

from django.urls import reverse

from controlplane.base.audit.naming import Find, Named, whole
from registry.models import ApiKey, Credential, Model


def models(ids: Sequence[str]) -> dict[str, Named]:
    """Models, which the log writes by name."""
    rows = Model.objects.filter(name__in=ids).values_list("name", flat=True)
    return {name: Named(name, reverse("model", args=[name])) for name in rows}


def keys(ids: Sequence[str]) -> dict[str, Named]:
    """API keys, revoked ones too."""
    rows = ApiKey.objects.filter(pk__in=whole(ids)).values_list("pk", "name")
    return {str(key): Named(name, f"{reverse('keys')}?show=all#k-{key}") for key, name in rows}


def credentials(ids: Sequence[str]) -> dict[str, Named]:
    """Credentials."""
    rows = Credential.objects.filter(pk__in=whole(ids)).values_list("pk", "name")
    return {str(key): Named(name, f"{reverse('credentials')}#c-{key}") for key, name in rows}


OBJECTS: dict[str, Find] = {"model": models, "key": keys, "credential": credentials}
