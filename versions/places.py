"""From a source's row to what reads it: the place, with its secret, and a client that the egress guard holds."""

from django.conf import settings

from controlplane.base.messages import message_of
from controlplane.base.secrets import SecretError
from registry import guard
from registry.access import credentials
from versions.models import Source
from versions.reading.errors import SourceRefused
from versions.reading.interface import SourcePlace
from versions.reading.web import Web


def place_of(source: Source, *, asked_anew: bool = False) -> SourcePlace:
    """Where a source is. `asked_anew` leaves out what the upstream said last, so that it answers in full."""
    return SourcePlace(
        source.location,
        source.reference,
        _secret(source),
        {} if asked_anew else source.cursor,
        settings.SOURCE_FOLDERS,
        source.probe_budget,
    )


def web() -> Web:
    """A client under the guard in force now. Close it at the end."""
    return Web(guard.egress())


def _secret(source: Source) -> str:
    if source.credential is None:
        return ""
    try:
        return credentials.reveal(source.credential)
    except SecretError as error:
        raise SourceRefused(message_of(error)) from error
