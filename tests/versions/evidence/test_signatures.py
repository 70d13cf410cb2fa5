"""Signatures that the real `model_signing` makes, verified by our own few lines from hashes alone."""

import base64
import datetime
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from model_signing import signing

from versions.evidence import signatures
from versions.evidence.manifests import SeenManifest
from versions.evidence.signatures import SignaturePlan
from versions.scan import ManifestLine

FILES = {"config.json": b"{}", "weights/model.safetensors": b"w" * 1000}
NOW = datetime.datetime.now(datetime.UTC)


def config_of_the_package() -> Any:
    """The package's own configuration, whose makers left its types out."""
    make: Any = signing.Config
    return make()


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def seen(folder: Path) -> SeenManifest:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = {
        str(path.relative_to(folder)): ManifestLine(
            str(path.relative_to(folder)), path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
        )
        for path in paths
    }
    texts = {"model.sig": (folder / "model.sig").read_text()} if (folder / "model.sig").exists() else {}
    return SeenManifest("r", "", lines, texts)


@pytest.fixture
def signed(tmp_path: Path) -> Callable[[ec.EllipticCurve], tuple[SeenManifest, SignaturePlan]]:
    """A folder that the real package signs with a key of a curve."""

    def make(curve: ec.EllipticCurve) -> tuple[SeenManifest, SignaturePlan]:
        folder = tmp_path / "model"
        for name, data in FILES.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        key = ec.generate_private_key(curve)
        (tmp_path / "key.pem").write_bytes(private_pem(key))
        config = config_of_the_package().use_elliptic_key_signer(private_key=tmp_path / "key.pem")
        config.sign(folder, folder / "model.sig")
        return seen(folder), SignaturePlan("require", "team", public_pem(key))

    return make


Signed = Callable[[ec.EllipticCurve], tuple[SeenManifest, SignaturePlan]]


def rules(plan: SignaturePlan, new: SeenManifest, old: SeenManifest | None = None) -> list[tuple[str, str]]:
    return [(one.rule, one.severity) for one in signatures.findings(plan, old, new)]


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_what_the_real_package_signed_holds(signed: Signed, curve: ec.EllipticCurve) -> None:
    new, plan = signed(curve)
    assert rules(plan, new) == [("signature.valid", "compatible")]


def test_any_change_of_files_breaks_it(signed: Signed) -> None:
    new, plan = signed(ec.SECP256R1())
    line = new.files["config.json"]
    altered = {**new.files, "config.json": replace(line, sha256="a" * 64)}
    missing = {path: one for path, one in new.files.items() if path != "config.json"}
    added = {**new.files, "extra.py": ManifestLine("extra.py", 1, "b" * 64)}
    for files, words in ((altered, "is not the file"), (missing, "is not there"), (added, "was not signed")):
        found = signatures.findings(plan, None, replace(new, files=files))
        assert [(one.rule, one.severity) for one in found] == [("signature.invalid", "breaking")]
        assert words in found[0].sentence


def test_another_key_is_not_the_identity(signed: Signed) -> None:
    new, plan = signed(ec.SECP256R1())
    other = replace(plan, trusted=public_pem(ec.generate_private_key(ec.SECP256R1())))
    assert "another key than team's" in signatures.findings(other, None, new)[0].sentence
    assert rules(replace(other, policy="warn"), new) == [("signature.invalid", "review")]
    assert rules(replace(plan, trusted=None), new) == [("signature.invalid", "breaking")]
    assert rules(replace(other, policy="ignore"), new) == []


def test_a_signature_that_vanished_is_a_finding_under_every_policy(signed: Signed) -> None:
    old, plan = signed(ec.SECP256R1())
    files = {path: one for path, one in old.files.items() if path != "model.sig"}
    new = SeenManifest("r2", "", files, {})
    assert rules(plan, new, old) == [("signature.vanished", "breaking")]
    assert rules(replace(plan, policy="ignore"), new, old) == [("signature.vanished", "review")]
    assert rules(plan, new) == [("signature.missing", "breaking")]


def altered(new: SeenManifest, change: Callable[[dict[str, object]], None]) -> SeenManifest:
    bundle = json.loads(new.texts["model.sig"])
    payload = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    change(payload)
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    return replace(new, texts={"model.sig": json.dumps(bundle)})


def test_an_altered_payload_does_not_hold(signed: Signed) -> None:
    new, plan = signed(ec.SECP256R1())
    assert rules(plan, altered(new, lambda payload: payload.update(x=1))) == [("signature.invalid", "breaking")]


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"dsseEnvelope": {}}', "[" * 5000, '{"dsseEnvelope": 3}'])
def test_what_is_no_bundle_is_refused_in_words(signed: Signed, text: str) -> None:
    new, plan = signed(ec.SECP256R1())
    found = signatures.findings(plan, None, replace(new, texts={"model.sig": text}))
    assert "no bundle of OpenSSF Model Signing" in found[0].sentence


def certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    by: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
    days: int,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by[0].subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=400))
        .not_valid_after(NOW + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    )
    usage = x509.KeyUsage(by is not None, False, False, False, False, by is None, by is None, False, False)
    builder = builder.add_extension(usage, critical=True)
    if by is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
    return builder.sign(by[1] if by else key, hashes.SHA256())


@pytest.mark.parametrize(("days", "own", "rule"), [(10, True, "valid"), (-1, True, "invalid"), (10, False, "invalid")])
def test_a_certificate_of_the_trusted_authority(tmp_path: Path, days: int, own: bool, rule: str) -> None:
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = certificate("root", root_key, None, 100)
    leaf = certificate("signer", leaf_key, (root, root_key), days)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_bytes(b"{}")
    pem = serialization.Encoding.PEM
    (tmp_path / "key.pem").write_bytes(private_pem(leaf_key))
    (tmp_path / "leaf.pem").write_bytes(leaf.public_bytes(pem))
    (tmp_path / "root.pem").write_bytes(root.public_bytes(pem))
    config = config_of_the_package().use_certificate_signer(
        private_key=tmp_path / "key.pem", signing_certificate=tmp_path / "leaf.pem",
        certificate_chain=[tmp_path / "root.pem"],
    )  # fmt: skip
    config.sign(folder, folder / "model.sig")
    stranger = certificate("root", ec.generate_private_key(ec.SECP256R1()), None, 100)
    plan = SignaturePlan("warn", "authority", (root if own else stranger).public_bytes(pem))
    assert [one.rule for one in signatures.findings(plan, None, seen(folder))] == [f"signature.{rule}"]


@pytest.mark.parametrize("identity", ["release@example.com", "team"])
def test_a_keyless_signature_is_refused_by_its_name(signed: Signed, identity: str) -> None:
    new, plan = signed(ec.SECP256R1())
    material = {"certificate": {"rawBytes": "AA=="}, "tlogEntries": [{"logIndex": "1"}]}
    keyless = {**json.loads(new.texts["model.sig"]), "verificationMaterial": material}
    plan = replace(plan, identity=identity, trusted=None if "@" in identity else plan.trusted)
    (found,) = signatures.findings(plan, None, replace(new, texts={"model.sig": json.dumps(keyless)}))
    assert (found.rule, found.severity) == ("signature.invalid", "breaking")
    assert "keyless Sigstore signature" in found.sentence
