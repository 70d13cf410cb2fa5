"""Saving models that were detected: their secret and all of them in one transaction, or nothing."""

from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from controlplane.base import access
from registry.access import credentials
from registry.catalog import verbs as catalog
from registry.models import Credential, Model

_MOST_NAMES = 100


@transaction.atomic
def save(
    actor: access.Actor | None,
    documents: Sequence[dict[str, Any]],
    secret: str = "",
    *,
    unproven: Collection[str] = (),
    request_id: str = "",
) -> list[Model]:
    """Create these models; a `secret` becomes a credential of their origin that they share.

    Models whose names are in `unproven` are saved disabled. Raises Forbidden, Invalid, Conflict; then nothing is saved.
    """
    access.require(actor, "model.create")
    named = ""
    if secret and documents:
        endpoint = str(documents[0].get("endpoint", ""))
        row = credentials.create(actor, free_name(endpoint), endpoint, secret, request_id=request_id)
        named = row.name
    saved = [
        catalog.create(actor, {**document, "credential": named} if named else document, request_id=request_id)
        for document in documents
    ]
    off = [model.pk for model in saved if model.name in unproven]
    if off:
        catalog.disable(actor, off, request_id=request_id)
    return saved


def free_name(endpoint: str) -> str:
    """A credential name after the endpoint's host, and its port if it names one, that nobody uses yet."""
    host = urlsplit(endpoint).netloc.rpartition("@")[2] or "upstream"
    names = [host, *(f"{host}-{number}" for number in range(2, _MOST_NAMES))]
    used = set(Credential.objects.filter(name__in=names).values_list("name", flat=True))
    return next((name for name in names if name not in used), names[-1])
