"""What the model servers of the practice fleet tell at their own /metrics, each as the real server of that name does.

Names as documented by vLLM 0.11 (V1), SGLang 0.5, TGI 3.3, Triton 2.60 and llama.cpp b6900. Of histograms only the last
bucket is told.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from registry.emulators.gpus.meters import SLOTS, EngineMeter
from registry.emulators.roster import emulated


class EngineMetric(msgspec.Struct, frozen=True):
    """One metric of an engine: a number, or how many were observed and their sum if it is a histogram."""

    name: str
    kind: str
    number: float
    sum: float = 0.0


def engine_of(number: int) -> str:
    """The model server that model `number` runs in: vllm, sglang, llamacpp, tgi, triton, or empty."""
    model = emulated(number)
    if model.protocol == "openai":
        return ("vllm", "sglang", "llamacpp")[number % 3] if model.type == "llm" else "vllm"
    return {"huggingface": "tgi", "kserve_v2": "triton"}.get(model.protocol, "")


def exposition(number: int, meter: EngineMeter, written: int, cache_capacity: int) -> bytes | None:
    """The exposition of model `number`'s server, which has written so many tokens and whose KV cache has so many bytes.

    None if it tells nothing.
    """
    engine = engine_of(number)
    if not engine:
        return None
    full = min(1.0, meter.cache_bytes / cache_capacity) if cache_capacity else 0.0
    labels = _LABELS.get(engine, "").format(emulated(number).name)
    return "".join(_text(_ENGINES[engine](meter, written, full), labels)).encode()


def _text(metrics: Iterable[EngineMetric], labels: str) -> Iterator[str]:
    marked = f"{{{labels}}}" if labels else ""
    for one in metrics:
        yield f"# HELP {one.name} {one.name}\n# TYPE {one.name} {one.kind}\n"
        if one.kind != "histogram":
            yield f"{one.name}{marked} {one.number:.12g}\n"
            continue
        last = f'{labels},le="+Inf"' if labels else 'le="+Inf"'
        yield f"{one.name}_bucket{{{last}}} {one.number:.12g}\n"
        yield f"{one.name}_sum{marked} {one.sum:.12g}\n{one.name}_count{marked} {one.number:.12g}\n"


def _running(meter: EngineMeter) -> int:
    return min(len(meter.calls), SLOTS)


def _waiting(meter: EngineMeter) -> int:
    return len(meter.calls) - _running(meter)


def _vllm(meter: EngineMeter, written: int, full: float) -> tuple[EngineMetric, ...]:
    return (
        EngineMetric("vllm:num_requests_running", "gauge", _running(meter)),
        EngineMetric("vllm:num_requests_waiting", "gauge", _waiting(meter)),
        EngineMetric("vllm:kv_cache_usage_perc", "gauge", full),
        EngineMetric("vllm:num_preemptions_total", "counter", 0),
        EngineMetric("vllm:prompt_tokens_total", "counter", meter.prompt_tokens),
        EngineMetric("vllm:generation_tokens_total", "counter", written),
        EngineMetric("vllm:time_to_first_token_seconds", "histogram", meter.requests, meter.first_s),
        EngineMetric("vllm:e2e_request_latency_seconds", "histogram", meter.requests, meter.request_s),
        EngineMetric("vllm:request_queue_time_seconds", "histogram", meter.requests, meter.queue_s),
    )


def _sglang(meter: EngineMeter, written: int, full: float) -> tuple[EngineMetric, ...]:
    return (
        EngineMetric("sglang:num_running_reqs", "gauge", _running(meter)),
        EngineMetric("sglang:num_queue_reqs", "gauge", _waiting(meter)),
        EngineMetric("sglang:token_usage", "gauge", full),
        EngineMetric("sglang:prompt_tokens_total", "counter", meter.prompt_tokens),
        EngineMetric("sglang:generation_tokens_total", "counter", written),
        EngineMetric("sglang:time_to_first_token_seconds", "histogram", meter.requests, meter.first_s),
        EngineMetric("sglang:e2e_request_latency_seconds", "histogram", meter.requests, meter.request_s),
        EngineMetric("sglang:queue_time_seconds", "histogram", meter.requests, meter.queue_s),
    )


def _tgi(meter: EngineMeter, written: int, full: float) -> tuple[EngineMetric, ...]:
    return (
        EngineMetric("tgi_batch_current_size", "gauge", _running(meter)),
        EngineMetric("tgi_queue_size", "gauge", _waiting(meter)),
        EngineMetric("tgi_request_input_length", "histogram", meter.requests, meter.prompt_tokens),
        EngineMetric("tgi_request_generated_tokens", "histogram", meter.requests, written),
        EngineMetric("tgi_request_duration", "histogram", meter.requests, meter.request_s),
        EngineMetric("tgi_request_queue_duration", "histogram", meter.requests, meter.queue_s),
    )


def _triton(meter: EngineMeter, written: int, full: float) -> tuple[EngineMetric, ...]:
    return (
        EngineMetric("nv_inference_pending_request_count", "gauge", _waiting(meter)),
        EngineMetric("nv_inference_request_success", "counter", meter.requests),
        EngineMetric("nv_inference_request_duration_us", "counter", int(meter.request_s * 1e6)),
        EngineMetric("nv_inference_queue_duration_us", "counter", int(meter.queue_s * 1e6)),
    )


def _llamacpp(meter: EngineMeter, written: int, full: float) -> tuple[EngineMetric, ...]:
    return (
        EngineMetric("llamacpp:prompt_tokens_total", "counter", meter.prompt_tokens),
        EngineMetric("llamacpp:tokens_predicted_total", "counter", written),
        EngineMetric("llamacpp:requests_processing", "gauge", _running(meter)),
        EngineMetric("llamacpp:requests_deferred", "gauge", _waiting(meter)),
    )


_LABELS = {
    "vllm": 'engine="0",model_name="{}"',
    "sglang": 'model_name="{}"',
    "triton": 'model="{}",version="1"',
}
_ENGINES: Mapping[str, Callable[[EngineMeter, int, float], tuple[EngineMetric, ...]]] = {
    "vllm": _vllm,
    "sglang": _sglang,
    "tgi": _tgi,
    "triton": _triton,
    "llamacpp": _llamacpp,
}
