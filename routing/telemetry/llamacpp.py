"""llama.cpp's server, which its option --metrics turns on: one model a server, which it does not name."""

from routing.samples.readings import Rule, TelemetrySource

SOURCE = TelemetrySource(
    name="llamacpp",
    rules={
        "llamacpp:requests_processing": (Rule("requests_running"),),
        "llamacpp:requests_deferred": (Rule("requests_waiting"),),
        "llamacpp:kv_cache_usage_ratio": (Rule("kv_cache_usage_ratio"),),
        "llamacpp:prompt_tokens_total": (Rule("prompt_tokens_total"),),
        "llamacpp:tokens_predicted_total": (Rule("generation_tokens_total"),),
        "llamacpp:predicted_tokens_seconds": (Rule("generation_tokens_per_second"),),
    },
)
