"""Tariffs and the grid's carbon: what is refused and why, and that nothing rewrites the past."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from controlplane.base.access import Forbidden
from controlplane.base.models import Change, User
from controlplane.base.refusals import Conflict, Invalid
from routing.energy import intensity, pricing, tariffs
from routing.energy_tables import EnergyTariff, GridIntensity

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
FULL = {"currency": "EUR", "prices": {"H100": 2.5}, "pue": 1.3, "grid_g_per_kwh": 380}


def test_a_tariff_counts_from_its_moment_and_the_one_before_it_stays(person: Person) -> None:
    engineer = person("engineer")
    first = pricing.set_tariff(engineer, FULL)
    later = timezone.now() + timedelta(days=1)
    second = pricing.set_tariff(engineer, {"prices": {"H100": 3}, "valid_from": later.isoformat()})
    assert (second.currency, second.pue, second.grid_g_per_kwh) == ("EUR", 1.3, 380)
    history = tariffs.between(0, later.timestamp())
    assert [history.at(later.timestamp() + at) for at in (-1, 0)] == [first, second]
    assert history.at(first.valid_from.timestamp() - 1) is None
    assert history.grams_per_joule(later.timestamp()) == pytest.approx(380 * 1.3 / 3.6e6)
    assert Change.objects.filter(verb="tariff.set").count() == 2


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        ({"currency": "euro"}, "currency"),
        ({"currency": "", "prices": {"H100": 1}}, "currency"),
        ({"prices": {"H100": -1}}, "prices"),
        ({"prices": {"H100": float("nan")}}, "prices"),
        ({"prices": {"": 1}}, "prices"),
        ({"prices": [1]}, "prices"),
        ({"prices": {f"m{number}": 1 for number in range(501)}}, "prices"),
        ({"pue": 0.9}, "pue"),
        ({"pue": True}, "pue"),
        ({"pue": 10**400}, "pue"),
        ({"pue": None}, "pue"),
        ({"grid_g_per_kwh": -1}, "grid_g_per_kwh"),
        ({"grid_g_per_kwh": "a lot"}, "grid_g_per_kwh"),
        ({"valid_from": "2001-01-01T00:00Z"}, "valid_from"),
        ({"valid_from": "9999-01-01T00:00Z"}, "valid_from"),
        ({"valid_from": "2027-02-31T00:00Z"}, "valid_from"),
        ({"valid_from": "soon"}, "valid_from"),
        ({"price": 1}, "unknown_field"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(person: Person, draft: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        pricing.set_tariff(person("engineer"), draft)
    assert refused.value.code == code
    assert not EnergyTariff.objects.exists()


def test_only_what_does_not_count_yet_can_be_taken_back(person: Person) -> None:
    engineer = person("engineer")
    row = pricing.set_tariff(engineer, FULL)
    with pytest.raises(Conflict):
        pricing.withdraw(engineer, row.pk)
    later = (timezone.now() + timedelta(days=1)).isoformat()
    ahead = pricing.set_tariff(engineer, {"valid_from": later})
    with pytest.raises(Conflict):
        pricing.set_tariff(engineer, {"valid_from": later})
    pricing.withdraw(engineer, ahead.pk)
    assert list(EnergyTariff.objects.all()) == [row]
    for forbidden in (
        lambda: pricing.set_tariff(person("viewer"), {}),
        lambda: pricing.withdraw(person("viewer"), row.pk),
        lambda: intensity.bring(person("viewer"), "2027-01-01T00:00Z,1"),
    ):
        with pytest.raises(Forbidden):
            forbidden()


@pytest.mark.parametrize(
    "line",
    ["2027-01-01,350", "2027-01-01T13:00+05:30,350", "2027-01-01T13:00Z,1_0", "2027-01-01T13:00Z,٣٥", "13:00,350"],
)
def test_a_line_that_would_count_otherwise_than_it_was_meant_is_wrong(line: str) -> None:
    assert [one.line for one in intensity.read(line)[1]] == [1]
    assert intensity.read("2027-01-01T13:30+05:30,350.5")[0] == {datetime(2027, 1, 1, 8, tzinfo=UTC): 350.5}


def test_hours_are_kept_all_or_none_and_wrong_lines_are_told_by_number(person: Person) -> None:
    engineer = person("engineer")
    text = (
        '\ufeffhour,g_per_kwh\r\n2027-01-01T00:00Z,350\r\n"2027-01-01 01:00","351.5"\r\n\r\n2027-01-01T03:00+01:00,352'
    )
    brought = intensity.bring(engineer, text)
    assert (brought.hours, brought.first, brought.last) == (
        3, datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    intensity.bring(engineer, "2027-01-01T00:00Z,99")
    assert sorted(GridIntensity.objects.values_list("g_per_kwh", flat=True)) == [99, 351.5, 352]
    wrong = "hour,g_per_kwh\n2027-01-02T00:00Z,1\n2027-01-02T00:30Z,1\n2027-01-02T01:00Z,-4\nx\n2027-01-02T00:00Z,2\n,,"
    with pytest.raises(Invalid) as refused:
        intensity.bring(engineer, wrong)
    assert [one["line"] for one in refused.value.detail] == [3, 4, 5, 6, 7]
    assert str(refused.value.message).startswith("line 3: '2027-01-02T00:30Z,1'; expected a full hour in UTC")
    assert GridIntensity.objects.count() == 3


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    found, problems = intensity.read(text)
    assert bool(found) or bool(problems)
    assert all(0 <= grams <= 5000 for grams in found.values())


def test_rest_says_what_the_verbs_do(key_client: Callable[..., Client]) -> None:
    client = key_client("manage")
    made = client.post("/api/energy/prices/", FULL, content_type="application/json")
    assert (made.status_code, made.json()["prices"]) == (201, {"H100": 2.5})
    assert client.get("/api/energy/prices/").json()["results"] == [made.json()]
    wrong = client.post("/api/energy/prices/", {"pue": "x"}, content_type="application/json")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "pue")
    assert client.post("/api/energy/prices/", [1], content_type="application/json").status_code == 400
    assert client.delete(f"/api/energy/prices/{made.json()['id']}/").status_code == 409
    brought = client.post("/api/energy/intensity/", "2027-01-01T00:00Z,350", content_type="text/csv")
    assert brought.json() == {
        "hours": 1, "settled": 0, "first": "2027-01-01T00:00:00Z", "last": "2027-01-01T00:00:00Z",
    }  # fmt: skip
    broken = client.post("/api/energy/intensity/", {"csv": "hour,g_per_kwh\nx,y"}, content_type="application/json")
    assert (broken.status_code, broken.json()["error"]["detail"][0]["line"]) == (400, 2)
