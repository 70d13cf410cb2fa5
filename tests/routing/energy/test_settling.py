"""From frames and records to sums: on PostgreSQL, each joule once, whatever comes late or dies on the way."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.base import events, redis_names
from routing.energy import settling, totals
from routing.energy_tables import DeviceEnergyDay, EnergyMark, EnergyTariff, ModelEnergyDay, WaitingCall
from routing.history import rolling
from routing.models import Device, Placement, StoredReplica
from tests.routing.energy.own_devices import GB, OwnDevices, Watts, integral

pytestmark = pytest.mark.django_db


def sums() -> dict[str, float]:
    """What the sums of days say: measured, busy, of models."""
    of_devices = DeviceEnergyDay.objects.values_list("joules", "busy_joules", "known_s", "unknown_s")
    names = ("measured", "busy", "known_s", "unknown_s")
    named = {name: sum(row[place] for row in of_devices) for place, name in enumerate(names)}
    return {**named, "models": sum(ModelEnergyDay.objects.values_list("joules", flat=True))}


def steps(base: float, seconds: float, height: float, count: int) -> Watts:
    """Power that climbs `count` steps of so many seconds and falls back."""
    return lambda at: base + height * ((at // seconds) % count)


def of_models() -> dict[str, float]:
    found: dict[str, float] = {}
    for model, joules in ModelEnergyDay.objects.values_list("model", "joules"):
        found[model] = found.get(model, 0.0) + joules
    return found


def test_calls_get_what_is_above_idle_and_the_rest_is_idle(own: OwnDevices) -> None:
    own.place("chat", own.device())
    own.draw("g0", lambda at: 500 if 60 <= at < 80 else 100, 0, 240)
    own.call("chat", 60, 20)
    own.settle(120)
    found = sums()
    assert found["measured"] == pytest.approx(120 * 100 + 20 * 400, rel=0.01)
    assert found["busy"] == pytest.approx(20 * 400, rel=0.03)
    assert found["models"] == pytest.approx(found["busy"], rel=1e-6)
    assert found["known_s"] == pytest.approx(120)
    [row] = ModelEnergyDay.objects.all()
    assert (row.calls, row.prompt_tokens, row.completion_tokens, row.api_key_id) == (1, 10, 20, 1)
    assert (row.call_s, row.unmeasured_s) == pytest.approx((20, 0))


def test_several_models_on_a_device_and_a_model_on_several_add_up_to_what_was_measured(own: OwnDevices) -> None:
    """Real rows, a hundred calls of any length: calls and idle are what was drawn, within 1 %."""
    chance = random.Random(7)
    devices = [own.device(f"g{number}") for number in range(3)]
    own.place("one", devices[0])
    own.place("both", devices[0], devices[1])
    own.place("wide", *devices, endpoint="http://y:80")
    drawn = [steps(base, 7, 200, 3) for base in (80, 100, 120)]
    for number, watts in enumerate(drawn):
        own.draw(f"g{number}", watts, 0, 480, counted=number != 1)
    for number in range(100):
        model = chance.choice(["one", "both", "wide"])
        endpoint = "http://y:80" if model == "wide" else "http://x:80"
        own.call(model, chance.uniform(0, 250), chance.uniform(0.05, 45), endpoint=endpoint, api_key_id=number % 3)
        if number % 20 == 0:
            own.settle(10 + number * 3)
    own.settle(420)
    found = sums()
    truth = sum(integral(watts, 0, 420) for watts in drawn)
    assert found["measured"] == pytest.approx(truth, rel=0.01)
    assert found["models"] == pytest.approx(found["busy"], rel=1e-6)
    assert 0 < found["busy"] < found["measured"]
    assert sum(row.calls for row in ModelEnergyDay.objects.all()) == 100
    assert not WaitingCall.objects.exists()


def test_a_call_that_ends_late_gets_its_part_of_windows_that_were_settled_long_before(own: OwnDevices) -> None:
    own.place("chat", own.device())
    own.draw("g0", lambda at: 400 if 60 <= at < 360 else 100, 0, 480)
    for _ in range(2):
        own.settle(200)
    before = sums()
    assert before["models"] == 0
    own.call("chat", 60, 300)
    own.call("chat", 100, 10)
    own.settle(400)
    found = sums()
    assert found["models"] == pytest.approx(300 * 300, rel=0.03)
    assert found["models"] == pytest.approx(found["busy"], rel=1e-6)
    rows = [own.settle(400), sums()]
    assert rows == [0, found]


def test_late_calls_come_to_the_same_as_calls_in_time(own: OwnDevices) -> None:
    """The order in which records come changes nothing."""
    own.place("one", own.device())
    own.place("two", own.device("g1"))
    for name in ("g0", "g1"):
        own.draw(name, lambda at: 400 if 60 <= at < 300 else 100, 0, 400)
    spans = [("one", 60, 200), ("two", 100, 30), ("one", 150, 20), ("one", 70, 5)]
    for model, began, lasted in spans:
        own.call(model, began, lasted)
        own.settle(320)
    in_turn = of_models()
    EnergyMark.objects.update(until=datetime.fromtimestamp(own.start, UTC))
    for table in (
        "energy_window",
        "energy_rate",
        "energy_idle",
        *("routing_modelenergyday", "routing_deviceenergyday"),
    ):
        with connection.cursor() as cursor:
            cursor.execute(f"delete from {table}")
    for model, began, lasted in spans:
        own.call(model, began, lasted)
    own.settle(320)
    assert of_models() == pytest.approx(in_turn, rel=1e-6)


def test_a_slice_is_not_counted_beside_its_device(own: OwnDevices) -> None:
    whole = own.device()
    part = own.device("g0-slice", parent="g0", memory_bytes=20 * GB)
    own.place("chat", part)
    for name in ("g0", "g0-slice"):
        own.draw(name, lambda at: 300 if 60 <= at < 70 else 100, 0, 200)
    own.call("chat", 60, 10)
    own.settle(100)
    assert [row.uuid for row in DeviceEnergyDay.objects.all()] == [whole.uuid]
    assert sums()["measured"] == pytest.approx(100 * 100 + 2000, rel=0.02)
    assert sums()["models"] == pytest.approx(2000, rel=0.1)


def test_what_was_not_measured_is_told_and_no_energy(own: OwnDevices) -> None:
    own.place("chat", own.device())
    own.place("dark", own.device("g1"))
    own.draw("g0", lambda at: 200, 0, 60)
    own.call("chat", 20, 200)
    own.call("dark", 20, 30)
    own.call("elsewhere", 20, 30)
    own.settle(240)
    found = sums()
    assert found["known_s"] == pytest.approx(60)
    assert found["unknown_s"] == pytest.approx(180 + 240)
    rows = {row.model: row for row in ModelEnergyDay.objects.all()}
    assert set(rows) == {"chat", "dark"}
    assert (rows["chat"].call_s, rows["chat"].unmeasured_s) == pytest.approx((200, 160))
    assert (rows["dark"].call_s, rows["dark"].unmeasured_s, rows["dark"].joules) == pytest.approx((30, 30, 0))


def test_time_before_a_device_came_into_the_inventory_is_not_unknown(own: OwnDevices) -> None:
    row = own.device()
    Device.objects.filter(pk=row.pk).update(created_at=datetime.fromtimestamp(own.start + 100, UTC))
    own.place("chat", row)
    own.draw("g0", lambda at: 100, 104, 300)
    own.settle(200)
    assert (sums()["known_s"], sums()["unknown_s"]) == pytest.approx((96, 4))


def test_a_model_that_left_its_device_keeps_what_its_calls_used(own: OwnDevices) -> None:
    own.place("chat", own.device())
    own.draw("g0", lambda at: 300 if 30 <= at < 60 else 100, 0, 480)
    own.settle(90)
    Placement.objects.all().delete()
    own.call("chat", 30, 30)
    own.settle(120)
    assert sums()["models"] == pytest.approx(6000, rel=0.05)
    own.call("chat", 200, 30)
    own.settle(300)
    assert sums()["models"] == pytest.approx(6000, rel=0.05)
    assert StoredReplica.objects.count() == 1


def test_a_transaction_that_dies_changes_nothing_and_the_next_does_all_of_it(
    own: OwnDevices, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.place("chat", own.device())
    own.draw("g0", lambda at: 300 if 30 <= at < 60 else 100, 0, 200)
    own.call("chat", 30, 30)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(totals.EnergyTotals, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            own.settle(100)
    assert sums()["measured"] == 0
    assert own.settle(100) == 10
    once = sums()
    assert once["measured"] == pytest.approx(100 * 100 + 6000, rel=0.02)
    assert own.settle(100) == 0
    assert sums() == once


def test_after_hours_without_a_worker_history_gives_the_energy(own: OwnDevices) -> None:
    """What the finest history has no more is read in steps of ten seconds."""
    own.place("chat", own.device())
    own.draw("g0", lambda at: 300 if 100 <= at < 200 else 100, 0, 480, counted=True)
    own.call("chat", 100, 100)
    rolling.roll(own.start + 4000)
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from telemetry_second")
        assert cursor.fetchone() == (0,)
    own.settle(450)
    assert sums()["measured"] == pytest.approx(450 * 100 + 100 * 200, rel=0.01)
    assert sums()["models"] == pytest.approx(20_000, rel=0.05)


def test_money_and_carbon_follow_the_same_shares_and_a_new_tariff_leaves_the_past_alone(own: OwnDevices) -> None:
    own.place("chat", own.device())
    own.draw("g0", lambda at: 300 if 30 <= at < 60 or 130 <= at < 160 else 100, 0, 300)
    first = datetime.fromtimestamp(own.start - 100, UTC)
    EnergyTariff.objects.create(valid_from=first, currency="EUR", prices={"H100": 3.6}, pue=1.5, grid_g_per_kwh=400)
    later = first + timedelta(seconds=200)
    EnergyTariff.objects.create(valid_from=later, currency="USD", prices={"A100": 1.0}, pue=1.0)
    for began in (30, 130):
        own.call("chat", began, 30)
    own.settle(200)
    rows = {row.currency: row for row in DeviceEnergyDay.objects.all()}
    assert rows["EUR"].money == pytest.approx(3.6 * 100 / 3600)
    assert rows["EUR"].busy_money == pytest.approx(0.001 * 30 * 2 / 3, rel=0.05)
    assert rows["EUR"].grams == pytest.approx(rows["EUR"].joules * 1.5 * 400 / 3.6e6)
    assert (rows["USD"].money, rows["USD"].priced_joules, rows["USD"].grams) == (0, 0, 0)
    models = {row.currency: row for row in ModelEnergyDay.objects.all()}
    assert models["EUR"].money == pytest.approx(rows["EUR"].busy_money, rel=1e-6)
    assert models["EUR"].priced_joules == pytest.approx(models["EUR"].joules, rel=1e-6)
    assert (models["USD"].money, models["USD"].calls) == (0, 1)


spans = st.tuples(st.sampled_from(["one", "two"]), st.integers(0, 200), st.integers(0, 100), st.integers(0, 2))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(spans, max_size=12), st.lists(st.integers(20, 320), max_size=4))
def test_whatever_comes_when_every_joule_is_counted_once(
    own: OwnDevices, told: list[tuple[str, int, int, int]], settled: list[int]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("delete from energy_window; delete from energy_rate; delete from telemetry_second")
    for table in (ModelEnergyDay, DeviceEnergyDay, WaitingCall):
        table.objects.all().delete()
    EnergyMark.objects.update(until=datetime.fromtimestamp(own.start, UTC))
    if not StoredReplica.objects.exists():
        devices = [own.device(), own.device("g1")]
        own.place("one", *devices)
        own.place("two", devices[1])
    for name, base in (("g0", 50), ("g1", 150)):
        own.draw(name, steps(base, 20, 300, 2), 0, 400)
    moments = iter(sorted(settled))
    for model, began, lasted, key in told:
        own.call(model, began, lasted, api_key_id=key or None)
        own.settle(next(moments, 320))
    own.settle(330)
    found = sums()
    assert found["measured"] == pytest.approx(330 * 200 + 2 * 160 * 300, rel=0.01)
    assert found["models"] == pytest.approx(found["busy"], rel=1e-6, abs=1e-6)
    assert 0 <= found["busy"] <= found["measured"]


def test_while_redis_is_away_nothing_is_settled_and_nothing_is_lost(
    own: OwnDevices, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.place("chat", own.device())
    own.draw("g0", lambda at: 100, 0, 200)
    events.store().xadd(redis_names.TELEMETRY, {"f": b""}, id=f"{int((own.start + 50) * 1000)}-0")
    assert own.settle(100) == 0
    events.store().delete(redis_names.TELEMETRY)
    assert own.settle(100) == 10
    assert settling.GRACE < settling.LONGEST_AWAY
