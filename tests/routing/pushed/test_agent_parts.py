"""Parts of the agent: its options, what it keeps while the site is away, and whom it trusts."""

import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import packages_distributions
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from routing.agent import options
from routing.agent.options import OptionsInvalid
from routing.agent.outbox import Outbox
from routing.agent.pushing import DoorConnection, Pusher, PushFailed
from routing.samples import frames, pushes
from routing.samples.pushes import NodeFacts, PushAnswer
from routing.samples.readings import Observed, SourceReading
from tests.routing.plants import ROOT

Site = Callable[..., str]


def frame(sequence: int) -> frames.Frame:
    said = SourceReading({"G": Observed(values={"power_watts": float(sequence)})})
    return frames.pack("agent", 0, sequence, float(sequence), said)


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        ([], {}, "the site's address is ''; expected https://HOST"),
        (["--to", "ftp://a"], {}, "the site's address is 'ftp://a'"),
        (["--to", "http://10.0.0.1"], {}, "would carry the key in the clear"),
        (["--to", "https://a"], {}, "neither --key-file nor PATCHBAY_AGENT_KEY gives one"),
        (["--to", "https://a", "--key-file", "/nowhere"], {}, "--key-file /nowhere cannot be read"),
        (["--to", "https://a", "--ca", "/nowhere"], {"PATCHBAY_AGENT_KEY": "pb-x"}, "--ca /nowhere: "),
        (["--to", "https://a", "--every", "0"], {"PATCHBAY_AGENT_KEY": "pb-x"}, "expected 1 to 60 seconds"),
    ],
)
def test_an_option_that_cannot_be_is_told(arguments: list[str], environment: dict[str, str], words: str) -> None:
    with pytest.raises(OptionsInvalid) as refused:
        options.target(options.read(arguments, environment), environment)
    assert words in str(refused.value)


def test_the_environment_stands_for_options() -> None:
    environment = {"PATCHBAY_URL": "https://a:8443/site/", "PATCHBAY_AGENT_KEY": " pb-x\n"}
    found = options.target(options.read([], environment), environment)
    assert (found.address, found.key) == ("https://a:8443/site/api/telemetry/frames", "pb-x")
    assert found.tls is not None
    assert found.tls.verify_mode == ssl.CERT_REQUIRED


def test_the_newest_ten_minutes_are_kept_and_the_others_counted() -> None:
    outbox = Outbox(most=3)
    for sequence in range(1, 6):
        outbox.put(frame(sequence))
    assert outbox.take_given_up() == 2
    assert outbox.take_given_up() == 0
    packed, last = outbox.first(2, 10**6, 77)
    read = [frames.decode(body) for body in packed]
    assert [(one.run, one.sequence) for one in read] == [(77, 3), (77, 4)]
    assert outbox.safe(last) == 1
    assert outbox.first(10, 1, 77)[1] == 5
    assert outbox.safe(5) == 0


def certificate(folder: Path, issuer: ec.EllipticCurvePrivateKey | None = None) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself, and its key."""
    key = issuer or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "site")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    paths = folder / "site.pem", folder / "site.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Starts a site that answers each push with the next of these answers: `site((200, b"…", {}), tls=True)`."""
    servers = []

    def started(*answers: tuple[int, bytes, dict[str, str]], tls: bool = False) -> str:
        given = list(answers)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                status, body, headers = given.pop(0)
                self.send_response(status)
                for name, value in {"content-length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.block_on_close = False
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate(tmp_path / "site"))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


OK: tuple[int, bytes, dict[str, str]] = (200, msgspec.json.encode(PushAnswer(7, 1, [], True)), {})


def connection(address: str, authority: str = "") -> DoorConnection:
    whole = options.checked_address(address)
    return DoorConnection(whole, "pb-x", options.tls_of(whole, authority))


def test_a_site_is_trusted_by_its_own_authority_and_by_no_other(site: Site, tmp_path: Path) -> None:
    address = site(OK, tls=True)
    foreign, _ = certificate(tmp_path / "foreign")
    for authority in ("", str(foreign)):
        with pytest.raises(PushFailed, match="certificate verify failed"):
            connection(address, authority).push(b"")
    assert connection(address, str(tmp_path / "site" / "site.pem")).push(b"").run == 7


def test_a_kept_connection_that_was_closed_is_opened_again(site: Site) -> None:
    door = connection(site((200, OK[1], {"connection": "close"}), OK))
    assert door.push(b"").run == door.push(b"").run == 7


@pytest.mark.parametrize(
    ("answer", "words", "wait"),
    [
        ((401, b"{}", {}), "the site does not know this key, or it was revoked", None),
        ((429, b"slow down", {"retry-after": "7"}), "the site answers 429: slow down", 7.0),
        ((302, b"", {"location": "http://elsewhere/"}), "the site answers 302", None),
        ((200, b"<html>", {}), "what answers is no Patchbay", None),
        ((200, b"x" * 10**6, {}), "what answers is no Patchbay", None),
    ],
)
def test_what_a_site_answers_instead_is_told(
    site: Site, answer: tuple[int, bytes, dict[str, str]], words: str, wait: float | None
) -> None:
    with pytest.raises(PushFailed, match=words) as failed:
        connection(site(answer)).push(b"")
    assert failed.value.wait == wait


def test_frames_wait_for_a_run_and_facts_are_told_until_they_are_kept(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(run: int, facts: bool) -> tuple[int, bytes, dict[str, str]]:
        return 200, msgspec.json.encode(PushAnswer(run, 0, ["something"], facts)), {}

    told: list[str] = []
    outbox = Outbox()
    pusher = Pusher(
        connection(site(answer(9, False), answer(9, True), answer(9, True))), outbox, NodeFacts, told.append
    )
    outbox.put(frame(1))
    sent: list[pushes.AgentPush] = []
    encode = pushes.encode

    def seen(push: pushes.AgentPush) -> bytes:
        sent.append(push)
        return encode(push)

    monkeypatch.setattr("routing.agent.pushing.encode", seen)
    assert [pusher.once(), pusher.once()] == [1, 0]
    outbox.put(frame(2))
    pusher.once()
    assert [(one.run, len(one.frames), one.facts is not None) for one in sent] == [
        (0, 0, True), (9, 1, True), (9, 1, False),
    ]  # fmt: skip
    assert told == ["the site complains: something"]


def test_pauses_grow_and_what_the_site_asks_for_is_kept() -> None:
    pusher = Pusher(connection("http://127.0.0.1:1"), Outbox(), NodeFacts, print)
    pauses = [pusher._pause(None) for _ in range(8)]
    assert 0.75 <= pauses[0] <= 1.25
    assert 22 <= pauses[-1] <= 38
    assert pusher._pause(120.0) >= 90


def test_the_agent_needs_what_its_own_requirements_name_and_no_framework() -> None:
    lines = (ROOT / "deploy" / "agent" / "requirements.txt").read_text().split()
    pinned = {line for line in lines if "==" in line}
    assert pinned <= set((ROOT / "requirements.txt").read_text().split())
    program = "import sys, routing.agent.__main__; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = set(subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True).split())
    known = {name: found for name, (found, *_) in packages_distributions().items()}
    needed = {known[name].lower() for name in loaded if name in known}
    assert needed - {"typing_extensions", "setuptools"} == {line.partition("==")[0] for line in pinned}
