"""Empty lines before a request: whole ones are read over, nothing else is."""

import pytest

from tests.routing.dataplane.door.doors import door
from tests.routing.dataplane.door.test_callers import CLOSE, get


@pytest.mark.parametrize("count", [1, 2, 50])
async def test_empty_lines_before_a_request_are_read_over_wherever_they_are_cut(count: int) -> None:
    data = get("/v1/x") + b"\r\n" * count + CLOSE
    async with door() as opened:
        for cut in range(len(get("/v1/x")), len(get("/v1/x")) + min(2 * count + 1, 7)):
            assert [one.status for one in await opened.exchange(data[:cut], data[cut:])] == [200, 200]


@pytest.mark.parametrize("ends", [b"\n", b"\r", b"\n\n", b"\r\r\n", b"\r\n\n", b"\n\r\n"])
async def test_other_ends_of_lines_before_a_request_are_refused(ends: bytes) -> None:
    async with door() as opened:
        assert [one.status for one in await opened.exchange(ends + CLOSE)] == [400]
        assert opened.echo.calls == []
