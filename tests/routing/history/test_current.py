"""The current values that a process keeps: read seldom, aged rightly, and kept while Redis is away."""

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import redis
from django.test import Client
from redis.backoff import NoBackoff
from redis.retry import Retry

from controlplane.base import events
from controlplane.base.models import User
from routing.history import current, latest, store
from routing.history.current import CurrentCache
from routing.history.latest import LatestFrame
from routing.models import Device, Node
from routing.samples.frames import Frame, pack
from routing.samples.readings import Observed, SourceReading
from tests.ports import reserved_port

Reader = Callable[[], tuple[list[LatestFrame], float]]


def frame(
    source: str = "node-a", power: float = 95.3, at: float = 0.0, subjects: tuple[str, ...] = ("GPU-1",)
) -> Frame:
    values = {"power_watts": power, "energy_joules_total": 123456789.5, "memory_used_bytes": 85899345920.0}
    return pack(source, 1, 1, at, SourceReading({one: Observed(values=dict(values)) for one in subjects}))


def test_redis_is_read_once_for_all_who_ask_at_about_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    read: list[float] = []

    def reader() -> tuple[list[LatestFrame], float]:
        read.append(clock[0])
        return [LatestFrame(50.0, frame())], 52.0

    cache = CurrentCache(reader)
    for moment in (1000.0, 1000.1, 1000.2, 1000.3, 1000.5):
        clock[0] = moment
        cache.known()
    assert read == [1000.0, 1000.3]
    assert cache.known().by_subject["GPU-1"].age_s == pytest.approx(2.2)


def test_one_thread_reads_and_the_others_do_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "REFRESH_SECONDS", 0.0)
    begun, go_on = threading.Event(), threading.Event()
    answers = iter([[LatestFrame(1.0, frame(power=1.0))], [LatestFrame(2.0, frame(power=2.0))]])

    def reader() -> tuple[list[LatestFrame], float]:
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            assert go_on.wait(20)
        return next(answers), 2.0

    cache = CurrentCache(reader)
    cache.known()
    other = threading.Thread(target=cache.known)
    other.start()
    assert begun.wait(20)
    assert cache.known().by_subject["GPU-1"].values["power_watts"] == 1.0
    go_on.set()
    other.join(20)
    monkeypatch.setattr(current, "REFRESH_SECONDS", 1000.0)
    assert cache.known().by_subject["GPU-1"].values["power_watts"] == 2.0


def test_who_asks_after_a_long_pause_waits_for_the_reading_that_another_began(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "OLD_SECONDS", 0.0)
    monkeypatch.setattr(current, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(current, "PATIENCE_SECONDS", 20.0)
    begun, answers = threading.Event(), iter([[LatestFrame(1.0, frame(power=one))] for one in (1.0, 2.0, 3.0)])

    def reader() -> tuple[list[LatestFrame], float]:
        if begun.is_set():
            time.sleep(0.1)
        begun.set()
        return next(answers), 2.0

    cache = CurrentCache(reader)
    cache.known()
    begun.clear()
    other = threading.Thread(target=cache.known)
    other.start()
    assert begun.wait(20)
    assert cache.known().by_subject["GPU-1"].values["power_watts"] > 1.0
    other.join(20)


def test_what_was_known_is_answered_with_its_age_while_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "REFRESH_SECONDS", 0.0)
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    away = [True]

    def reader() -> tuple[list[LatestFrame], float]:
        if away[0]:
            raise redis.ConnectionError("refused")
        return [LatestFrame(100.0, frame())], 101.0

    cache = CurrentCache(reader)
    assert (dict(cache.known().by_subject), cache.known().away) == ({}, current.AWAY)
    away[0] = False
    assert cache.known().away == ""
    away[0] = True
    clock[0] += 60
    known = cache.known()
    assert known.away == current.AWAY
    assert (known.age_s, round(known.by_subject["GPU-1"].age_s, 6)) == (60, 61)
    clock[0] += 600
    assert dict(cache.known().by_subject) == {}


def test_a_frame_is_unpacked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "REFRESH_SECONDS", 0.0)
    unpacked: list[float] = []

    def unpack(one: Frame) -> dict[str, dict[str, float]]:
        unpacked.append(one.sequence)
        return {"GPU-1": {"power_watts": float(one.sequence)}}

    monkeypatch.setattr(current, "unpack", unpack)
    frames = iter([frame(), frame(), msgspec.structs.replace(frame(), sequence=2)])
    cache = CurrentCache(lambda: ([LatestFrame(1.0, next(frames))], 2.0))
    assert [cache.known().by_subject["GPU-1"].values["power_watts"] for _ in range(3)] == [1, 1, 2]
    assert unpacked == [1, 2]


def told(found: list[LatestFrame], now: float = 1000.0) -> set[str]:
    return set(CurrentCache(lambda: (found, now)).known().by_subject)


def test_a_subject_is_forgotten_after_ten_minutes() -> None:
    young, old = LatestFrame(401.0, frame("a", subjects=("young",))), LatestFrame(399.0, frame("b", subjects=("old",)))
    assert told([young, old]) == {"young"}


def test_memory_is_bounded_and_the_youngest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "MOST_SUBJECTS", 2)
    frames = [LatestFrame(990.0 + one, frame(f"node-{one}", subjects=(f"GPU-{one}",))) for one in range(5)]
    assert told(frames) == {"GPU-3", "GPU-4"}


def test_a_frame_of_another_version_is_left_out_and_the_others_count() -> None:
    unknown = Frame("b", 1, 1, 0.0, ["GPU-2"], [9999], [], b"\0\0\0\0")
    assert told([LatestFrame(999.0, unknown), LatestFrame(999.0, frame())]) == {"GPU-1"}


@pytest.fixture
def fleet(db: None, stores: None) -> Node:
    return Node.objects.create(name="a")


def devices(person: Callable[..., User]) -> dict[str, Any]:
    client = Client()
    client.force_login(person("viewer"), backend="django.contrib.auth.backends.ModelBackend")
    return {one["uuid"]: one["latest"] for one in client.get("/api/devices/").json()["results"]}


def test_rest_lists_devices_with_their_latest_values(fleet: Node, person: Callable[..., User]) -> None:
    for uuid in ("GPU-1", "GPU-quiet"):
        Device.objects.create(node=fleet, uuid=uuid, vendor="nvidia", model="H100")
    store.send(events.store(), [frame(at=time.time() - 2)])
    store.keep()
    found = devices(person)
    assert found["GPU-quiet"] == {}
    shown = {name: (one["value"], one["unit"], one["dimension"]) for name, one in found["GPU-1"].items()}
    assert shown == {
        "power_watts": (95.3, "watts", "power"),
        "energy_joules_total": (123456789.5, "joules", "energy"),
        "memory_used_bytes": (85899345920.0, "bytes", "memory"),
    }
    assert all(0 <= one["age_s"] < 60 for one in found["GPU-1"].values())


def test_rest_answers_while_redis_is_away(
    fleet: Node, person: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    Device.objects.create(node=fleet, uuid="GPU-1", vendor="nvidia", model="H100")
    gone = redis.Redis(port=reserved_port(), retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(current, "_cache", CurrentCache(lambda: latest.read(gone)))
    assert devices(person) == {"GPU-1": {}}
    assert current.known().away == current.AWAY
