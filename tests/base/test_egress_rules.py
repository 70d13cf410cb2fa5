"""One entry of the egress list: what it opens is what Python's ipaddress, or a comparison of names, says."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.base.egress_rules import MOST_CHARS, Address, parse_rule

ADDRESSES = st.ip_addresses()
PORTS = st.integers(1, 65535)
LABEL = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z]", fullmatch=True)
NAMES = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
PUBLIC_IP = ipaddress.ip_address("8.8.8.8")


@given(address=ADDRESSES, bits=st.integers(0, 128), inside=ADDRESSES, port=PORTS)
def test_a_network_opens_what_ipaddress_says_is_in_it(address: Address, bits: int, inside: Address, port: int) -> None:
    text = f"{address}/{min(bits, address.max_prefixlen)}"
    expected = inside in ipaddress.ip_network(text, strict=False)
    assert parse_rule(text).allows("any.example", port, inside) is expected
    assert parse_rule(text).allows("any.example", port, address)


@given(address=ADDRESSES, port=PORTS, other=PORTS)
def test_a_port_closes_every_other_port(address: Address, port: int, other: int) -> None:
    text = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    rule = parse_rule(text)
    assert rule.port == port
    assert rule.allows("x", port, address)
    assert rule.allows("x", other, address) is (other == port)


@given(address=ADDRESSES)
def test_public_opens_what_is_global(address: Address) -> None:
    assert parse_rule("public").allows("x", 443, address) is address.is_global
    assert not parse_rule("public:80").allows("x", 443, address)


@given(name=NAMES, other=NAMES)
def test_a_host_opens_itself_and_a_domain_what_is_below_it(name: str, other: str) -> None:
    host, domain = parse_rule(name), parse_rule(f"*.{name}")
    assert host.allows(name, 443, PUBLIC_IP)
    assert host.allows(other, 443, PUBLIC_IP) is (other == name)
    assert domain.allows(f"{other}.{name}", 443, PUBLIC_IP)
    assert not domain.allows(name, 443, PUBLIC_IP)
    assert not domain.allows(f"{other}{name}", 443, PUBLIC_IP)


@given(st.one_of(NAMES, NAMES.map("*.{}".format), ADDRESSES.map(str), st.builds("{}:{}".format, NAMES, PORTS)))
def test_the_stored_text_of_an_entry_is_the_same_entry(entry: str) -> None:
    rule = parse_rule(f"  {entry.upper()} ")
    assert parse_rule(rule.text) == rule


@pytest.mark.parametrize("entry", ["models.lan", "*.lan"])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_a_name_that_resolves_to_this_machine_opens_nothing(entry: str, address: str) -> None:
    assert not parse_rule(entry).allows("models.lan", 80, ipaddress.ip_address(address))


def test_localhost_is_this_machine_if_it_is_named() -> None:
    assert parse_rule("localhost:8000").allows("localhost", 8000, ipaddress.ip_address("127.0.0.1"))


@pytest.mark.parametrize("port", ["0", "65536", "99999", "1" * 30])
def test_a_port_that_cannot_be_is_named(port: str) -> None:
    with pytest.raises(ValueError, match=rf"has port {port[:20]}; expected 1 to 65535"):
        parse_rule(f"host:{port}")


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "*",
        "*.",
        "*.*",
        "-a",
        "a..b",
        ".a",
        "a b",
        "http://a",
        "a/b",
        "a:b",
        "10.0.0",
        "0x7f000001",
        "a.1",
        "a" * 64,
    ],
)
def test_what_is_no_entry_is_refused_with_the_forms_that_are(entry: str) -> None:
    with pytest.raises(ValueError, match=r"is not understood; expected public, 10\.0\.0\.0/8, .* or \*\.domain"):
        parse_rule(entry)


def test_a_name_may_be_as_long_as_dns_allows() -> None:
    longest = ".".join(["a" * 49] * 5) + ".xyz"
    assert len(longest) == MOST_CHARS
    assert parse_rule(longest).host == longest
    with pytest.raises(ValueError, match="is not understood"):
        parse_rule(f"b{longest}")


def test_an_entry_in_an_error_is_cut() -> None:
    with pytest.raises(ValueError, match="is not understood") as refused:
        parse_rule("/" * 5000)
    assert len(str(refused.value)) < 300
