"""Workloads from recordings: what is read from which file, and a recording laid over a scenario's fleet.

Recordings are never part of the product: the caller says in which folder they lie.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.lab.learn.workloads.catalogue import KINDS, LANGUAGE, Kind
from routing.lab.learn.workloads.client_streams import servegen
from routing.lab.learn.workloads.recording import RATIO, SAMPLING, SECONDS, TOKENS, UNITS, Recording, Trace
from routing.lab.learn.workloads.trace_files import TraceError, clock, columns, head, moment, name, number, ranked, word
from routing.lab.learn.workloads.traffic import Scenario, Workload, device_records, model_records, synthetic
from routing.scheduler.features import PREFILL_TOKENS_PER_UNIT

MOST_SECONDS, MOST_SIZE = 1e12, 1e7
"""Times from 0; tokens, units or seconds of one call: more is taken for a mistake."""
DONE = "SUCCEED"
WAYS = {"units": (UNITS, 1e-6), "output_tokens": (TOKENS, 0.0), "seconds": (SECONDS, 1e-6)}
"""What sizes a plain file may have: the column, its measure and its least."""
STILLS = ("pixart", "sd35-medium", "sd35-large", "hunyuan-dit", "flux")
_STILLS = [(kind.share, kind.a_s + kind.b_s) for kind in KINDS if kind.name in STILLS]
STILL_S = sum(share * solo for share, solo in _STILLS) / sum(share for share, _ in _STILLS)
"""Seconds of a still picture on average over the catalogue's models of them (ML.ENERGY, H100)."""


def azure(file: Path) -> Trace:
    """Azure's traces of 2023: TIMESTAMP (ISO), ContextTokens, GeneratedTokens; one stream. Raises TraceError."""
    tokens = number(MOST_SIZE)
    read = columns(file, {"TIMESTAMP": moment, "ContextTokens": tokens, "GeneratedTokens": tokens})
    return _stream(file, read["TIMESTAMP"], read["ContextTokens"], read["GeneratedTokens"])


def mooncake(file: Path) -> Trace:
    """Mooncake's traces: timestamp (ms), input_length, output_length (tokens); one stream. Raises TraceError."""
    tokens = number(MOST_SIZE)
    read = columns(file, {"timestamp": number(1e3 * MOST_SECONDS), "input_length": tokens, "output_length": tokens})
    return _stream(file, read["timestamp"] / 1e3, read["input_length"], read["output_length"])


def gentd26(file: Path) -> Trace:
    """GenTD26's picture requests: gmt_create (ISO), predict_status, exec_time_seconds, checkpoint_model_version_id.

    Its seconds were scaled before they were published, so sizes are ratios to their average. Calls that failed or have
    no time or no model are left out, and a note says how many. Raises TraceError.
    """
    state, took, model = "predict_status", "exec_time_seconds", "checkpoint_model_version_id"
    seconds = number(MOST_SIZE, optional=True)
    read = columns(file, {"gmt_create": moment, state: word, took: seconds, model: word})
    good = read[state] == DONE
    whole = good & (read[took] > 0) & (read[model] != "")
    if not whole.any():
        remedy = f"look at {state}, {took} and {model}"
        raise TraceError(file, f"at least one call that ended with {DONE}, with a time and a model", remedy)
    failed, partial = np.count_nonzero(~good), np.count_nonzero(good & ~whole)
    left_out = f"left out: {failed:,} calls not ended with {DONE}, {partial:,} without a time or a model"
    names, places = ranked(file, read[model][whole])
    size = read[took][whole] / read[took][whole].mean()
    notes = (left_out,) if failed or partial else ()
    trace = Trace(file.name, read["gmt_create"][whole], places, names, RATIO, size, np.zeros(len(size)), notes=notes)
    return trace.ordered()


def plain(file: Path) -> Trace:
    """One's own calls: a CSV with a header, or one JSON object a line. Other columns are ignored. Raises TraceError.

    `at` (seconds from 0 up, or ISO times), `model` (a name), and sizes in one of three ways: `units` (answer tokens and
    a 64th of the prompt's, or pictures), `input_tokens` and `output_tokens`, or `seconds` of an otherwise idle device.
    """
    first = head(file)
    ways = [way for way in WAYS if way in first]
    if len(ways) != 1:
        raise TraceError(file, f"one of the columns {', '.join(WAYS)}", "name the sizes so", 1, found=", ".join(first))
    measure, least = WAYS[ways[0]]
    parsers = {"at": clock(first.get("at", ""), MOST_SECONDS), "model": name, ways[0]: number(MOST_SIZE, least)}
    if measure == TOKENS:
        parsers["input_tokens"] = number(MOST_SIZE)
    read = columns(file, parsers)
    names, model = ranked(file, read["model"])
    size = read[ways[0]]
    prompt = read.get("input_tokens", np.zeros(len(size)))
    return Trace(file.name, read["at"], model, names, measure, size, prompt).ordered()


def _stream(file: Path, at: NDArray[Any], prompt: NDArray[Any], answer: NDArray[Any]) -> Trace:
    return Trace(file.name, at, np.zeros(len(at), np.int64), (), TOKENS, answer, prompt).ordered()


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A recording as it is published: its usual file name, its loader, and where it comes from."""

    file: str
    load: Callable[[Path], Recording]
    origin: str


TRACES = {
    "azure-conversations": TraceFile("azure_llm_2023_conv.csv.gz", azure, "Azure/AzurePublicDataset, CC-BY-4.0"),
    "mooncake": TraceFile("mooncake_synthetic.jsonl.gz", mooncake, "kvcache-ai/Mooncake, Apache-2.0"),
    "servegen": TraceFile("servegen_client_windows.csv.gz", servegen, "alibaba/ServeGen, Apache-2.0"),
    "gentd26": TraceFile("gentd26_requests.csv.gz", gentd26, "alibaba/clusterdata, research or study use"),
    "own": TraceFile("calls.csv", plain, "one's own"),
}


def find(folder: Path) -> dict[str, Path]:
    """The recordings that lie in a folder under their usual names, packed or not; none if there is no folder."""
    packed = {key: folder / one.file for key, one in TRACES.items()}
    both = {key: (file, file.with_suffix("") if file.suffix == ".gz" else file) for key, file in packed.items()}
    there = {key: [file for file in files if file.is_file()] for key, files in both.items()}
    return {key: files[0] for key, files in there.items() if files}


def load(key: str, folder: Path) -> Recording:
    """A recording by its name in TRACES. Raises TraceError, also where the folder lacks it."""
    there = find(folder)
    if key not in there:
        known = TRACES[key].file if key in TRACES else f"one of {', '.join(TRACES)}"
        raise TraceError(folder, known, f"the folder has {', '.join(there) or 'none'}", found=key)
    return TRACES[key].load(there[key])


def workload(recording: Recording, scenario: Scenario, seed: int, compress: bool = True) -> Workload:
    """As many calls as the scenario has, from a place that the seed chooses, on its devices under its loaders.

    Compressed, they take the scenario's seconds (fewer calls if the recording ends: fewer seconds); otherwise they
    keep their times. One stream is spread over the scenario's models as popular as its alpha says; other recordings
    bring their models. Models with tokens are the scenario's language models; if times are known, each model is of
    the kind that takes most nearly as long. The scheduler sees guesses of the answers, as in `synthetic`. The same seed
    gives the same to the bit. Raises ValueError if the scenario has no such kinds.
    """
    trace = recording.sample(scenario.calls, seed)
    base = synthetic(_fitting(trace, scenario), seed)
    model = trace.model if trace.names else base.model
    at = _times(trace, scenario) if compress or scenario.together else trace.at
    if trace.measure in {SECONDS, RATIO}:
        models, units = _timed(trace, recording, scenario)
        predicted = units
    else:
        models = base.models
        units, predicted = _guessed(trace, models["kind"][model] == LANGUAGE, scenario.guess, seed)
    if trace.measure == TOKENS:
        models["typical_units"] = predicted.mean()
    devices = device_records(scenario.devices)
    return Workload(models, devices, at, model, units, predicted, scenario.host_gb)


def _fitting(trace: Trace, scenario: Scenario) -> Scenario:
    kinds = scenario.kinds
    if trace.measure == TOKENS:
        kinds = _kinds(scenario, "language", lambda kind: kind.kind == LANGUAGE)
    models = len(trace.names) or scenario.models
    return replace(scenario, calls=len(trace.at), models=models, kinds=kinds, together=False)


def _kinds(scenario: Scenario, what: str, fits: Callable[[Kind], bool]) -> tuple[Kind, ...]:
    kinds = tuple(kind for kind in scenario.kinds if fits(kind))
    if not kinds:
        raise ValueError(f"scenario {scenario.name} has no {what} models for this trace; give it some kinds of them")
    return kinds


def _times(trace: Trace, scenario: Scenario) -> NDArray[np.float64]:
    if scenario.together or trace.span_s <= 0:
        return np.zeros(len(trace.at))
    return trace.at / trace.span_s * (scenario.seconds * len(trace.at) / scenario.calls)


def _guessed(
    trace: Trace, language: NDArray[np.bool_], sigma: float, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Units, and what the scheduler is told: answers of language models with an error, everything else as it is."""
    normal = np.random.default_rng([SAMPLING, seed, 1]).standard_normal(len(trace.at))
    answer = np.maximum(trace.size, 1.0) if trace.measure == TOKENS else trace.size
    guess = np.where(language, answer * np.exp(sigma * normal - sigma**2 / 2), answer)
    if trace.measure == TOKENS:
        guess = np.maximum(guess, 1.0)
    prefill = trace.prompt / PREFILL_TOKENS_PER_UNIT
    return answer + prefill, guess + prefill


def _timed(trace: Trace, recording: Recording, scenario: Scenario) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Records of models whose calls' seconds are known, each of the kind nearest to their average, and the units."""
    kinds = _kinds(scenario, "picture or perception", lambda kind: kind.kind != LANGUAGE)
    whole = recording if isinstance(recording, Trace) else trace
    scale = STILL_S if trace.measure == RATIO else 1.0
    sums = np.bincount(whole.model, whole.size * scale, len(whole.names))
    counts = np.bincount(whole.model, minlength=len(whole.names))
    typical = np.where(counts > 0, sums / np.maximum(counts, 1), sums.sum() / counts.sum())
    solo = np.array([kind.a_s + kind.b_s for kind in kinds])
    nearest = np.abs(np.log(typical)[:, None] - np.log(solo)).argmin(axis=1)
    models = model_records(scenario, [kinds[place] for place in nearest])
    models["typical_units"] = typical / solo[nearest]
    return models, trace.size * scale / solo[nearest][trace.model]
