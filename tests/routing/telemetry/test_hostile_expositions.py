"""Texts that lie, are broken or are no exposition: never an exception, never silently wrong."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.samples import shapes
from routing.samples.dimensions import SERIES
from routing.samples.exposition import LONGEST, MOST_SAMPLES
from routing.samples.faults import FAULTS
from routing.samples.readings import MOST_COMPLAINTS, MOST_SUBJECTS, TelemetrySource, reading
from routing.telemetry import DEVICE_SOURCES, ENGINE_SOURCES

DCGM = DEVICE_SOURCES["dcgm"]
ALL = [*DEVICE_SOURCES.values(), *ENGINE_SOURCES.values()]
TEMPERATURE = 'DCGM_FI_DEV_GPU_TEMP{{UUID="{uuid}"}} {value}\n'


def faults(body: str | bytes) -> dict[str, str]:
    found = reading(body if isinstance(body, bytes) else body.encode(), DCGM)
    return {one.fault: one.subject or one.value for one in found.complaints}


@pytest.mark.parametrize(
    "page", ["<html><body>Sign in</body></html>", "<!doctype html>\n<p>502\n</p>\n", '{"a": 1}\n', '{"a": 1}']
)
def test_a_page_is_no_exposition(page: str) -> None:
    assert list(faults(page))[-1] == "not an exposition"
    assert not reading(page.encode(), DCGM).subjects


def test_a_hundred_megabytes_are_not_read() -> None:
    assert faults(b"a" * (LONGEST + 1)) == {"too long": f"{LONGEST + 1} bytes"}


def test_more_samples_than_a_node_can_have() -> None:
    body = TEMPERATURE.format(uuid="a", value=1) * (MOST_SAMPLES + 1)
    assert "too long" in faults(body)


def test_more_devices_than_a_node_can_have() -> None:
    body = "".join(TEMPERATURE.format(uuid=f"g{number}", value=40) for number in range(MOST_SUBJECTS + 100))
    found = reading(body.encode(), DCGM)
    assert len(found.subjects) == MOST_SUBJECTS
    assert len(found.complaints) == MOST_COMPLAINTS


@pytest.mark.parametrize(
    ("value", "fault"),
    [("NaN", "not a number"), ("+Inf", "not a number"), ("-300", "out of range"), ("900", "out of range")],
)
def test_a_value_that_cannot_be_is_left_out_and_told(value: str, fault: str) -> None:
    found = reading(TEMPERATURE.format(uuid="GPU-1", value=value).encode(), DCGM)
    assert found.subjects["GPU-1"].values == {}
    assert [(one.fault, one.metric, one.subject) for one in found.complaints] == [
        (fault, "DCGM_FI_DEV_GPU_TEMP", "GPU-1")
    ]


def test_two_devices_with_one_identity_count_as_neither() -> None:
    twice = TEMPERATURE.format(uuid="GPU-1", value=40) + TEMPERATURE.format(uuid="GPU-1", value=70)
    found = reading(twice.encode(), DCGM)
    assert found.subjects["GPU-1"].values == {}
    assert [one.fault for one in found.complaints] == ["two values"]


def test_one_gpu_that_two_pods_share_is_one() -> None:
    shared = "".join(f'DCGM_FI_DEV_GPU_TEMP{{UUID="GPU-1",pod="{pod}"}} 40\n' for pod in "ab")
    found = reading(shared.encode(), DCGM)
    assert found.subjects["GPU-1"].values == {"temperature_celsius": 40}
    assert not found.complaints


def test_a_device_without_identity_is_told() -> None:
    assert faults("DCGM_FI_DEV_GPU_TEMP 40\n") == {"no identity": ""}


def test_a_text_that_is_cut_off_in_a_number_does_not_give_the_half_of_it() -> None:
    whole = TEMPERATURE.format(uuid="GPU-1", value=40) + TEMPERATURE.format(uuid="GPU-2", value=71)
    found = reading(whole[:-2].encode(), DCGM)
    assert list(found.subjects) == ["GPU-1"]
    assert [one.fault for one in found.complaints] == ["cut off"]


@pytest.mark.parametrize("number", ["1_0", "0x10", "infinity", "1e", "--1", "١", "1 2 3"])
def test_only_numbers_are_numbers(number: str) -> None:
    assert "malformed" in faults(TEMPERATURE.format(uuid="GPU-1", value=number) + TEMPERATURE.format(uuid="b", value=1))


lines = st.one_of(
    st.builds(
        lambda name, labels, value: f"{name}{labels} {value}\n",
        st.sampled_from([name for source in ALL for name in source.rules]),
        st.one_of(
            st.sampled_from(['{UUID="a"}', '{id="0"}', '{model_name="m"}', "", "{", '{UUID="a', '{UUID="\\"}"}']),
            st.text(max_size=30),
        ),
        st.one_of(st.floats().map(repr), st.integers().map(str), st.text(max_size=8)),
    ),
    st.text(max_size=60),
)


@given(st.lists(lines, max_size=20).map("".join), st.sampled_from(ALL))
def test_whatever_the_text_says_what_is_taken_can_be_true(body: str, source: TelemetrySource) -> None:
    found = reading(body.encode("utf-8", "surrogatepass"), source)
    for subject in found.subjects.values():
        assert all(math.isfinite(value) for value in subject.values.values())
    assert {one.fault for one in found.complaints} <= set(FAULTS)
    assert set().union(*(one.values for one in found.subjects.values())) <= set(SERIES)


@given(st.binary(max_size=300), st.sampled_from(ALL))
def test_bytes_never_raise(body: bytes, source: TelemetrySource) -> None:
    assert len(reading(body, source).complaints) <= MOST_COMPLAINTS


@given(st.dictionaries(st.text('abc/"\\{},= é', min_size=1, max_size=8), st.integers(0, 200), max_size=6))
def test_what_is_written_by_the_format_is_read_back(temperatures: dict[str, int]) -> None:
    def escaped(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    body = "".join(TEMPERATURE.format(uuid=escaped(uuid), value=value) for uuid, value in temperatures.items())
    found = reading(body.encode(), DCGM)
    assert {name: one.values["temperature_celsius"] for name, one in found.subjects.items()} == temperatures


@pytest.mark.timeout(20)
@pytest.mark.parametrize("line", ["{}" + "}" * 16_000, " " + "1" * 16_000 + "x", "{" + 'a="' * 5_000, " 1 " * 5_000])
def test_a_line_made_to_be_tried_in_every_way_takes_no_longer_than_another(line: str) -> None:
    body = f"DCGM_FI_DEV_GPU_TEMP{line}\n" * 100
    assert "malformed" in faults(body)
    assert shapes.learned(body.encode(), DCGM) is None
