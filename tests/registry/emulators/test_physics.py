"""The laws that an emulated device obeys, whatever it does."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.emulators.gpus.hardware import H100, MIX, DeviceKind
from registry.emulators.gpus.physics import (
    HOT_SHARE,
    IDLE,
    POWER_CAP,
    THERMAL,
    DeviceBuild,
    DeviceLoad,
    Physical,
    after,
    at_rest,
    demand,
    events,
    kernels,
    memory_used,
    settled,
)
from registry.emulators.gpus.rack import rack

NOTHING = DeviceLoad()
FULL = DeviceLoad(1.0, 40.0, 4000.0)
HOT = DeviceBuild(ambient_c=45.0, resistance=0.08)
kinds = st.sampled_from(MIX)
builds = st.builds(DeviceBuild, st.floats(10, 50), st.floats(0.02, 0.2), st.floats(0.9, 1.1))
loads = st.builds(DeviceLoad, st.floats(0, 1), st.floats(1, 200), st.floats(0, 1e5))
spells = st.lists(st.tuples(loads, st.floats(0.01, 400)), min_size=1, max_size=6)


@dataclass(frozen=True)
class Lived:
    """A device after one spell, with how long it was and the state before."""

    before: Physical
    load: DeviceLoad
    seconds: float
    now: Physical


def lives(kind: DeviceKind, build: DeviceBuild, given_spells: list[tuple[DeviceLoad, float]]) -> list[Lived]:
    now, lived = at_rest(kind, build), []
    for load, seconds in given_spells:
        before, now = now, after(now, kind, build, load, seconds)
        lived.append(Lived(before, load, seconds, now))
    return lived


@given(kinds, builds, spells)
def test_energy_is_the_integral_of_the_power_that_is_told(
    kind: DeviceKind, build: DeviceBuild, given_spells: list[tuple[DeviceLoad, float]]
) -> None:
    lived = lives(kind, build, given_spells)
    assert lived[-1].now.energy_j == pytest.approx(sum(one.now.power_w * one.seconds for one in lived), rel=1e-9)


@given(kinds, builds, spells)
def test_power_stays_between_idle_and_the_limit(
    kind: DeviceKind, build: DeviceBuild, given_spells: list[tuple[DeviceLoad, float]]
) -> None:
    for one in lives(kind, build, given_spells):
        assert kind.idle_w * build.idle_factor * 0.999 <= one.now.power_w <= kind.limit_w * 1.001


@given(kinds, builds, spells)
def test_temperature_stays_between_where_it_was_and_where_power_leads(
    kind: DeviceKind, build: DeviceBuild, given_spells: list[tuple[DeviceLoad, float]]
) -> None:
    for one in lives(kind, build, given_spells):
        low, high = settled(build, kind.idle_w * build.idle_factor), settled(build, kind.limit_w)
        assert min(low, one.before.temperature_c) - 0.01 <= one.now.temperature_c
        assert one.now.temperature_c <= max(high, one.before.temperature_c) + 0.01


@given(kinds, builds, spells)
def test_clocks_are_lower_exactly_while_a_reason_is_told(
    kind: DeviceKind, build: DeviceBuild, given_spells: list[tuple[DeviceLoad, float]]
) -> None:
    for one in lives(kind, build, given_spells):
        assert one.now.throttled in (0, IDLE, POWER_CAP, THERMAL)
        assert one.now.sm_mhz <= kind.sm_mhz
        if one.load.busy == 0:
            assert (one.now.throttled, one.now.sm_mhz) == (IDLE, kind.idle_mhz)
        elif one.now.throttled == 0:
            assert one.now.sm_mhz == kind.sm_mhz
        elif one.now.throttled == POWER_CAP:
            assert one.now.sm_mhz < kind.sm_mhz


@given(kinds, builds, loads, loads)
def test_more_calls_want_more_power(kind: DeviceKind, build: DeviceBuild, one: DeviceLoad, other: DeviceLoad) -> None:
    low = DeviceLoad(min(one.busy, other.busy), min(one.calls, other.calls))
    high = DeviceLoad(max(one.busy, other.busy), max(one.calls, other.calls))
    assert demand(kind, build, low) <= demand(kind, build, high) + 1e-9


@given(kinds, builds, loads, st.floats(0.5, 60), st.floats(0.5, 60))
def test_two_steps_are_as_one_while_nothing_throttles(
    kind: DeviceKind, build: DeviceBuild, load: DeviceLoad, first: float, second: float
) -> None:
    start = at_rest(kind, build)
    at_once = after(start, kind, build, load, first + second)
    in_two = after(after(start, kind, build, load, first), kind, build, load, second)
    if at_once.throttled | in_two.throttled in (0, IDLE):
        assert in_two.temperature_c == pytest.approx(at_once.temperature_c)
        assert in_two.energy_j == pytest.approx(at_once.energy_j)


@given(builds, st.floats(0, 1), st.floats(1, 500), st.floats(0, 50))
def test_more_calls_leave_fewer_gaps_between_kernels(
    build: DeviceBuild, share: float, calls: float, more: float
) -> None:
    assert 0.7 * share <= kernels(build, share, calls) <= kernels(build, share, calls + more) <= share


def test_a_device_without_calls_comes_to_rest() -> None:
    build = DeviceBuild()
    hot = after(at_rest(H100, build), H100, build, FULL, 600)
    cooling = [after(hot, H100, build, NOTHING, seconds).temperature_c for seconds in (0, 20, 60, 600)]
    assert cooling == sorted(cooling, reverse=True)
    assert cooling[-1] == pytest.approx(at_rest(H100, build).temperature_c, abs=0.1)
    assert after(hot, H100, build, NOTHING, 5).power_w == H100.idle_w


def test_no_time_changes_nothing() -> None:
    start = at_rest(H100, DeviceBuild())
    assert after(start, H100, DeviceBuild(), FULL, 0) == start


def test_a_device_in_hot_air_slows_down_and_draws_less() -> None:
    cool, hot = DeviceBuild(), HOT
    at_limit = after(at_rest(H100, cool), H100, cool, FULL, 600)
    slowed = after(at_rest(H100, hot), H100, hot, FULL, 600)
    assert at_limit.throttled == POWER_CAP
    assert at_limit.power_w == pytest.approx(H100.limit_w)
    assert at_limit.power_violation_s == pytest.approx(600)
    assert slowed.thermal_violation_s > 60
    assert HOT_SHARE * H100.limit_w < slowed.power_w < 0.95 * H100.limit_w
    assert slowed.temperature_c < H100.slowdown_c + 3


@given(kinds, st.integers(0, 2**40), st.integers(0, 2**40))
def test_memory_is_never_more_than_there_is(kind: DeviceKind, weights: int, cache: int) -> None:
    used = memory_used(kind, weights, cache)
    assert 0 < used <= kind.memory_bytes
    assert used <= memory_used(kind, weights, cache + 1)


@given(st.floats(0, 1e7), st.floats(0, 1e5), st.floats(10, 1e6), st.floats(0, 0.999))
def test_rare_events_only_add_up(elapsed: float, more: float, period: float, phase: float) -> None:
    assert 0 <= events(elapsed, period, phase) <= events(elapsed + more, period, phase) <= (elapsed + more) / period + 1


def test_devices_are_the_same_in_fleets_of_any_size_and_have_names_of_their_own() -> None:
    small, large = rack(20), rack(1000)
    assert [len(node.devices) for node in small] == [8, 8, 4]
    assert small[1] == large[1]
    devices = [one for node in large for one in node.devices]
    assert len({one.uuid for one in devices}) == 1000
    assert all("emulated" in node.name for node in large)
    assert {node.kind.vendor for node in rack(64)} == {"dcgm", "amd", "ascend"}
