"""Base addresses of a spec: which are taken, what is kept of them, and the sentence for every other."""

from typing import Any

import pytest

from tests.registry.specfile.rows import good, told, wrong

BASE = "an address such as https://host:8000/v1"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://h", "http://h"), ("https://h:8443/v1/", "https://h:8443/v1"), ("http://10.0.0.1:8000", None),
        ("http://[::1]:80", None), ("http://a-b.c_d.example.", None), ("http://h/a%20b", None), ("http://h///", "http://h"),
        ("http://h/v1/chat/completions", "http://h"),
        ("http://h/api/paas/v4/chat/completions", "http://h/api/paas/v4"),
    ],
)  # fmt: skip
def test_an_endpoint_is_kept_without_its_end(given: str, kept: str | None) -> None:
    assert good(endpoint=given).endpoints == (kept or given,)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("h:80", "must start with http:// or https://"),
        ("ftp://h", "must start with http:// or https://"),
        ("file:///etc/passwd", "must start with http:// or https://"),
        ("http://h?x=1", "must not hold a query or a fragment"),
        ("http://h#f", "must not hold a query or a fragment"),
        ("http://h?", "must not hold a query or a fragment"),
        ("http://h:0", "must have a port between 1 and 65535"),
        ("http://h:", "must have a port between 1 and 65535"),
        ("http://h/../x", "must not hold . or .. in its path"),
        ("http://h/%2e%2E/x", "must not hold . or .. in its path"),
        ("http://", "has no valid host"),
        ("http://0x7f.1", "has no valid host"),
        ("http://2130706433", "has no valid host"),
        ("http://-h", "has no valid host"),
        ("http://h..x", "has no valid host"),
        ("http://[fe80::1%25eth0]", "has no valid host"),
    ],
)
def test_a_wrong_endpoint_says_why(value: str, problem: str) -> None:
    (error,) = wrong(endpoint=value)
    assert (error.path, error.message, error.expected) == ("endpoint", f"the endpoint {value!r} {problem}", BASE)


@pytest.mark.parametrize("value", ["http://a b", "http://h\\x", "http://é", "http://h/\u202e"])
def test_an_endpoint_is_ascii_without_spaces(value: str) -> None:
    ((place, sentence),) = told(endpoint=value)
    assert (place, "percent-encode paths and write hosts in punycode" in sentence) == ("endpoint", True)


def test_an_endpoint_that_cannot_be_taken_apart_says_so() -> None:
    assert "is malformed" in told(endpoint="http://[::1")[0][1]
    assert "is malformed" in told(endpoint="http://h:99999")[0][1]


@pytest.mark.parametrize("value", [7, None, {}, "http://" + "h" * 500, ["http://h", 3]])
def test_an_endpoint_of_another_kind_is_refused(value: Any) -> None:
    ((place, sentence),) = told(endpoint=value)
    assert place in ("endpoint", "endpoint[1]")
    assert sentence.endswith((f"expected {BASE}", "endpoint is missing"))


def test_replicas_are_one_to_256_different_addresses() -> None:
    assert len(good(endpoint=[f"http://h{number}" for number in range(256)]).endpoints) == 256
    for too_many in ([f"http://h{number}" for number in range(257)], ["http://h"] * 257, ["", *range(300)]):
        many = told(endpoint=too_many)
        assert [(place, sentence.partition("expected ")[2]) for place, sentence in many] == [
            ("endpoint", "an address, or a list of 1 to 256 addresses")
        ]
    assert told(endpoint=[]) == [("endpoint", "endpoint is []; expected an address, or a list of 1 to 256 addresses")]
    once = "endpoint[1] is {!r}; expected each replica's address once"
    assert told(endpoint=["http://h", "http://h/"]) == [("endpoint[1]", once.format("http://h"))]
    call = "http://h/v1/chat/completions"
    assert told(endpoint=["http://h", call]) == [("endpoint[1]", once.format(call))]


def test_the_user_of_an_address_is_never_repeated() -> None:
    (error,) = wrong(endpoint="https://someone:hunter2@h")
    assert error.message == (
        "the endpoint 'https://***@h' holds a user or password; store the secret under Credentials"
    )
    assert error.given == "'https://***@h'"
