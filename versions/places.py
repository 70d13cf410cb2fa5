"""From a source's row to what reads it: the place, with its secret, and a client that the egress guard holds."""

import base64
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from django.conf import settings

from controlplane.base.messages import message_of
from controlplane.base.secrets import SecretError
from registry import guard
from registry.access import credentials
from versions.evidence.signatures import SignaturePlan
from versions.models import Source
from versions.reading.errors import SourceRefused
from versions.reading.interface import SourcePlace
from versions.reading.web import Web

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What a key's file may be called, without `.pem`."""


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


def signature_plan(source: Source) -> SignaturePlan:
    """What is asked of a source's signature, with the key or certificate that its identity names."""
    return SignaturePlan(source.signature_policy, source.identity, _trusted(source.identity))


def _trusted(identity: str) -> bytes | None:
    """A PEM file of SIGNING_KEYS by its name, or the key itself as base64 of its DER form."""
    if NAME.fullmatch(identity):
        file = settings.SIGNING_KEYS / f"{identity}.pem"
        if file.is_file():
            return file.read_bytes()
    try:
        key = load_der_public_key(base64.b64decode(identity, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _secret(source: Source) -> str:
    if source.credential is None:
        return ""
    try:
        return credentials.reveal(source.credential)
    except SecretError as error:
        raise SourceRefused(message_of(error)) from error
