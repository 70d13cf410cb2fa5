"""OpenSSF Model Signing: a bundle beside the files, verified offline with a key or a certificate authority.

The signature covers each file's SHA-256. Ours come from the manifest, so nothing is downloaded to verify it.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from controlplane.base.messages import Sentence, message_of
from versions.evidence.finding import BREAKING, COMPATIBLE, REVIEW, FileFinding
from versions.evidence.manifests import SeenManifest

NAMES = ("model.sig", "claims.jsonl")
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
UNSIGNED = (".git", ".gitattributes", ".gitignore", ".github")
HASHES: Mapping[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
MOST_CHAIN = 6


KEYLESS = Sentence(
    "it is a keyless Sigstore signature: a certificate of some minutes and a transparency log, which are not verified"
    " here. Have the files signed with a key or by a certificate authority of yours, and name that in SIGNING_KEYS"
)


class SignatureInvalid(Exception):
    """A signature that does not hold; the message says why."""


@dataclass(frozen=True, slots=True)
class SignaturePlan:
    """What is asked of a source. `policy` is ignore, warn or require; `trusted` a PEM key or certificate, or None."""

    policy: str
    identity: str
    trusted: bytes | None


def findings(plan: SignaturePlan, old: SeenManifest | None, new: SeenManifest) -> list[FileFinding]:
    """What a person should know of the signature, under the source's policy."""
    if plan.policy == "ignore":
        return list(_vanished(old, new, REVIEW))
    severity = BREAKING if plan.policy == "require" else REVIEW
    path = _bundle_path(new)
    if path is None:
        gone = list(_vanished(old, new, severity))
        words = Sentence("no signature: {identity} should have signed the files", identity=plan.identity or "–")
        return gone or [FileFinding("signature.missing", severity, "", words)]
    try:
        signed = verified(new.texts.get(path, ""), plan)
        hold(signed, new, path)
    except SignatureInvalid as error:
        words = Sentence("the signature {path} does not hold: {why}", path=path, why=message_of(error))
        return [FileFinding("signature.invalid", severity, path, words)]
    words = Sentence("the files are signed by {identity}", identity=plan.identity)
    return [FileFinding("signature.valid", COMPATIBLE, path, words)]


def verified(text: str, plan: SignaturePlan) -> Mapping[str, str]:
    """The SHA-256 of each file that a bundle signs, if whoever is trusted signed it. Raises SignatureInvalid."""
    try:
        bundle = json.loads(text)
        envelope = bundle["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        signature = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
        kind = str(envelope["payloadType"])
        material = bundle["verificationMaterial"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError, binascii.Error) as error:
        raise SignatureInvalid(Sentence("it is no bundle of OpenSSF Model Signing")) from error
    if _is_keyless(material):
        raise SignatureInvalid(KEYLESS)
    if plan.trusted is None:
        raise SignatureInvalid(
            Sentence("there is no key or certificate {identity} in SIGNING_KEYS", identity=repr(plan.identity))
        )
    key = _key(plan.trusted, material)
    try:
        key.verify(signature, _signed(kind, payload), ec.ECDSA(HASHES[key.curve.key_size]))
    except (InvalidSignature, KeyError) as error:
        raise SignatureInvalid(
            Sentence("another key than {identity}'s made it, or it was altered", identity=plan.identity)
        ) from error
    return _resources(kind, payload)


def hold(signed: Mapping[str, str], seen: SeenManifest, bundle: str) -> None:
    """Raise SignatureInvalid unless exactly the manifest's files are signed."""
    for path, sha256 in signed.items():
        line = seen.files.get(path)
        if line is None:
            raise SignatureInvalid(Sentence("{path} was signed and is not there", path=path[:200]))
        if line.sha256 != sha256:
            raise SignatureInvalid(Sentence("{path} is not the file that was signed", path=path[:200]))
    for path in seen.files:
        if path not in signed and path != bundle and PurePosixPath(path).parts[0] not in UNSIGNED:
            raise SignatureInvalid(Sentence("{path} is there and was not signed", path=path))


def _vanished(old: SeenManifest | None, new: SeenManifest, severity: str) -> Iterator[FileFinding]:
    path = _bundle_path(old) if old else None
    if path is not None and _bundle_path(new) is None:
        words = Sentence("the signature {path} vanished", path=path)
        yield FileFinding("signature.vanished", severity, path, words)


def _bundle_path(seen: SeenManifest) -> str | None:
    return next((name for name in (*NAMES, *sorted(seen.files)) if name in seen.files and _is_bundle(name)), None)


def _is_bundle(path: str) -> bool:
    return path in NAMES or path.endswith(".sig")


def _signed(kind: str, payload: bytes) -> bytes:
    """What DSSE signs: type and payload, each with its length."""
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)


def _is_keyless(material: Any) -> bool:
    """Whether a bundle brings its own short-lived certificate (Fulcio's), to be checked against a transparency log."""
    return isinstance(material, Mapping) and bool(material.get("certificate") or material.get("tlogEntries"))


def _key(trusted: bytes, material: Any) -> ec.EllipticCurvePublicKey:
    """The key that must have signed: the trusted one, or that of a certificate which the trusted one issued."""
    if b"CERTIFICATE" not in trusted:
        try:
            return _elliptic(serialization.load_pem_public_key(trusted))
        except ValueError as error:
            raise SignatureInvalid(Sentence("the stored key is no PEM public key")) from error
    try:
        given = material["x509CertificateChain"]["certificates"][:MOST_CHAIN]
        chain = [x509.load_der_x509_certificate(base64.b64decode(one["rawBytes"])) for one in given]
        anchors = x509.load_pem_x509_certificates(trusted)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise SignatureInvalid(Sentence("it has no chain of certificates that can be read")) from error
    if not chain:
        raise SignatureInvalid(Sentence("it has no chain of certificates that can be read"))
    _walk(chain, anchors)
    return _elliptic(chain[0].public_key())


def _walk(chain: list[x509.Certificate], anchors: list[x509.Certificate]) -> None:
    """Raise SignatureInvalid unless the first certificate leads to an anchor, each one valid now."""
    now = datetime.now(UTC)
    current, rest = chain[0], chain[1:]
    for _ in range(MOST_CHAIN + 1):
        if not current.not_valid_before_utc <= now <= current.not_valid_after_utc:
            raise SignatureInvalid(
                Sentence("the certificate of {name} is not valid today", name=current.subject.rfc4514_string()[:200])
            )
        if any(_issued(current, anchor) for anchor in anchors):
            return
        issuer = next((one for one in rest if _is_authority(one) and _issued(current, one)), None)
        if issuer is None:
            break
        current, rest = issuer, [one for one in rest if one is not issuer]
    raise SignatureInvalid(Sentence("its certificate was not issued by the trusted authority"))


def _issued(one: x509.Certificate, by: x509.Certificate) -> bool:
    if one == by:
        return True
    try:
        one.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return _is_authority(by)


def _is_authority(one: x509.Certificate) -> bool:
    try:
        return one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _elliptic(key: Any) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise SignatureInvalid(Sentence("the key is no elliptic curve key (P-256, P-384 or P-521)"))
    return key


def _resources(kind: str, payload: bytes) -> Mapping[str, str]:
    try:
        statement = json.loads(payload)
        predicate = statement["predicate"]
        found = [(str(one["name"]), str(one["algorithm"]), str(one["digest"])) for one in predicate["resources"]]
        known = kind == PAYLOAD and statement["_type"] == STATEMENT and statement["predicateType"] == PREDICATE
        said = statement["subject"][0]["digest"]["sha256"]
        whole = hashlib.sha256(b"".join(bytes.fromhex(digest) for _, _, digest in found)).hexdigest()
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise SignatureInvalid(Sentence("it signs something else than a model's files")) from error
    if not known:
        raise SignatureInvalid(Sentence("it signs something else than a model's files"))
    other = sorted({algorithm for _, algorithm, _ in found} - {"sha256"})
    if other:
        raise SignatureInvalid(
            Sentence("it signs hashes of the kind {kind}; only SHA-256 of whole files is compared", kind=other[0][:60])
        )
    if whole != said:
        raise SignatureInvalid(Sentence("its list of files is not the one that its digest stands for"))
    return {name: digest for name, _, digest in found}
