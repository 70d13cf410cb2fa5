"""Recordings become workloads: read from files that may be anything, drawn by seed, laid over a scenario's fleet."""

import csv
import gzip
import io
import json
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.lab.learn.workloads import trace_files
from routing.lab.learn.workloads.catalogue import KINDS, LANGUAGE, PICTURE
from routing.lab.learn.workloads.client_streams import Streams, servegen
from routing.lab.learn.workloads.recording import RATIO, SECONDS, TOKENS, UNITS
from routing.lab.learn.workloads.trace_files import TraceError
from routing.lab.learn.workloads.traces import STILL_S, TRACES, azure, find, gentd26, load, mooncake, plain, workload
from routing.lab.learn.workloads.traffic import Scenario
from routing.scheduler.features import PREFILL_TOKENS_PER_UNIT

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:15:51.2224670,879,55
"""
MOONCAKE = """{"timestamp": 0, "input_length": 640, "output_length": 6, "hash_ids": [0, 1]}
{"timestamp": 1500, "input_length": 1280, "output_length": 4, "hash_ids": []}
"""
GENTD26 = """gmt_create,predict_status,exec_time_seconds,checkpoint_model_version_id,num_lora
2024-11-15 16:57:50,SUCCEED,10.0,M0,0
2024-11-15 16:57:51,FAILED,20.0,M0,0
2024-11-15 16:57:52,SUCCEED,,M1,0
2024-11-15 16:57:53,SUCCEED,20.0,,0
2024-11-15 16:57:54,PENDING,0.0,M1,0
2024-11-15 16:57:55,SUCCEED,30.0,M1,0
2024-11-15 16:57:56,SUCCEED,20.0,M1,0
"""
PLAIN = "at,model,units\n0,a,1\n2.5,b,2\n4,b,3\n"
WINDOWS = """pool,client,t0_s,rate_rps,cv,pattern,p1,p2
big,0,0,2.0,1.0,Gamma,1.0,0.5
big,0,600,6.0,2.0,Gamma,0.25,0.6667
big,1,0,1.0,1.5,Weibull,0.7,0.79
small,0,600,0.5,0.5,Gamma,4.0,0.5
"""
QUANTILES = """pool,client,field,mean,p10,p25,p50,p75,p90,p99
big,0,input_tokens,666.5,233,244,275,306,414,6151
big,0,output_tokens,217.7,56,60,72,112,278,1874
small,0,text_tokens,10,10,10,10,10,10,10
small,0,image_tokens,30,30,30,30,30,30,30
small,0,output_tokens,0,0,0,0,0,0,0
small,0,image_count,0,0,0,0,0,0,0
"""
SCENARIO = Scenario("small", calls=50, seconds=60.0, models=7, devices=4)


def put(folder: Path, text: str, name: str = "calls.csv") -> Path:
    file = folder / name
    data = text.encode()
    file.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return file


def clients(folder: Path, windows: str = WINDOWS, quantiles: str = QUANTILES) -> Streams:
    put(folder, quantiles, "servegen_client_token_quantiles.csv.gz")
    return servegen(put(folder, windows, "servegen_client_windows.csv.gz"))


def same(one: Any, other: Any) -> bool:
    pairs = ((getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    return all(np.array_equal(mine, theirs) for mine, theirs in pairs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traces")


def test_azure_is_one_stream_of_tokens_by_iso_times(tmp_path: Path) -> None:
    trace = azure(put(tmp_path, AZURE, "azure.csv.gz"))
    assert trace.at == pytest.approx([0.0, 4.314579, 4.541877], abs=2e-6)
    assert trace.prompt.tolist() == [374, 396, 879]
    assert trace.size.tolist() == [44, 109, 55]
    assert (trace.measure, trace.names, trace.notes) == (TOKENS, (), ())


def test_mooncake_counts_milliseconds(tmp_path: Path) -> None:
    trace = mooncake(put(tmp_path, MOONCAKE, "mooncake.jsonl"))
    assert (trace.at.tolist(), trace.prompt.tolist(), trace.size.tolist()) == ([0.0, 1.5], [640, 1280], [6, 4])


def test_gentd26_drops_failed_and_partial_calls_and_keeps_ratios(tmp_path: Path) -> None:
    trace = gentd26(put(tmp_path, GENTD26))
    assert (trace.measure, trace.names, trace.at.tolist()) == (RATIO, ("M1", "M0"), [0.0, 5.0, 6.0])
    assert (trace.model.tolist(), trace.size.tolist()) == ([1, 0, 0], [0.5, 1.5, 1.0])
    assert trace.notes == ("left out: 2 calls not ended with SUCCEED, 2 without a time or a model",)
    with pytest.raises(TraceError, match="at least one call that ended with SUCCEED"):
        gentd26(put(tmp_path, GENTD26.replace("SUCCEED", "FAILED")))


def test_own_calls_say_their_sizes_in_one_of_three_ways(tmp_path: Path) -> None:
    for columns, row, measure, size, prompt in (
        ("units", "3.5", UNITS, 3.5, 0.0),
        ("seconds", "0.25", SECONDS, 0.25, 0.0),
        ("output_tokens,input_tokens", "5,640", TOKENS, 5.0, 640.0),
    ):
        trace = plain(put(tmp_path, f"\ufeffmodel, at,note,{columns}\r\n\r\nm,2026-11-26T14:00:00Z,x,{row}\r\n"))
        assert (trace.names, trace.measure, trace.size[0], trace.prompt[0]) == (("m",), measure, size, prompt)


def test_one_file_in_four_wrappings_is_one_trace(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(PLAIN)))
    lines = "".join(json.dumps({**row, "units": float(row["units"])}) + "\n" for row in rows)
    read = [plain(put(tmp_path, text, "calls.csv" + end)) for text in (PLAIN, lines) for end in ("", ".gz")]
    assert all(same(one, plain(put(tmp_path, PLAIN, one.name))) for one in read)
    assert plain(put(tmp_path, PLAIN.replace("\n0,a", "\n2.5,a"))).at.tolist() == [0.0, 0.0, 1.5]


CALL = st.tuples(
    st.floats(0, 1e9),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(str.strip),
    st.integers(0, 10_000_000),
    st.integers(0, 10_000_000),
)


@given(st.lists(CALL, min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_whatever_the_order_and_the_names(folder: Path, calls: list[Any]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("at", "model", "input_tokens", "output_tokens"), *calls])
    trace = plain(put(folder, text.getvalue()))
    expected = sorted(calls, key=lambda call: call[0])
    assert trace.at.tolist() == [call[0] - expected[0][0] for call in expected]
    names = [trace.names[one] for one in trace.model]
    assert list(zip(names, trace.prompt, trace.size, strict=True)) == [call[1:] for call in expected]
    late = sum(after[0] < before[0] for before, after in pairwise(calls))
    assert trace.notes == ((f"sorted: {late:,} calls stood before an earlier one",) if late else ())


@pytest.mark.parametrize(
    ("text", "line", "column", "found"),
    [
        (PLAIN.replace("2.5", "-2.5"), 3, "at", "-2.5"),
        (PLAIN.replace("2.5", "nan"), 3, "at", "nan"),
        (PLAIN.replace("2.5", "2026-11-26"), 3, "at", "2026-11-26"),
        (PLAIN.replace("\n0,", "\n2026-11-26,"), 3, "at", "2.5"),
        (PLAIN.replace("\n0,", "\n\n,"), 3, "at", ""),
        (PLAIN.replace("4,b,3", "4,b,0"), 4, "units", "0"),
        (PLAIN.replace("4,b,3", "4,b,1e300"), 4, "units", "1e300"),
        (PLAIN.replace("4,b", "4, "), 4, "model", " "),
        (PLAIN.replace("0,a", '0,"a\na"').replace("4,b,3", "4,b,x"), 5, "units", "x"),
        (PLAIN.replace("4,b,3", "4,b"), 4, None, "2 values"),
        (PLAIN.replace("model", "modle"), 1, "model", "0 of it"),
        (PLAIN.replace("units", "unit"), 1, None, "at, model, unit"),
        ("at,model,units,seconds\n0,a,1,1\n", 1, None, "at, model, units, seconds"),
        ("at,model,units,units\n0,a,1,1\n", 1, "units", "2 of it"),
        ('at,model,units\n0,"a,1\n' + "1,b,1\n" * 30_000, None, None, "field larger than field limit (131072)"),
        ('{"at": 0, "model": "a", "units": 1}\n{"at": 0, "units": 1}\n', 2, "model", None),
        ('{"at": 0, "model": "a", "units": 1}\n{"at": true, "model": "a", "units": 1}\n', 2, "at", "true"),
        ('{"at": 0, "model": "a", "units": 1}\n{"at": 0', 2, None, '{"at": 0'),
        ('{"at": 0, "model": "a", "units": 1}\n[1]\n', 2, None, "[1]"),
        ('{"at": 0, "model": "a", "units": 1}\n' + "[" * 100_000, 2, None, "[" * 100_000),
        ("", None, None, "no rows"),
        ("at,model,units\n\n", None, None, "no rows"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, text: str, line: int | None, column: str | None, found: str | None
) -> None:
    with pytest.raises(TraceError) as caught:
        plain(put(tmp_path, text))
    error = caught.value
    assert (error.column, error.found) == (column, found)
    assert line is None or error.line == line
    assert "expected" in str(error)
    assert error.remedy in str(error)[:400]


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    packed = gzip.compress(PLAIN.encode() * 1000)
    for data, name, expected in (
        (PLAIN.encode(), "a.csv.gz", "gzip"),
        (packed[:-40], "b.csv.gz", "a readable file"),
        (packed[:60] + b"spoilt" + packed[66:], "c.csv.gz", "a readable file"),
        (PLAIN.encode("utf-16"), "d.csv", "UTF-8"),
        (PLAIN.replace("4,b", "4,ü").encode("latin-1"), "e.csv", "UTF-8"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(TraceError, match=f"expected {expected}"):
            plain(tmp_path / name)
    for name, told in (("e.csv", "line 4"), ("absent.csv", "nothing there"), ("", "something else")):
        with pytest.raises(TraceError, match=told):
            plain(tmp_path / name)


@pytest.mark.parametrize("cap", ["MOST_ROWS", "MOST_BYTES", "MOST_LINE", "MOST_MODELS"])
def test_size_is_capped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cap: str) -> None:
    rows = [f"0,model{number},1" for number in range(10)]
    file = put(tmp_path, "\n".join(["at,model,units", *rows]), "calls.csv.gz")
    monkeypatch.setattr(trace_files, cap, 9)
    with pytest.raises(TraceError, match="at most"):
        plain(file)


@given(st.one_of(st.binary(max_size=200), st.tuples(st.integers(0, 60), st.binary(max_size=4))))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_trace_or_a_trace_error(folder: Path, change: bytes | tuple[int, bytes]) -> None:
    for loader, text in ((plain, PLAIN), (azure, AZURE), (mooncake, MOONCAKE), (gentd26, GENTD26)):
        whole = text.encode()
        spoilt = change if isinstance(change, bytes) else whole[: change[0]] + change[1] + whole[change[0] + 1 :]
        (folder / "any.csv").write_bytes(spoilt)
        try:
            trace = loader(folder / "any.csv")
        except TraceError:
            continue
        assert (np.diff(trace.at) >= 0).all()
        assert np.isfinite([trace.at, trace.size]).all()


@given(st.lists(st.tuples(st.floats(0.01, 50), st.floats(0.05, 9), st.booleans()), min_size=1, max_size=8), st.data())
@settings(max_examples=60, deadline=None)
def test_drawn_calls_follow_the_rates_of_windows(folder: Path, rows: list[Any], data: st.DataObject) -> None:
    calls, seed = data.draw(st.integers(1, 3000)), data.draw(st.integers(0, 9))
    lines = [
        f"big,{place // 2},{600 * (place % 2)},{rate},1,{'Weibull' if weibull else 'Gamma'},{shape},1\n"
        for place, (rate, shape, weibull) in enumerate(rows)
    ]
    streams = clients(folder, WINDOWS.partition("\n")[0] + "\n" + "".join(lines))
    trace = streams.sample(calls, seed)
    rates = np.bincount(streams.client, streams.rate, minlength=len(streams.names))
    counts = np.bincount(trace.model, minlength=len(streams.names))
    assert counts.sum() == calls
    assert np.abs(counts - calls * rates / rates.sum()).max() <= 1.0 + 1e-6
    assert (np.diff(trace.at) >= 0).all()
    assert 0 <= trace.at[0] <= trace.at[-1] <= trace.span_s
    assert same(trace, streams.sample(calls, seed))


@pytest.mark.parametrize(
    ("pattern", "shape", "cv"), [("Gamma", 0.25, 2.0), ("Gamma", 4.0, 0.5), ("Weibull", 0.7, 1.46)]
)
def test_gaps_spread_as_their_pattern_and_windows_share(tmp_path: Path, pattern: str, shape: float, cv: float) -> None:
    rows = [f"big,0,{begin},{rate},{cv},{pattern},{shape},1\n" for begin, rate in ((600, 1.0), (1800, 3.0))]
    at = clients(tmp_path, WINDOWS.partition("\n")[0] + "\n" + "".join(rows)).sample(60_000, 1).at
    late = at[at >= 1200]
    gaps = np.diff(late)
    assert not ((at > 600) & (at < 1200)).any()
    assert len(late) / len(at) == pytest.approx(0.75, abs=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.05)


def test_token_lengths_follow_the_quantiles_and_a_pool_stands_in_for_who_has_none(tmp_path: Path) -> None:
    streams = clients(tmp_path)
    assert streams.names == ("big/0", "big/1", "small/0")
    assert streams.notes == ("1 clients have no token quantiles: the medians of their pools stand in",)
    trace = streams.sample(40_000, 5)
    for client in (0, 1):
        answers = trace.size[trace.model == client]
        assert [(answers < most).mean() for most in (56, 72, 278)] == pytest.approx([0.1, 0.5, 0.9], abs=0.07)
    assert set(trace.prompt[trace.model == 2]) == {40.0}
    with pytest.raises(TraceError, match="pool big"):
        clients(tmp_path, quantiles=QUANTILES.replace("big", "other"))
    with pytest.raises(TraceError, match="rise from p10 to p99"):
        clients(tmp_path, quantiles=QUANTILES.replace("278,1874", "278,187"))
    with pytest.raises(TraceError, match="line 4, column pattern: found 'Pareto'; expected Gamma or Weibull"):
        clients(tmp_path, WINDOWS.replace("Weibull", "Pareto"))


def test_an_hour_is_chosen_by_the_seed_or_by_the_caller(tmp_path: Path) -> None:
    rows = "".join(f"big,0,{600 * place},1,1,Gamma,1,1\n" for place in range(30))
    streams = clients(tmp_path, WINDOWS.partition("\n")[0] + "\n" + rows)
    drawn = {streams.sample(10, seed).notes[-1] for seed in range(20)}
    assert len(drawn) > 5
    assert streams.between(6000, 7200).sample(10, 0).notes == ("drawn from 6000 s to 7200 s",)
    with pytest.raises(ValueError, match="it runs from 0 to 18000 s"):
        streams.between(18_000, 20_000)
    trace = plain(put(tmp_path, PLAIN))
    assert trace.between(2, 5).at.tolist() == [0.0, 1.5]
    with pytest.raises(ValueError, match="it ends at 4 s"):
        trace.between(5, 9)
    for recording in (trace, streams):
        with pytest.raises(ValueError, match="0 calls"):
            recording.sample(0, 1)


@pytest.mark.parametrize("key", sorted(TRACES))
def test_the_same_seed_lays_the_same_calls_over_the_fleet_to_the_bit(tmp_path: Path, key: str) -> None:
    texts = {"azure-conversations": AZURE, "mooncake": MOONCAKE, "servegen": WINDOWS, "gentd26": GENTD26, "own": PLAIN}
    put(tmp_path, QUANTILES, "servegen_client_token_quantiles.csv.gz")
    put(tmp_path, texts[key], TRACES[key].file)
    assert list(find(tmp_path)) == [key]
    recording = load(key, tmp_path)
    made = workload(recording, SCENARIO, 3)
    assert same(made, workload(load(key, tmp_path), SCENARIO, 3))
    assert len(made.devices) == SCENARIO.devices
    assert len(made.models) == (len(recording.names) or SCENARIO.models)
    assert made.model.max() < len(made.models)
    assert made.at[-1] <= SCENARIO.seconds * len(made.at) / SCENARIO.calls
    assert min(made.units.min(), made.predicted.min()) > 0


def test_a_folder_without_a_recording_says_what_it_has(tmp_path: Path) -> None:
    assert find(tmp_path / "absent") == {}
    put(tmp_path, PLAIN)
    put(tmp_path, AZURE, "azure_llm_2023_conv.csv")
    assert sorted(find(tmp_path)) == ["azure-conversations", "own"]
    with pytest.raises(TraceError, match=r"mooncake_synthetic\.jsonl\.gz; the folder has azure-conversations, own"):
        load("mooncake", tmp_path)
    with pytest.raises(TraceError, match="one of azure-conversations, mooncake"):
        load("burst", tmp_path)


def test_the_scheduler_sees_guesses_of_answers_but_never_their_lengths(tmp_path: Path) -> None:
    rows = "".join(f"{place},m{place % 3},200,6400\n" for place in range(5000))
    trace = plain(put(tmp_path, "at,model,output_tokens,input_tokens\n" + rows))
    made = workload(trace, Scenario("guessing", calls=5000, guess=0.5), 1)
    prefill = 6400 / PREFILL_TOKENS_PER_UNIT
    ratio = np.log((made.predicted - prefill) / (made.units - prefill))
    assert (ratio.std(), np.exp(ratio).mean()) == (pytest.approx(0.5, rel=0.05), pytest.approx(1.0, rel=0.05))
    assert (made.models["kind"] == LANGUAGE).all()
    oracle = workload(trace, Scenario("oracle", calls=5000, guess=0.0), 1)
    assert np.array_equal(oracle.predicted, oracle.units)
    pictures = tuple(kind for kind in KINDS if kind.kind == PICTURE)
    with pytest.raises(ValueError, match="has no language models"):
        workload(trace, Scenario("pictures", kinds=pictures), 1)


def test_pictures_take_their_recorded_share_of_the_catalogues_seconds(tmp_path: Path) -> None:
    trace = gentd26(put(tmp_path, GENTD26))
    made = workload(trace, SCENARIO, 0)
    record = made.models[made.model]
    assert made.units * (record["step_a"] + record["step_b"]) == pytest.approx(trace.size * STILL_S)
    assert (made.models["kind"] == PICTURE).all()
    assert np.array_equal(made.predicted, made.units)
    assert made.models["memory_gb"].tolist() == [27.0, 16.0]


def test_times_are_compressed_kept_or_dropped(tmp_path: Path) -> None:
    trace = plain(put(tmp_path, "at,model,units\n" + "".join(f"{10 * place},a,1\n" for place in range(100))))
    scenario = Scenario("few", calls=20, seconds=40.0)
    assert np.diff(workload(trace, scenario, 0).at) == pytest.approx(2.0)
    assert np.diff(workload(trace, scenario, 0, compress=False).at) == pytest.approx(10.0)
    assert not workload(trace, Scenario("at once", calls=20, together=True), 0).at.any()
    assert {trace.sample(20, seed).span_s for seed in range(3)} == {200.0}
    assert len(workload(trace, Scenario("all", calls=200, seconds=40.0), 0).at) == 100
