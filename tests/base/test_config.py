"""What an admin may write into the egress list is what the guard can read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.base.config import checked_entry
from controlplane.base.refusals import Invalid
from registry.transports.egress import Egress

LABEL = st.text("aZ0_-*.", max_size=5)
ENTRIES = st.one_of(
    st.text(max_size=30),
    st.builds("{}.{}:{}".format, LABEL, LABEL, st.text("0189²a", max_size=6)),
    st.ip_addresses().map(str),
    st.builds("{}/{}".format, st.ip_addresses(), st.integers(0, 140)),
    st.builds("[{}]:{}".format, st.ip_addresses(v=6), st.integers(0, 70_000)),
)


@given(ENTRIES)
def test_what_is_stored_can_be_read_by_the_guard(entry: str) -> None:
    try:
        stored = checked_entry(entry)
    except Invalid:
        with pytest.raises(ValueError, match="egress entry"):
            Egress((entry,))
    else:
        assert Egress((stored,)).allow == (checked_entry(stored),) == (stored,)


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "127.1",
        "0x7f000001",
        "10.0.0.0/33",
        "a..b",
        "-a",
        "*",
        "*.",
        "http://a",
        "a/b",
        "a:0",
        "a:65536",
        "a:²",
        "a b",
    ],
)
def test_an_entry_that_the_guard_cannot_read_is_refused_by_name(entry: str) -> None:
    with pytest.raises(Invalid, match="egress entry '") as refused:
        checked_entry(entry)
    assert entry in refused.value.message


@pytest.mark.parametrize(
    ("entry", "host", "ip"),
    [
        ("public:443", "a.example", "8.8.8.8"),
        ("Host.Example.", "host.example", "8.8.8.8"),
        ("*.Example.", "a.example", "8.8.8.8"),
        ("10.0.0.0/8:443", "x", "10.1.2.3"),
        ("[fd00::1]:443", "x", "fd00::1"),
    ],
)
def test_entries_mean_what_they_say(entry: str, host: str, ip: str) -> None:
    guard = Egress((checked_entry(entry),))
    guard.check(host, 443, ip)
