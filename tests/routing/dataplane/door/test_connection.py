"""A caller's connection as asyncio calls it, in orders that sockets show only now and then."""

import asyncio
from unittest.mock import Mock

from routing.dataplane.door.connection import CallerProtocol
from tests.routing.dataplane.door.doors import door
from tests.routing.dataplane.door.test_callers import get, until


async def test_an_answer_made_after_its_caller_closed_its_side_is_not_given() -> None:
    async with door() as open_door:
        transport, caller = Mock(spec=asyncio.Transport), CallerProtocol(open_door.server)
        transport.get_write_buffer_size.return_value = 0
        caller.connection_made(transport)
        caller.data_received(get("/v1/late"))
        caller.eof_received()
        await until(lambda: open_door.echo.calls == ["/v1/late"])
        await asyncio.sleep(0)
        assert not caller.owed
        transport.write.assert_not_called()
