"""The headers of a model's end, read from upstreams and written for callers."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.lifecycle import Lifecycle, lines, read

NOW = datetime(2026, 11, 30, tzinfo=UTC)
JUNE = datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, Lifecycle()),
        ({"deprecation": "@1814399999"}, Lifecycle(datetime.fromtimestamp(1814399999, UTC))),
        ({"deprecation": "true"}, Lifecycle(NOW)),
        ({"deprecation": "Wed, 30 Jun 2027 23:59:59 GMT"}, Lifecycle(JUNE)),
        ({"sunset": "Wed, 30 Jun 2027 23:59:59 GMT"}, Lifecycle(None, JUNE)),
        ({"sunset": "soon", "deprecation": "@x"}, Lifecycle()),
        ({"sunset": "Wed, 30 Jun 9999 23:59:59 GMT", "deprecation": "@99999999999999999999"}, Lifecycle()),
        ({"sunset": "Thu, 01 Jan 1970 00:00:00 GMT", "deprecation": "@-5"}, Lifecycle()),
    ],
)
def test_headers_are_read(headers: dict[str, str], told: Lifecycle) -> None:
    assert read(headers, NOW) == told


@given(st.text(), st.text())
def test_no_header_breaks_it(deprecation: str, sunset: str) -> None:
    read({"deprecation": deprecation, "sunset": sunset}, NOW)


def test_callers_read_what_upstreams_told() -> None:
    written = lines(1814399999, int(JUNE.timestamp()))
    assert written == ((b"deprecation", b"@1814399999"), (b"sunset", b"Wed, 30 Jun 2027 23:59:59 GMT"))
    back = read({name.decode(): value.decode() for name, value in written}, NOW)
    assert back == Lifecycle(datetime.fromtimestamp(1814399999, UTC), JUNE)
    assert lines(0, 0) == ()
