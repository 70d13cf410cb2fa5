"""From a source's row to what reads it: the place, with its secret, and a client that the egress guard holds."""

import base64
import re
from dataclasses import replace

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from django.conf import settings

from controlplane.base.messages import message_of
from controlplane.base.secrets import SecretError
from registry import guard
from registry.access import credentials
from registry.protocols.adapter import CompileError
from registry.protocols.compiler.adapters import compile_adapter
from registry.spec import Parameter, Spec
from registry.specfile import file as spec_file
from registry.specfile.errors import SpecInvalid
from registry.transports.egress import EndpointInvalid
from registry.upstreams.binding import bind
from versions import behaviour
from versions.evidence.signatures import SignaturePlan
from versions.models import Source, SourceKind
from versions.reading.errors import SourceRefused
from versions.reading.interface import LiveSubject, SourcePlace
from versions.reading.web import Web

OTHER_TYPE = {
    "float": "string", "int": "string", "bool": "string", "string": "int", "array": "int", "object": "int",
}  # fmt: skip
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
        source.probe_budget - behaviour.share(source.probe_budget),
        live_subject(source) if source.kind == SourceKind.LIVE else None,
    )


def web() -> Web:
    """A client under the guard in force now. Close it at the end."""
    return Web(guard.egress())


def signature_plan(source: Source) -> SignaturePlan:
    """What is asked of a source's signature, with the key or certificate that its identity names."""
    return SignaturePlan(source.signature_policy, source.identity, _trusted(source.identity))


def live_subject(source: Source) -> LiveSubject | None:
    """The first endpoint of the model that a source watches, ready to be called at and beyond its limits."""
    release = source.model.release
    if release is None:
        return None
    try:
        spec = spec_file.read(release.spec)
        secret = credentials.reveal(source.model.credential) if source.model.credential else None
        loose = _with(spec, [replace(one, low=None, high=None, options=(), values=()) for one in spec.params])
        others = {one.name: _with(spec, [_mistyped(two, one.name) for two in loose.params]) for one in spec.params}
        found = bind(loose, compile_adapter(loose), secret)
        mistyped = {name: bind(other, compile_adapter(other), secret)[0] for name, other in others.items()}
    except (SpecInvalid, CompileError, EndpointInvalid, SecretError, ValueError) as error:
        raise SourceRefused(message_of(error)) from error
    return LiveSubject(spec.params, found[0], mistyped)


def _mistyped(one: Parameter, name: str) -> Parameter:
    if one.name != name:
        return one
    return replace(one, type=OTHER_TYPE[one.type], default=None, has_default=False, required=False, conversion=None)


def _with(spec: Spec, params: list[Parameter]) -> Spec:
    return replace(spec, params=tuple(params), constraints=())


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
