"""Upstreams over TLS: a good certificate is accepted, every other refused in words that say what to do."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from registry.canon import Failure, FailureKind
from registry.protocols.adapter import Wire
from registry.spec import Timeouts
from registry.transports.egress import Egress
from registry.transports.http import Client
from registry.transports.target import Target

QUICK = Timeouts(connect=2.0, first_byte=2.0, idle=2.0, total=4.0)
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, path: Path) -> Path:
        secret = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(self.certificate.public_bytes(Encoding.PEM) + secret)
        return path


def certificate(host: str, issuer: Pair | None = None, end: datetime.datetime = NOW + DAY) -> Pair:
    """A certificate for `host`, an IP address or a name, signed by `issuer` or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    try:
        other: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        other = x509.DNSName(host)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 10 * DAY)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([other]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    return Pair(made.sign(issuer.key if issuer else key, hashes.SHA256()), key)


AUTHORITY = certificate("Test authority")


@pytest.fixture(autouse=True)
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "authority.pem"
    path.write_bytes(AUTHORITY.certificate.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))


@asynccontextmanager
async def secure(pair: Pair, folder: Path) -> AsyncIterator[tuple[int, list[str]]]:
    """A TLS server that answers once per connection; its port and the server names that clients asked for."""
    asked: list[str] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.write(folder / "server.pem"))
    context.sni_callback = lambda _, name, __: asked.append(name)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()


async def fetch(host: str, port: int) -> int:
    guard = Egress(("127.0.0.0/8", "localhost"))
    client = Client(lambda: guard)
    try:
        return (await client.fetch(Target("https", host, port, ""), Wire("GET", "/"), QUICK)).status
    finally:
        await client.close()


@pytest.mark.parametrize(("host", "asked"), [("localhost", ["localhost"]), ("127.0.0.1", [])])
async def test_a_certificate_for_the_right_host_is_accepted(host: str, asked: list[str], tmp_path: Path) -> None:
    async with secure(certificate(host, AUTHORITY), tmp_path) as (port, names):
        assert await fetch(host, port) == 200
        assert [name for name in names if name] == asked


REFUSED = {
    "wrong host": (certificate("other.example", AUTHORITY), "not valid for 'localhost'"),
    "expired": (certificate("localhost", AUTHORITY, NOW - DAY), "has expired"),
    "self-signed": (certificate("localhost"), "self-signed"),
    "unknown authority": (certificate("localhost", certificate("Somebody")), "unable to get local issuer"),
}


@pytest.mark.parametrize("fault", REFUSED)
async def test_every_other_certificate_is_refused_in_words(fault: str, tmp_path: Path) -> None:
    pair, words = REFUSED[fault]
    async with secure(pair, tmp_path) as (port, _):
        with pytest.raises(Failure, match=words) as refused:
            await fetch("localhost", port)
    assert refused.value.kind is FailureKind.UPSTREAM_UNREACHABLE
    assert refused.value.message.startswith(
        f"upstream https://localhost:{port} shows a certificate that is not trusted"
    )
    assert "SSL_CERT_FILE" in refused.value.message
    assert "_ssl.c" not in refused.value.message


async def test_a_plain_server_behind_https_is_named_as_such() -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    with pytest.raises(Failure, match="does not speak TLS") as refused:
        await fetch("localhost", server.sockets[0].getsockname()[1])
    server.close()
    assert "http://" in refused.value.message
