"""What /metrics tells of the fleet: what another parser reads back, whatever names and values there are."""

import math
import time
from collections.abc import Iterator, Mapping

import pytest
from django.db import Error
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from routing import metrics
from routing.history.current import STALE_SECONDS, CurrentValues
from routing.history.latest import LatestValues
from routing.metrics import DeviceLabels, FleetText, families
from routing.models import Device, Node
from routing.samples.dimensions import DIMENSIONS, ENGINE_DIMENSIONS, SERIES
from routing.samples.families import MetricFamily, histogram, written

SEEN = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))


def read(text: bytes) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text.decode()):
        yield from family.samples


@given(st.lists(st.tuples(st.text(st.one_of(SEEN, st.sampled_from('\n"\\')), max_size=8), st.floats()), max_size=5))
def test_what_is_written_is_read_back(samples: list[tuple[str, float]]) -> None:
    family = MetricFamily("patchbay_x", "gauge", 'A "help" with \\ and\na line')
    for name, value in samples:
        family.add(value, name=name, other="")
    found = [(one.labels["name"], one.value) for one in read(written([family]))]
    assert len(found) == len(samples)
    for (name, value), (known, number) in zip(samples, found, strict=True):
        assert known == name
        assert number == value or (math.isnan(number) and math.isnan(value))


def test_control_characters_do_not_end_a_scrape() -> None:
    family = MetricFamily("patchbay_x", "gauge", "x")
    family.add(1, name="a\0b\rc\x1b\ud800")
    assert [one.labels["name"] for one in read(written([family]))] == ["a\ufffdb\ufffdc\ufffd\ufffd"]


def test_a_histogram_has_buckets_a_sum_and_a_count() -> None:
    family = MetricFamily("patchbay_x_seconds", "histogram", "x")
    histogram(family, {"model": "m"}, [("0.1", 2.0), ("+Inf", 5.0)], 7.5)
    [told] = text_string_to_metric_families(written([family]).decode())
    assert told.type == "histogram"
    assert [(one.name, one.labels.get("le"), one.value) for one in told.samples] == [
        ("patchbay_x_seconds_bucket", "0.1", 2.0),
        ("patchbay_x_seconds_bucket", "+Inf", 5.0),
        ("patchbay_x_seconds_count", None, 5.0),
        ("patchbay_x_seconds_sum", None, 7.5),
    ]


def values(ages: Mapping[str, float], **told: float) -> CurrentValues:
    now = time.monotonic()
    return CurrentValues({name: LatestValues("s", now - age, dict(told)) for name, age in ages.items()}, now, "")


def told(known: CurrentValues, devices: Mapping[str, DeviceLabels] | None = None) -> list[Sample]:
    return list(read(written(families(known, devices or {}))))


def test_each_series_of_each_dimension_is_a_family_of_its_kind_with_words() -> None:
    everything = values({"GPU-1": 0, "engine:7/m": 0}, **dict.fromkeys(SERIES, 0.5))
    found = {one.name: one for one in text_string_to_metric_families(written(families(everything, {})).decode())}
    for prefix, dimensions in (("patchbay_device_", DIMENSIONS), ("patchbay_engine_", ENGINE_DIMENSIONS)):
        for dimension in dimensions:
            for series in dimension.series:
                family = found[f"{prefix}{series.name}".removesuffix("_total" if series.kind == "counter" else "")]
                assert (family.type == "counter") == (series.kind == "counter")
                assert dimension.en in family.documentation


def test_stale_values_disappear_and_their_age_stays() -> None:
    found = told(values({"young": STALE_SECONDS - 2, "old": STALE_SECONDS + 1}, power_watts=95.30000305175781))
    watts = [(one.labels["device"], one.value) for one in found if one.name == "patchbay_device_power_watts"]
    assert watts == [("young", 95.3)]
    ages = {one.labels["device"]: one.value for one in found if one.name == "patchbay_device_age_seconds"}
    assert ages == {"young": pytest.approx(8, abs=0.5), "old": pytest.approx(11, abs=0.5)}


def test_what_is_not_given_is_absent() -> None:
    found = {one.name for one in told(values({"GPU-1": 0}, power_watts=0.0))}
    assert {name for name in found if name.startswith("patchbay_device_")} == {
        "patchbay_device_power_watts", "patchbay_device_age_seconds"
    }  # fmt: skip


def test_devices_beyond_the_most_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MOST_DEVICES", 2)
    monkeypatch.setattr(metrics, "MOST_ENGINES", 1)
    known = values({"c": 0, "a": 0, "b": 0, "engine:2/x": 0, "engine:1/x": 0}, power_watts=1.0, requests_running=1.0)
    found = told(known)
    watts = [one.labels["device"] for one in found if one.name == "patchbay_device_power_watts"]
    engines = [one.labels["endpoint"] for one in found if one.name == "patchbay_engine_requests_running"]
    assert (watts, engines) == (["a", "b"], ["1"])
    assert [one.value for one in found if one.name == "patchbay_subjects_left_out"] == [2.0]


@pytest.mark.django_db
def test_labels_are_those_of_the_inventory_and_stay_while_postgresql_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node.objects.create(name='no"de', emulated=True)
    Device.objects.create(node=node, uuid="GPU-1", vendor="nvidia", model="H100", index=3)
    Device.objects.create(node=node, uuid="GPU-2", vendor="amd", model="MI300X", gone_at="2026-11-01T00:00Z")
    monkeypatch.setattr(metrics, "known", lambda: values({"GPU-1": 0}, power_watts=1.0))
    clock = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    text = FleetText()
    labels = {"device": "GPU-1", "node": 'no"de', "vendor": "nvidia", "model": "H100", "index": "3", "emulated": "true"}

    def found(name: str) -> list[dict[str, str]]:
        return [one.labels for one in read(text()) if one.name == name]

    assert found("patchbay_device_power_watts") == [labels]
    assert found("patchbay_device_info") == [labels | {"state": "ready"}]

    def away() -> dict[str, DeviceLabels]:
        raise Error("gone")

    monkeypatch.setattr(metrics, "inventory", away)
    clock[0] += 2
    assert found("patchbay_device_power_watts") == [labels]
