"""Records are made behind the bytes of a turn of the loop; none is lost for that, however its call ends."""

import asyncio

import pytest

from routing.dataplane.call import Call
from routing.dataplane.recorder import Record
from tests.registry.transports.faults import Peer, serving
from tests.routing.dataplane.test_caller_left import request
from tests.routing.serving import Running, gateway_for, model_row
from tests.routing.upstreams import answering


class Hanging:
    """An upstream that never answers, and tells when it is asked."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def __call__(self, peer: Peer) -> None:
        await peer.request()
        self.asked.set()
        await asyncio.sleep(60)


def queued(gateway: Running) -> list[Record]:
    return gateway.gateway._recorder._queue


async def call(gateway: Running) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request(1, "1.1", stream=False))
    return reader, writer


async def test_a_call_whose_caller_leaves_has_its_record() -> None:
    hanging = Hanging()
    async with serving(hanging) as upstream, gateway_for([model_row("m", upstream.port)]) as gateway:
        _, writer = await call(gateway)
        await asyncio.wait_for(hanging.asked.wait(), 20)
        writer.close()
        (record,) = await gateway.records(1)
        assert (record["status"], record["failure"]) == (499, "cancelled")


async def test_calls_that_a_stop_ends_have_their_records_when_it_is_over() -> None:
    hanging = Hanging()
    async with serving(hanging) as upstream, gateway_for([model_row("m", upstream.port)]) as gateway:
        connections = [await call(gateway) for _ in range(3)]
        await asyncio.wait_for(hanging.asked.wait(), 20)
        while gateway.gateway._forwarder.outstanding < 3:
            await asyncio.sleep(0.01)
    assert [record.status for record in queued(gateway)] == [503] * 3
    for _, writer in connections:
        writer.close()


async def test_a_call_that_ends_as_the_gateway_stops_has_its_record() -> None:
    async with serving(answering()) as upstream, gateway_for([model_row("m", upstream.port)]) as gateway:
        reader, writer = await call(gateway)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    assert [record.status for record in queued(gateway)] == [200]
    writer.close()


async def test_a_record_that_cannot_be_made_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    real = Call.record

    def broken(self: Call) -> Record:
        if self.request_id == "broken":
            raise RuntimeError("a defect")
        return real(self)

    monkeypatch.setattr(Call, "record", broken)
    async with serving(answering()) as upstream, gateway_for([model_row("m", upstream.port)]) as gateway:
        sent = [request(1, "1.1", f"x-request-id: {name}", stream=False) for name in ("broken", "one", "two")]
        connections = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in sent]
        for (_, writer), data in zip(connections, sent, strict=True):
            writer.write(data)
        for reader, _ in connections:
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        assert {record["request_id"] for record in await gateway.records(2)} == {"one", "two"}
        for _, writer in connections:
            writer.close()
    assert "a defect" in str(told[0]["exception"])
