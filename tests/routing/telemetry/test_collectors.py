"""Each collector reads the expositions of its versions; what they do not give is absent."""

from pathlib import Path

import pytest

from routing.samples.readings import SourceReading, reading
from routing.samples.shapes import learned
from routing.telemetry import DEVICE_SOURCES, ENGINE_SOURCES

FOLDER = Path(__file__).parent / "expositions"
SOURCES = DEVICE_SOURCES | ENGINE_SOURCES
FILES = sorted(FOLDER.glob("*.txt"))


def read(name: str) -> SourceReading:
    return reading((FOLDER / name).read_bytes(), SOURCES[name.partition("-")[0]])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_exposition_is_read_without_a_complaint(path: Path) -> None:
    found = read(path.name)
    assert found.subjects
    assert not found.complaints
    assert all(one.values for one in found.subjects.values())


def test_every_collector_has_an_exposition() -> None:
    assert {path.name.partition("-")[0] for path in FILES} == set(SOURCES)


def test_dcgm_in_our_units() -> None:
    found = read("dcgm-4.2.txt")
    busy, idle = found.subjects.values()
    assert busy.labels == {"index": "0", "model": "NVIDIA H100 80GB HBM3", "node": "node-a"}
    assert busy.values["utilization_ratio"] == pytest.approx(0.98)
    assert busy.values["sm_active_ratio"] == pytest.approx(0.4123)
    assert busy.values["tensor_active_ratio"] == pytest.approx(0.1834)
    assert busy.values["memory_used_bytes"] == 71778 * 2**20
    assert busy.values["energy_joules_total"] == pytest.approx(8812345678.901)
    assert busy.values["power_violation_seconds_total"] == pytest.approx(5.0)
    assert busy.values["sm_clock_hertz"] == pytest.approx(1.98e9)
    assert idle.values["memory_used_bytes"] == 0.0
    assert idle.values["last_error"] == 79


def test_a_value_that_dcgm_calls_blank_is_absent_and_not_zero() -> None:
    for one in read("dcgm-4.2.txt").subjects.values():
        assert "fan_speed_ratio" not in one.values
        assert "power_limit_watts" not in one.values


def test_instances_of_one_gpu_are_apart() -> None:
    found = read("dcgm-3.3-mig.txt").subjects
    assert [name.rpartition("/")[2] for name in found] == ["1", "2", "3"]
    assert [one.values["engine_active_ratio"] for one in found.values()] == [0.5, 0.25, 0.125]


def test_amd_with_and_without_a_prefix_says_the_same() -> None:
    plain, prefixed = read("amd-1.3.txt"), read("amd-1.4-prefixed.txt")
    assert plain.subjects == prefixed.subjects
    busy, sick = plain.subjects.values()
    assert busy.values["energy_joules_total"] == pytest.approx(140123456.78)
    assert busy.values["sm_clock_hertz"] == pytest.approx(2.1e9)
    assert busy.values["memory_clock_hertz"] == pytest.approx(1.3e9)
    assert busy.values["fabric_receive_bytes_total"] == 3e6
    assert sick.values["healthy"] == 0.0
    assert "dram_active_ratio" not in busy.values


def test_ascend_joins_processes_and_takes_the_mean_of_pcie() -> None:
    busy, sick = read("ascend-6.0.txt").subjects.values()
    assert busy.values["processes"] == 2
    assert busy.values["process_memory_bytes"] == (40960 + 9216.5) * 2**20
    assert busy.values["pcie_receive_bytes_per_second"] == pytest.approx(0.25e9)
    assert "memory_copy_utilization_ratio" not in sick.values
    assert "energy_joules_total" not in busy.values


@pytest.mark.parametrize(
    ("name", "model", "expected"),
    [
        ("vllm-0.11.txt", "Qwen/Qwen3-32B", {"kv_cache_usage_ratio": 0.4375, "requests_total": 198}),
        ("vllm-0.6.txt", "meta-llama/Llama-3.1-8B-Instruct", {"kv_cache_usage_ratio": 0.4375, "requests_waiting": 3}),
        ("sglang-0.5.txt", "Qwen/Qwen3-8B", {"generation_tokens_per_second": 512.5, "prefix_cache_hit_ratio": 0.61}),
        ("tgi-3.3.txt", "", {"requests_running": 6, "generation_tokens_total": 8123, "request_seconds_total": 191.5}),
        ("triton-2.60.txt", "resnet50", {"requests_waiting": 6, "request_seconds_total": 10.5, "requests_total": 150}),
        ("llamacpp-b6900.txt", "", {"requests_running": 1, "generation_tokens_per_second": 12.5}),
        ("llamacpp-b4500.txt", "", {"kv_cache_usage_ratio": 0.125, "requests_waiting": 4}),
    ],
)
def test_engines(name: str, model: str, expected: dict[str, float]) -> None:
    found = read(name).subjects
    assert list(found) == [model]
    assert {series: found[model].values[series] for series in expected} == pytest.approx(expected)


def test_data_parallel_ranks_of_sglang_add_up_and_what_each_says_twice_does_not() -> None:
    line = 'sglang:{metric}{{model_name="m",dp_rank="{dp}",tp_rank="{tp}",priority="{priority}"}} {value}\n'
    said = [
        ("num_queue_reqs", 0, 0, "", 5), ("num_queue_reqs", 0, 0, "1", 3), ("num_queue_reqs", 0, 0, "2", 2),
        ("num_queue_reqs", 0, 1, "", 5), ("num_queue_reqs", 1, 0, "", 4), ("token_usage", 0, 0, "", 0.5),
        ("token_usage", 1, 0, "", 0.75),
    ]  # fmt: skip
    text = "".join(
        line.format(metric=metric, dp=dp, tp=tp, priority=priority, value=value)
        for metric, dp, tp, priority, value in said
    )
    text += 'sglang:generation_tokens_total{model_name="m",team="a"} 7\n'
    text += 'sglang:generation_tokens_total{model_name="m",team="b"} 8\n'
    [found] = reading(text.encode(), SOURCES["sglang"]).subjects.values()
    assert found.values == {"requests_waiting": 9, "kv_cache_usage_ratio": 0.75, "generation_tokens_total": 15}
    assert learned(text.encode(), SOURCES["sglang"]) is None


def test_llamacpp_of_today_no_longer_tells_of_its_cache() -> None:
    assert "kv_cache_usage_ratio" not in read("llamacpp-b6900.txt").subjects[""].values
