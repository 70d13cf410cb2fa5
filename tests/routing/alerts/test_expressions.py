"""What expressions mean, and how those that are none are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.alerts.language.expressions import ExpressionInvalid, threshold
from routing.alerts.language.parsing import parse, seconds_of
from tests.routing.alerts.fleets import NAN, devices, found, holding

HOT = devices({"temperature_celsius": [91, 70, NAN, 86], "power_watts": [400, 300, 200, NAN]})


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("temperature_celsius > 85", {"GPU-0": 91, "GPU-3": 86}),
        ("85 < temperature_celsius", {"GPU-0": 91, "GPU-3": 86}),
        ('temperature_celsius{node="node-0"} > 85', {"GPU-0": 91}),
        ('temperature_celsius{node=~"node-[12]",vendor!="nvidia"} >= 86', {"GPU-3": 86}),
        ("temperature_celsius > 85 and power_watts > 350", {"GPU-0": 91}),
        ("temperature_celsius > 85 unless power_watts > 350", {}),
        ("power_watts < 250 or temperature_celsius > 90", {"GPU-0": 91, "GPU-2": 200}),
        ("temperature_celsius - 10 > 2 * 40", {"GPU-0": 81}),
        ("-temperature_celsius < -90", {"GPU-0": -91}),
        ("max by (node) (temperature_celsius) > 85", {"node=node-0": 91, "node=node-1": 86}),
        ("avg(temperature_celsius) by (rack) > 80", {"rack=r0": 247 / 3}),
        ("count by (node) (temperature_celsius > 85) >= 1", {"node=node-0": 1, "node=node-1": 1}),
        ("sum(power_watts) > 800", {"all": 900}),
        ("min by (vendor) (power_watts) == 300", {"vendor=amd": 300}),
    ],
)
def test_an_expression_holds_for_these(expr: str, expected: dict[str, float]) -> None:
    assert holding(expr, HOT) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("expr", "unknown"),
    [
        ("temperature_celsius > 85", {"GPU-2"}),
        ('temperature_celsius{node="node-0"} > 85', set()),
        ("temperature_celsius > 85 and power_watts > 350", {"GPU-3"}),
        ("temperature_celsius > 85 unless power_watts > 350", {"GPU-2", "GPU-3"}),
        ("temperature_celsius > 200 and power_watts > 350", set()),
        ("power_watts > 150 or temperature_celsius > 85", set()),
        ("power_watts / memory_used_bytes > 1", {"GPU-0", "GPU-1", "GPU-2", "GPU-3"}),
        ("max by (node) (memory_used_bytes) > 1", {"node=node-0", "node=node-1"}),
    ],
)
def test_what_is_not_known_is_neither_true_nor_false(expr: str, unknown: set[str]) -> None:
    assert found(expr, HOT).unknown() == unknown


def test_a_division_by_zero_says_nothing() -> None:
    fleet = devices({"memory_used_bytes": [1, 0, 5], "memory_total_bytes": [0, 0, 10]})
    assert holding("memory_used_bytes / memory_total_bytes > 0.4", fleet) == {"GPU-2": 0.5}
    assert found("memory_used_bytes / memory_total_bytes > 0.4", fleet).unknown() == {"GPU-0", "GPU-1"}


def test_functions_over_time() -> None:
    busy = devices({}, {"utilization_ratio": [[1, 0.9], [1, NAN], [0.4, 0.9]]}, tick=10)
    assert holding("avg_over_time(utilization_ratio[1m]) > 0.5", busy) == pytest.approx({"GPU-0": 0.8, "GPU-1": 0.9})
    assert holding("max_over_time(utilization_ratio[10s]) > 0.95", busy) == {"GPU-0": 1.0}
    assert holding("min_over_time(utilization_ratio[1m]) < 0.5", busy) == {"GPU-0": 0.4}


def test_counters_grow_over_resets_and_gaps() -> None:
    history: list[list[float]] = [[5, 1, 7, NAN], [7, NAN, 7, NAN], [1, NAN, 7, NAN], [2, 4, 7, 3]]
    fleet = devices({}, {"ecc_uncorrected_errors_total": history}, tick=10)
    assert holding("increase(ecc_uncorrected_errors_total[1m]) > 0", fleet) == {"GPU-0": 4, "GPU-1": 3}
    assert found("increase(ecc_uncorrected_errors_total[1m]) > 0", fleet).unknown() == {"GPU-3"}
    assert holding("rate(ecc_uncorrected_errors_total[1m]) > 0.05", fleet) == pytest.approx(
        {"GPU-0": 4 / 30, "GPU-1": 0.1}
    )


def test_a_bit_of_a_mask() -> None:
    fleet = devices({"throttle_reasons": [0x44, 0x4, 0x1000, NAN]})
    assert holding('throttle_reasons has "hw_thermal"', fleet) == {"GPU-0": 68}
    assert holding('throttle_reasons has "power_cap" unless throttle_reasons has "0x40"', fleet) == {"GPU-1": 4}
    assert holding('throttle_reasons{node="node-1"} has "0x1000"', fleet) == {"GPU-2": 4096}
    assert holding('count(throttle_reasons has "power_cap") == 2', fleet) == {"all": 2}
    assert found('throttle_reasons has "idle"', fleet).unknown() == {"GPU-3"}


@pytest.mark.parametrize(
    ("expr", "at", "words"),
    [
        ("", 0, "found the end; expected a series, a number"),
        ("temperature_celsius", 0, "always fires; compare it with a number"),
        ("temperature_celsius >", 21, "found the end"),
        ("temperature_celsius > 85 90", 25, "expected an operator"),
        ("temprature_celsius > 85", 0, "did you mean temperature_celsius?"),
        ("patchbay_device_power_watts > 85", 0, "did you mean power_watts?"),
        ("1 > 0", 2, "it names no series"),
        ("80 < temperature_celsius < 90", 25, "one comparison; join two by and"),
        ("temperature_celsius > 85 and power_watts", 29, "and joins conditions"),
        ("avg_over_time(temperature_celsius) > 1", 33, "found ); expected ["),
        ("avg_over_time(temperature_celsius[1h]) > 1", 34, "a range from 10s to 10m"),
        ("avg_over_time(temperature_celsius[5m:1m]) > 1", 36, "without a step"),
        ("rate(temperature_celsius[1m]) > 1", 0, "use avg_over_time, max_over_time or min_over_time"),
        ("avg_over_time(energy_joules_total[1m]) > 1", 0, "use increase, rate"),
        ("temperature_celsius offset 5m > 1", 20, "offset of PromQL is not understood here"),
        ("histogram_quantile(0.9, x) > 1", 0, "found histogram_quantile; expected one of"),
        ("sum without (node) (power_watts) > 1", 4, "found without; expected by"),
        ("power_watts > bool 5", 14, "leave it out"),
        ("requests_waiting > 5 and temperature_celsius > 1", 21, "the left side speaks of engine"),
        ("max by (node) (power_watts) > power_watts", 28, "speaks of device by (node)"),
        ('requests_waiting{node="a"} > 5', 0, "engine has no label node"),
        ('power_watts{node=~"(a+)+"} > 5', 23, "may follow one character"),
        ("power_watts{node=a} > 5", 17, "a text in quotes"),
        ("power_watts > 5 $", 16, "found $"),
        ("power_watts ^ 2 > 5", 12, "multiply instead"),
        ('throttle_reasons has "hw_termal"', 21, 'one of "idle", "clock_setting"'),
        ('throttle_reasons has "0x41"', 21, 'or one bit such as "0x40"'),
        ("throttle_reasons has 64", 21, "found 64; expected one of"),
        ('power_watts has "hw_thermal"', 12, "power_watts is a number, not a mask of bits; has takes throttle_reasons"),
        ('throttle_reasons + 1 has "idle"', 21, "has takes a series alone on its left side"),
        ("throttle_reasons & 64 > 0", 17, "found &; expected an operator (and, or, unless, >, +, has, …)"),
        ("throttle_reasons", 0, "always fires"),
        ("(" * 40 + "power_watts > 5", 30, "at most 30 levels"),
    ],
)
def test_what_is_no_expression_is_refused_with_its_place(expr: str, at: int, words: str) -> None:
    with pytest.raises(ExpressionInvalid) as refusal:
        parse(expr)
    assert words in str(refusal.value)
    assert refusal.value.at == at


@given(
    st.text(alphabet='temperature_celsius power watts{}()[]"=~!<>+-*/, 0123456789.smh and or by has \n$@', max_size=60)
)
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        parse(text)
    except ExpressionInvalid as refusal:
        place = refusal.at
    else:
        place = 0
    assert 0 <= place <= len(text)


def test_the_threshold_is_that_of_the_first_comparison() -> None:
    assert threshold(parse("(temperature_celsius > 85 and power_watts > 1) or power_watts > 3").tree) == (">", 85.0)
    assert threshold(parse("power_watts > power_limit_watts").tree) is None


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60), ("1m30s", 90), ("2h", 7200), ("500ms", 0.5)])
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds
