"""The egress guard: spellings, rules, what nobody can open."""

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.base.egress_rules import parse_rule
from registry.transports.egress import Egress, EgressRefused, EndpointInvalid, parse_endpoint


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://Example.COM", "example.com", 80, ""),
        ("https://api.example.com/v1/", "api.example.com", 443, "/v1"),
        ("http://10.1.2.3:8000/m/7", "10.1.2.3", 8000, "/m/7"),
        ("http://[2001:DB8::1]:81/", "2001:db8::1", 81, ""),
        ("http://gpu_node-1.cluster.local.:8080", "gpu_node-1.cluster.local", 8080, ""),
    ],
)
def test_plain_endpoints_are_read(url: str, host: str, port: int, path: str) -> None:
    endpoint = parse_endpoint(url)
    assert (endpoint.host, endpoint.port, endpoint.path) == (host, port, path)
    assert parse_endpoint(endpoint.origin).origin == endpoint.origin


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://a", "file:///etc/passwd", "a", "//a", "http://", "http:/a", "gopher://a", "javascript:alert(1)", ""),
        *("http://a:0", "http://a:99999", "http://a:x", "http://u@a", "http://u:p@a", "http://a?x=1", "http://a#f"),
        *(
            "http://127.1",
            "http://2130706433",
            "http://0x7f000001",
            "http://0177.0.0.1",
            "http://0x7f.1",
            "http://1.2.3",
        ),
        *("http://1.2.3.4.5", "http://256.1.1.1", "http://127.0.0.1%2f", "http://a%00b", "http://[::1", "http://0"),
        *("http://[fe80::1%25eth0]", "http://[1.2.3.4]", "http://a\\b", "http://a/../b", "http://a/./b", "http://0x"),
        *(
            "http://１２７.0.0.1",
            "http://a。b",
            "http://-a",
            "http://a..b",
            "http://a:80:80",
            "http://a\tb",
            "http://a\nb",
        ),
        *(
            "http://08.1.1.1",
            "http://a b",
            "http://a/{x}",
            "http://a?",
            "http://a#",
            "http://:80",
            "http://[::ffff:1.2.3]",
        ),
    ],
)
def test_odd_spellings_are_refused_with_words(url: str) -> None:
    with pytest.raises(EndpointInvalid) as caught:
        parse_endpoint(url)
    assert len(str(caught.value)) > 20


def test_a_password_in_an_endpoint_is_not_repeated() -> None:
    with pytest.raises(EndpointInvalid) as caught:
        parse_endpoint("http://user:canary@host/é")
    assert "canary" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for url in (text, f"http://{text}"):
        with contextlib.suppress(EndpointInvalid):
            assert parse_endpoint(url).host


NEVER = [
    "169.254.169.254",
    "100.100.100.200",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "fd00:ec2::254",
    "fe80::1",
    "ff02::1",
    "::",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "::169.254.169.254",
]


@pytest.mark.parametrize("ip", NEVER)
def test_some_addresses_can_never_be_opened(ip: str) -> None:
    guard = Egress(("public", "0.0.0.0/0", "::/0", "evil.example", ip))
    with pytest.raises(EgressRefused, match="can never be reached"):
        guard.check("evil.example", 80, ip)


@pytest.mark.parametrize(
    ("rule", "host", "ip", "allowed"),
    [
        ("public", "a.example", "93.184.216.34", True),
        ("public", "a.example", "10.0.0.1", False),
        ("public", "a.example", "127.0.0.1", False),
        ("public", "a.example", "100.64.0.1", False),
        ("public", "a.example", "64:ff9b::7f00:1", False),
        ("10.0.0.0/8", "a.example", "10.9.9.9", True),
        ("10.0.0.0/8:8000", "a.example", "10.9.9.9", True),
        ("10.0.0.0/8:8001", "a.example", "10.9.9.9", False),
        ("127.0.0.1:8000", "127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1:8001", "127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1:8000", "127.0.0.1", "::ffff:127.0.0.1", True),
        ("[::1]:8000", "::1", "::1", True),
        ("fd12::/16", "a.example", "fd12::5", True),
        ("gpu.example", "gpu.example", "10.0.0.1", True),
        ("gpu.example", "gpu.example", "127.0.0.1", False),
        ("gpu.example:9000", "gpu.example", "10.0.0.1", False),
        ("localhost:8000", "localhost", "127.0.0.1", True),
        ("*.gpu.example", "n1.gpu.example", "10.0.0.1", True),
        ("*.gpu.example", "gpu.example", "10.0.0.1", False),
        ("*.gpu.example", "evilgpu.example", "10.0.0.1", False),
    ],
)
def test_rules_open_what_they_name_and_nothing_else(rule: str, host: str, ip: str, allowed: bool) -> None:
    guard = Egress((rule,))
    if allowed:
        guard.check(host, 8000, ip)
        return
    with pytest.raises(EgressRefused, match="Settings > Egress"):
        guard.check(host, 8000, ip)


def test_our_own_stores_are_never_reachable() -> None:
    guard = Egress(("127.0.0.0/8", "::1/128", "10.0.0.0/8"), frozenset({("127.0.0.1", 5432), ("10.0.0.5", 6379)}))
    for ip, port in (("127.0.0.1", 5432), ("127.0.0.9", 5432), ("::1", 5432), ("10.0.0.5", 6379)):
        with pytest.raises(EgressRefused, match="own services"):
            guard.check("x", port, ip)
    guard.check("x", 6379, "10.0.0.6")


@pytest.mark.parametrize(
    "entry", ["", "a b", "10.0.0.0/33", "host:0", "host:70000", "*", "*.", "http://a", "1.2.3", "host:"]
)
def test_unreadable_rules_are_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="egress entry"):
        parse_rule(entry)


async def test_every_address_of_a_name_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("169.254.169.254", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answer)
    with pytest.raises(EgressRefused, match=r"169\.254"):
        await Egress(("public",)).resolve("rebind.example", 80)
