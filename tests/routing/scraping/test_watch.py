"""A look at an exporter on a real socket: whatever it does, nothing is raised, and the complaint says what it was."""

import asyncio
import gzip
import socket
import struct
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from registry.transports.egress import Egress, parse_endpoint
from registry.transports.http import Client
from registry.transports.response import ResponseLimits
from registry.transports.target import Target
from routing.models import EndpointState
from routing.samples import frames, readings
from routing.samples.exposition import LONGEST
from routing.samples.frames import Frame
from routing.samples.readings import SourceReading
from routing.scraping.facts import ScrapedEndpoint
from routing.scraping.rows import SOURCES
from routing.scraping.watch import LARGE, EndpointWatch
from tests.routing.scraping.exporters import Answer, Exporter, body, exporting, exposition

LINE = 'DCGM_FI_DEV_{metric}{{gpu="{gpu}",UUID="GPU-{gpu}",Hostname="{node}"}} {value}\n'
Look = Callable[[], Frame | None]


def dcgm(node: str = "node-a", gpus: int = 2, **metrics: Any) -> str:
    """What dcgm-exporter says of some GPUs."""
    given = {"GPU_TEMP": 40, "POWER_USAGE": 300.5, "TOTAL_ENERGY_CONSUMPTION": 1000, **metrics}
    return "".join(
        LINE.format(metric=metric, gpu=gpu, node=node, value=value)
        for metric, value in given.items()
        for gpu in range(gpus)
    )


def watch_of(exporter: Exporter, kind: str = "dcgm", interval: float = 1.0, **more: Any) -> EndpointWatch:
    """A watch of an exporter, which nobody else tells of."""
    place = parse_endpoint(exporter.url)
    target = Target(place.scheme, place.host, place.port, place.path)
    endpoint = ScrapedEndpoint(7, "test", SOURCES[kind], target, interval, more.pop("node", ""), False)
    return EndpointWatch(endpoint, Client(lambda: Egress(())), 1, lambda subject, one: "", **more)


def looks(watch: EndpointWatch, *between: Callable[[], None]) -> list[Frame | None]:
    """A look before each of `between`, and one behind the last."""

    async def all_of_them() -> list[Frame | None]:
        watch.client = Client(lambda: Egress(("127.0.0.0/8",)), ResponseLimits(body=LONGEST))
        found = [await watch.look()]
        for change in between:
            change()
            found.append(await watch.look())
        await watch.client.close()
        return found

    return asyncio.run(all_of_them())


def test_a_large_answer_is_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, turned, plainly = threading.Event(), threading.Event(), readings.reading

    def slowly(*given: Any) -> SourceReading:
        begun.set()
        assert turned.wait(10), "the loop stood still"
        return plainly(*given)

    async def look() -> Frame | None:
        watch.client = Client(lambda: Egress(("127.0.0.0/8",)), ResponseLimits(body=LONGEST))
        looking = asyncio.create_task(watch.look())
        while not looking.done():
            await asyncio.sleep(0.01)
            if begun.is_set():
                turned.set()
        await watch.client.close()
        return looking.result()

    monkeypatch.setattr(readings, "reading", slowly)
    with exporting(body(dcgm(gpus=2000) + "# " + "x" * LARGE + "\n")) as exporter:
        watch = watch_of(exporter, interval=10.0)
        found = asyncio.run(look())
    assert found is not None
    assert len(found.subjects) == 2000


def drip(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        peer.sendall(b"#")
        time.sleep(0.05)


def flood(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    for _ in range(100):
        peer.sendall(b"x" * 1_000_000)


def endless(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        peer.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def reset(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + dcgm().encode()[:100])
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


BOMB = gzip.compress(b"a" * 50_000_000)
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
UNREACHABLE, COMPLAINING = EndpointState.UNREACHABLE, EndpointState.COMPLAINING


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (flood, UNREACHABLE, "more than 8388608 bytes"),
        (endless, UNREACHABLE, "more than 8388608 bytes"),
        (body(BOMB, "Content-Encoding: gzip\r\n"), UNREACHABLE, "compressed body grew"),
        (drip, UNREACHABLE, "did not finish"),
        (lambda peer: None, UNREACHABLE, "upstream http://127.0.0.1"),
        (reset, UNREACHABLE, "broke the connection"),
        (lambda peer: peer.close(), UNREACHABLE, "closed the connection"),
        (lambda peer: peer.sendall(REDIRECT), UNREACHABLE, "redirects are not followed"),
        (lambda peer: peer.sendall(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), UNREACHABLE, "the status 503"),
        (lambda peer: peer.sendall(b"SSH-2.0-OpenSSH_9\r\n"), UNREACHABLE, "does not speak HTTP"),
        (body("<html><body>Sign in</body></html>"), COMPLAINING, "no metrics in the Prometheus format"),
        (body('{"a": 1}\n'), COMPLAINING, "no metrics in the Prometheus format"),
        (body("up 1\n"), COMPLAINING, "without any metric that this kind of source has"),
        (body(""), COMPLAINING, "without any metric"),
        (body(b"\xff\x00\n" * 500), COMPLAINING, "no metrics in the Prometheus format"),
    ],
)
def test_a_bad_answer_is_a_complaint_and_no_frame(answer: Answer, state: str, words: str) -> None:
    with exporting(answer) as exporter:
        watch = watch_of(exporter, interval=0.5)
        began = time.monotonic()
        assert looks(watch) == [None]
    assert time.monotonic() - began < 10
    assert watch.state == state
    assert words in watch.complaints()[0]
    assert watch.complaints()[0].isprintable()


@pytest.mark.parametrize(
    ("more", "words", "absent"),
    [
        ({"GPU_TEMP": "NaN"}, "is nan, which is no number", "temperature_celsius"),
        ({"POWER_USAGE": -5}, "it cannot be below 0", "power_watts"),
        ({"GPU_TEMP": 4000}, "is 4000.0, which cannot be", "temperature_celsius"),
    ],
)
def test_a_value_that_cannot_be_is_left_out_and_told_while_the_others_count(
    more: dict[str, Any], words: str, absent: str
) -> None:
    with exporting(body(dcgm())) as exporter:
        watch = watch_of(exporter)
        _, frame = looks(watch, lambda: setattr(exporter, "answer", body(dcgm(**more))))
    assert frame is not None
    for values in frames.unpack(frame).values():
        assert absent not in values
        assert len(values) == 2
    assert words in watch.complaints()[0]
    assert watch.state == COMPLAINING
    assert frame.complaints


def test_a_counter_that_falls_is_told_and_counts_from_there() -> None:
    with exporting(body(dcgm(TOTAL_ENERGY_CONSUMPTION=2**32))) as exporter:
        watch = watch_of(exporter)
        found = looks(watch, lambda: setattr(exporter, "answer", body(dcgm(TOTAL_ENERGY_CONSUMPTION=5000))))
    assert "energy_joules_total of GPU-0 fell to 5.0" in watch.complaints()[0]
    energy = [frames.unpack(one)["GPU-0"]["energy_joules_total"] for one in found if one]
    assert energy == [pytest.approx(2**32 / 1000), 5.0]


def test_a_clock_that_is_off_by_a_day_is_told_and_the_sample_counts_at_our_time() -> None:
    with exporting(body(dcgm(), f"Date: {formatdate(time.time() + 86_400, usegmt=True)}\r\n")) as exporter:
        watch = watch_of(exporter)
        [frame] = looks(watch)
    assert frame is not None
    assert abs(frame.at - time.time()) < 5
    assert "its clock is off by +86" in watch.complaints()[0]


def test_a_source_that_vanishes_is_asked_more_and_more_rarely_and_is_well_again_at_once() -> None:
    with exporting(body(dcgm())) as exporter:
        watch = watch_of(exporter)
        later: list[Exporter] = []
        pauses: list[float] = []
        again = lambda: pauses.append(watch.pause())  # noqa: E731
        back = lambda: later.append(Exporter(body(dcgm()), exporter.port))  # noqa: E731
        found = looks(watch, exporter.close, *[again] * 7, back)
        later[0].close()
    assert [one is not None for one in found] == [True, *[False] * 8, True]
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert watch.state == EndpointState.WELL
    assert [one.sequence for one in found if one] == [1, 2]


def test_what_two_looks_agree_on_is_a_fact_and_half_a_text_is_none() -> None:
    with exporting(body(dcgm(gpus=4))) as exporter:
        watch = watch_of(exporter)
        looks(watch)
        assert watch.facts == {}
        looks(watch)
        assert list(watch.facts["node-a"]) == [f"GPU-{one}" for one in range(4)]
        exporter.answer = body(dcgm(gpus=4)[:-300])
        looks(watch, lambda: None)
        assert len(watch.facts["node-a"]) == 4
        assert "ends in the middle of a line" in watch.complaints()[0]
        exporter.answer = body(dcgm(gpus=3))
        looks(watch, lambda: None)
        assert len(watch.facts["node-a"]) == 3


def test_a_subject_that_another_source_has_is_left_out_by_every_way_of_reading() -> None:
    with exporting(body(dcgm(gpus=3))) as exporter:
        watch = watch_of(exporter)
        watch.owner = lambda subject, one: "the first" if subject == "GPU-1" else ""
        found = looks(watch, lambda: setattr(exporter, "answer", body(dcgm(gpus=3, GPU_TEMP=50))))
    for frame, temperature in zip(found, (40, 50), strict=True):
        assert frame is not None
        values = frames.unpack(frame)
        assert list(values) == ["GPU-0", "GPU-2"]
        assert values["GPU-2"]["temperature_celsius"] == temperature
    assert "GPU-1 is told of by the first as well" in watch.complaints()[0]


def test_slices_have_their_whole_device_and_a_number_is_no_name() -> None:
    with exporting(body(exposition("dcgm-3.3-mig"))) as exporter:
        watch = watch_of(exporter)
        looks(watch, lambda: None)
    [devices] = watch.facts.values()
    slices = [one for one in devices.values() if one.parent]
    assert len(slices) == 3
    assert {one.parent for one in slices} <= devices.keys()
    bare = 'DCGM_FI_DEV_GPU_TEMP{gpu="0"} 40\n'
    with exporting(body(bare)) as exporter:
        watch = watch_of(exporter, node="node-b")
        [frame] = looks(watch)
    assert frame is not None
    assert frame.subjects == ["node-b/0"]


def test_models_of_a_model_server_are_named_by_their_endpoint() -> None:
    with exporting(body(exposition("vllm-0.11"))) as exporter:
        [frame] = looks(watch_of(exporter, "vllm"))
    assert frame is not None
    assert all(one.startswith("engine:7/") for one in frame.subjects)
    with exporting(body(exposition("tgi-3.3"))) as exporter:
        [frame] = looks(watch_of(exporter, "tgi"))
    assert frame is not None
    assert frame.subjects == ["engine:7/"]
