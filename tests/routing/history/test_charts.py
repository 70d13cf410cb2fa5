"""Charts by REST: even steps that say how long they are, gaps that stay gaps, and what history still has."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from controlplane.base import events
from controlplane.base.models import User
from routing.history import charts, rolling, store
from routing.models import Device, Node
from routing.samples.frames import Frame, pack
from routing.samples.readings import Observed, SourceReading

pytestmark = pytest.mark.django_db
HOUR = 3600
ENGINE = "engine:7/org/llama 3"
Get = Callable[..., Any]


def frame(at: float, power: float, source: str = "node-a", **more: float) -> Frame:
    values = {"power_watts": power, "energy_joules_total": power * 1000, **more}
    said = SourceReading({"GPU-1": Observed(values=values), ENGINE: Observed(values={"requests_running": power})})
    return pack(source, 1, int(at), at, said)


def keep(*frames: Frame) -> None:
    store.store([(one.at, one) for one in frames])


@pytest.fixture
def get(stores: None, person: Callable[..., User]) -> Get:
    client = Client()
    client.force_login(person("viewer"), backend="django.contrib.auth.backends.ModelBackend")

    def got(address: str = "devices/GPU-1/history/", **wanted: Any) -> Any:
        return client.get(f"/api/{address}", {name.rstrip("_"): value for name, value in wanted.items()})

    return got


def old(hours: int) -> int:
    """The beginning of an hour so many hours ago."""
    return int(time.time()) // HOUR * HOUR - hours * HOUR


def test_a_gap_stays_a_gap_and_the_resolution_is_told(get: Get) -> None:
    begin = old(50)
    keep(*(frame(begin + second, 100.0 + second // 60) for second in range(0, HOUR, 10) if not 600 <= second < 1200))
    rolling.roll(begin + 2 * HOUR)
    told = get(series="power_watts,energy_joules_total", from_=begin, to=begin + HOUR).json()
    assert told["step_s"] == 60
    power, energy = told["series"]
    assert (power["name"], power["unit"], power["kind"], power["dimension"]) == (
        "power_watts", "watts", "gauge", "power"
    )  # fmt: skip
    assert power["values"] == [*map(float, range(100, 110)), *[None] * 10, *map(float, range(120, 160))]
    assert (energy["kind"], energy["values"][9:11]) == ("counter", [109_000.0, None])


def test_fewer_points_are_means_of_gauges_and_last_values_of_counters(get: Get) -> None:
    begin = old(50)
    keep(*(frame(begin + second, float(second)) for second in range(0, HOUR, 10)))
    rolling.roll(begin + 2 * HOUR)
    told = get(series="power_watts,energy_joules_total", from_=begin, to=begin + HOUR, points=2).json()
    assert told["step_s"] == 1800
    assert [one["values"] for one in told["series"]] == [[895.0, 2695.0], [1_790_000.0, 3_590_000.0]]


def test_a_short_look_at_a_past_day_finds_the_minutes_that_are_left(get: Get) -> None:
    begin = old(50)
    keep(*(frame(begin + second, 5.0) for second in range(0, HOUR, 10)))
    rolling.roll(time.time())
    told = get(from_=begin + 600, to=begin + 900, series="power_watts").json()
    assert (told["step_s"], told["series"][0]["values"]) == (60, [5.0] * 5)


def test_the_last_minutes_come_by_the_second(get: Get) -> None:
    now = int(time.time())
    keep(*(frame(now - ago, float(ago)) for ago in range(30, 0, -1)))
    told = get(series="power_watts", from_=now - 40, to=now).json()
    assert told["step_s"] == 1
    assert told["series"][0]["values"] == [None] * 10 + [float(ago) for ago in range(30, 0, -1)]


def test_two_sources_of_one_device_make_one_line() -> None:
    now = int(time.time())
    keep(*(frame(now - ago, 10.0, "node-a") for ago in range(20, 10, -1)), frame(now - 5, 30.0, "agent"))
    found = charts.chart("GPU-1", ["power_watts"], now - 20, now, now)
    assert found.points("power_watts") == [*((now - ago, 10.0) for ago in range(20, 10, -1)), (now - 5, 30.0)]


def test_csv_by_accept_and_by_format(get: Get) -> None:
    begin = old(50)
    keep(frame(begin, 95.3), frame(begin + 120, 20.0))
    rolling.roll(begin + 2 * HOUR)
    wanted = {"series": "power_watts,energy_joules_total", "from_": begin, "to": begin + 180}
    answer = get(**wanted, format="csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    head, first, second, third = answer.content.decode().split()
    assert head == "time,power_watts,energy_joules_total"
    assert first.endswith("+00:00,95.3,95300.0")
    assert second.endswith(",,")
    assert third.endswith(",20.0,20000.0")


def test_an_engine_has_history_and_latest_values(get: Get) -> None:
    now = int(time.time())
    store.send(events.store(), [frame(now, 3.0)])
    store.keep()
    told = get(f"engines/{ENGINE}/history", series="requests_running", from_=now - 5, to=now + 1).json()
    assert [value for value in told["series"][0]["values"] if value is not None] == [3.0]
    [engine] = get("engines").json()["results"]
    assert (engine["subject"], engine["source"], engine["latest"]["requests_running"]["value"]) == (ENGINE, "node-a", 3)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"series": "nonsense"}, "'nonsense' is no series; expected some of utilization_ratio, "),
        ({"series": "requests_running"}, "'requests_running' is no series"),
        ({"points": "0"}, "points is '0'; expected 1 to 2000"),
        ({"points": "\u0663"}, "points is '\u0663'"),
        ({"from_": "yesterday"}, "from is 'yesterday'; expected a time such as 2026-11-30T12:00:00Z, or Unix seconds"),
        ({"to": "nan"}, "to is 'nan'"),
        ({"to": "9e99"}, "to is '9e99'"),
        ({"from_": "2026-13-41T00:00:00Z"}, "from is '2026-13-41T00:00:00Z'"),
        ({"from_": 5, "to": 5}, "from is to be before to"),
        ({"from_": 0, "to": 86_400 * 32}, "by 31 days at the most"),
        ({"format": "csv", "series": "x"}, "'x' is no series"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(get: Get, wanted: dict[str, Any], words: str) -> None:
    node = Node.objects.create(name="a")
    Device.objects.create(node=node, uuid="GPU-1", vendor="nvidia", model="H100")
    answer = get(**wanted)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "address", ["devices/nobody/history", "devices/engine:7/org/history", "devices/%00/history", "engines/x/history"]
)
def test_what_nobody_told_of_is_missing(get: Get, address: str) -> None:
    assert get(address).status_code == 404


def test_a_device_without_history_has_a_chart_of_gaps(get: Get) -> None:
    node = Node.objects.create(name="a")
    Device.objects.create(node=node, uuid="node a/0", vendor="huawei", model="910B")
    moment = int(time.time()) - 50 * HOUR
    told = get("devices/node a/0/history", series="power_watts", from_=moment // 60 * 60, to=moment // 60 * 60 + 120)
    assert told.json()["series"][0]["values"] == [None, None]
