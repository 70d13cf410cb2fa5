"""The number on the page is the number of REST, and that of the records: from frames and calls to what is shown."""

import csv
import io
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from controlplane.base.models import SavedView, User
from routing.dataplane.recorder import Record
from routing.energy import figures, words
from routing.energy.sums import MoneyAmount
from routing.energy_tables import EnergyTariff
from routing.history.latest import LatestValues
from routing.models import StoredReplica
from tests.routing.energy.own_devices import OwnDevices, integral
from tests.site import bare

pytestmark = pytest.mark.django_db
Visitor = Callable[..., Client]
Clients = Callable[..., Client]
LANGUAGES = ("en", "zh-hans")


@pytest.fixture
def used(own: OwnDevices) -> list[Record]:
    """Two models on two devices that have a price, one of them twice, under calls."""
    start = datetime.fromtimestamp(own.start - 60, UTC)
    EnergyTariff.objects.create(valid_from=start, currency="EUR", prices={"H100": 3.6}, pue=1.25, grid_g_per_kwh=400)
    first, second = own.device(), own.device("g1")
    own.place("chat", first)
    own.place("wide", first, second)
    own.draw("g0", drawn(100), 0, 300, counted=True)
    own.draw("g1", drawn(80), 0, 300)
    spans = [("chat", 21.5, 30), ("chat", 40, 3.25), ("wide", 45, 60), ("wide", 150, 0.4), ("chat", 151, 17)]
    calls = [own.call(model, began, lasted, api_key_id=None) for model, began, lasted in spans]
    own.settle(240)
    return calls


def drawn(base: float) -> Callable[[float], float]:
    return lambda at: base + 300 * (20 <= at < 105 or 150 <= at < 170)


def exact(page: str, name: str, column: str) -> float:
    """A number of the table, as it is behind the words."""
    row = re.search(rf'<tr data-name="{name}">.*?</tr>', page, re.S)
    assert row is not None
    cell = re.search(rf'data-column="{column}"\s+data-exact="([^"]*)"', row[0])
    assert cell is not None
    return float(cell[1])


def test_page_rest_csv_and_records_say_the_same(
    own: OwnDevices, used: list[Record], visitor: Visitor, key_client: Clients
) -> None:
    program, reader = key_client("read"), visitor("viewer")
    span = {"from": str(datetime.fromtimestamp(own.start, UTC).date())}
    of_calls: dict[str, list[dict[str, float]]] = {}
    for record in used:
        told = program.get(f"/api/calls/{record.id}").json()["energy"]
        assert (told["currency"], told["why"], told["why_no_cost"], told["why_no_carbon"]) == ("EUR", "", "", "")
        of_calls.setdefault(record.model, []).append(told)
    rows = {row["name"]: row for row in program.get("/api/energy/", span).json()["results"]}
    devices = program.get("/api/energy/", {**span, "by": "device"}).json()["results"]
    page = reader.get("/energy?span=7d&by=model").content.decode()
    text = program.get("/api/energy/rows.csv", span).content.decode()
    lines = {line["name"]: line for line in csv.DictReader(io.StringIO(text))}
    for model, told in of_calls.items():
        for column, of_call in (("joules", "joules"), ("cost", "cost"), ("grams", "grams")):
            whole = sum(one[of_call] for one in told)
            assert rows[model][column] == pytest.approx(whole, rel=1e-5)
            assert (
                exact(reader.get(f"/energy?span=7d&by=model&sort=-{column}").content.decode(), model, column)
                == (rows[model][column])
            )
            assert float(lines[model][column]) == rows[model][column]
        assert rows[model]["joules_per_call"] == pytest.approx(rows[model]["joules"] / len(told))
        assert rows[model]["joules_per_token"] == pytest.approx(rows[model]["joules"] / len(told) / 30)
        assert rows[model]["cost_per_thousand"] == pytest.approx(1000 * rows[model]["cost"] / len(told))
    measured, idle = (sum(row[name] for row in devices) for name in ("joules", "idle_joules"))
    assert measured == pytest.approx(integral(drawn(100), 0, 240) + integral(drawn(80), 0, 240), rel=0.01)
    assert sum(row["joules"] for row in rows.values()) + idle == pytest.approx(measured, rel=1e-5)
    assert sum(row["cost"] for row in devices) == pytest.approx(2 * 3.6 * 240 / 3600, rel=1e-5)
    assert f'data-exact="{measured!r}"' in page or str(measured)[:9] in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_call_shows_what_it_used_or_why_that_is_not_known(
    own: OwnDevices, used: list[Record], visitor: Visitor, language: str
) -> None:
    reader = visitor("viewer", language)
    page = reader.get(f"/calls/{used[0].id}").content.decode()
    assert "EUR" in page
    joules = re.search(r'data-joules="([^"]*)"', page)
    assert joules is not None
    assert float(joules[1]) > 0
    StoredReplica.objects.update(endpoint="http://elsewhere:1")
    late = own.call("chat", 290, 1)
    elsewhere = own.call("nobody", 100, 1)
    refused = own.call("chat", 100, 0, endpoint="", status=429)
    words = {
        "en": ("known about a minute after", "sat on no device of the inventory", "no upstream was asked"),
        "zh-hans": ("调用结束约一分钟后可知", "没有位于清单中的任何设备", "没有请求任何上游"),
    }[language]
    for record, expected in zip((late, elsewhere, refused), words, strict=True):
        page = unescape(reader.get(f"/calls/{record.id}").content.decode())
        assert "data-joules" not in page
        assert expected in page


def test_lists_of_calls_tell_what_each_used_and_nothing_where_nothing_was_measured(
    own: OwnDevices, used: list[Record], visitor: Visitor, key_client: Clients
) -> None:
    program, reader = key_client("read"), visitor("viewer")
    hosted = own.call("hosted", 60, 1, endpoint="http://elsewhere:1")
    late, refused = own.call("chat", 290, 1), own.call("chat", 100, 0, endpoint="", status=429)
    columns = ["when", "model", "energy", "cost"]
    SavedView.objects.create(user=User.objects.get(role="viewer"), place="calls", columns=columns)
    pages = {address: reader.get(address).content.decode() for address in ("/calls", "/calls/of/chat")}
    for record in used:
        told = program.get(f"/api/calls/{record.id}").json()["energy"]
        for address in pages if record.model == "chat" else ("/calls",):
            said = re.search(r'data-joules="([^"]*)"', row_of(pages[address], record))
            assert said is not None
            assert float(said[1]) == told["joules"]
        assert words.money(MoneyAmount(told["cost"], "EUR")) in row_of(pages["/calls"], record)
    for record in (hosted, late, refused):
        assert "data-joules" not in row_of(pages["/calls"], record)
        assert "EUR" not in row_of(pages["/calls"], record)
        assert len(re.findall(r"–\s*</span>", row_of(pages["/calls"], record))) == 2


def test_a_part_that_was_measured_is_told_as_a_part(own: OwnDevices, visitor: Visitor) -> None:
    own.place("chat", own.device())
    own.draw("g0", lambda at: 300, 0, 40)
    own.draw("g0", lambda at: 300, 180, 240)
    record = own.call("chat", 20, 80)
    own.settle(220)
    assert "25.0 % measured" in bare(row_of(visitor("viewer").get("/calls").content.decode(), record))


def row_of(page: str, record: Record) -> str:
    """The row of a call in a list."""
    found = re.search(rf'<tr id="c-{record.id}">.*?</tr>', page, re.S)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("query", ["by=day&span=30d", "by=device", "by=key&sort=calls", "by=x&span=y&sort=z&page=7"])
def test_every_group_opens_and_odd_addresses_do_not_break(used: list[Record], visitor: Visitor, query: str) -> None:
    answer = visitor("viewer").get(f"/energy?{query}")
    assert answer.status_code == 200
    assert visitor("viewer").get(f"/energy/export?{query}").status_code == 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_the_first_minute_the_page_says_since_when_it_is_measured(
    own: OwnDevices, visitor: Visitor, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, begun = visitor("viewer", language), datetime.fromtimestamp(own.start, UTC)
    nothing, first, late, idle = {
        "en": ("Nothing was measured", "The first minute is being measured", "Energy is not summed up", "No call ran"),
        "zh-hans": ("该时段内没有测量数据", "正在测量第一分钟", "电能尚未汇总", "没有调用在自有设备上运行"),
    }[language]
    own.place("chat", own.device())
    assert nothing in reader.get("/energy").content.decode()
    own.draw("g0", drawn(100), 0, 60)
    latest = LatestValues("of-g0", time.monotonic(), {"power_watts": 100.0})
    monkeypatch.setattr(figures, "current", lambda: {"g0": latest})
    monkeypatch.setattr(timezone, "now", lambda: begun + timedelta(seconds=30))
    for address in ("/energy", "/"):
        page = reader.get(address).content.decode()
        assert f'<time datetime="{begun.isoformat(timespec="milliseconds")}" data-clock>' in page
        assert nothing not in page
    assert first in reader.get("/energy").content.decode()
    monkeypatch.setattr(timezone, "now", lambda: begun + timedelta(seconds=300))
    assert late in reader.get("/energy").content.decode()
    own.draw("g0", drawn(100), 61, 240)
    own.settle(200)
    assert idle in reader.get("/energy").content.decode()


def test_without_a_price_there_is_no_cost_and_a_way_to_set_one(own: OwnDevices, visitor: Visitor) -> None:
    own.place("chat", own.device())
    own.draw("g0", drawn(100), 0, 300)
    own.call("chat", 20, 20)
    own.settle(240)
    page = visitor("engineer").get("/energy?span=7d").content.decode()
    assert "not every device has a price" in page
    assert 'data-column="cost" data-exact=""' in re.sub(r"\s+", " ", page)


def test_prices_are_set_in_the_console_and_wrong_ones_stay_in_the_form(own: OwnDevices, visitor: Visitor) -> None:
    own.device()
    engineer = visitor("engineer")
    form = {"currency": "eur", "pue": "1.2", "grid_g_per_kwh": "350", "valid_from": "", "model-0": "H100"}
    wrong = engineer.post("/energy/prices/set", {**form, "price-0": "cheap"})
    assert wrong.status_code == 400
    page = unescape(wrong.content.decode())
    assert "prices is" in page
    assert 'value="cheap"' in page
    assert engineer.post("/energy/prices/set", {**form, "price-0": "2.5"}).status_code == 302
    row = EnergyTariff.objects.get()
    assert (row.currency, row.prices, row.pue, row.grid_g_per_kwh) == ("EUR", {"H100": 2.5}, 1.2, 350)
    ahead = f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M}"
    assert engineer.post("/energy/prices/set", {**form, "price-0": "3", "valid_from": ahead}).status_code == 302
    later = EnergyTariff.objects.exclude(pk=row.pk).get()
    assert later.valid_from.strftime("%Y-%m-%dT%H:%M") == ahead
    assert "to come" in engineer.get("/energy/prices").content.decode()
    assert engineer.post(f"/energy/prices/{later.pk}/withdraw").status_code == 302
    hours = engineer.post("/energy/intensity", {"text": "hour,g_per_kwh\nnoon,3"})
    assert hours.status_code == 400
    assert "Line 2:" in hours.content.decode()
    assert engineer.post("/energy/intensity", {"text": "2027-01-01T00:00Z,3"}).status_code == 302
