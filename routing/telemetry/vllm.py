"""vLLM's own metrics: the V1 engine's names first, then older ones. Data-parallel engines of a model are joined."""

from routing.samples.readings import Rule, TelemetrySource

SOURCE = TelemetrySource(
    name="vllm",
    rules={
        "vllm:num_requests_running": (Rule("requests_running", several="sum"),),
        "vllm:num_requests_waiting": (Rule("requests_waiting", several="sum"),),
        "vllm:kv_cache_usage_perc": (Rule("kv_cache_usage_ratio", several="max"),),
        "vllm:gpu_cache_usage_perc": (Rule("kv_cache_usage_ratio", several="max"),),
        "vllm:gpu_prefix_cache_hit_rate": (Rule("prefix_cache_hit_ratio", several="max"),),
        "vllm:prompt_tokens_total": (Rule("prompt_tokens_total", several="sum"),),
        "vllm:generation_tokens_total": (Rule("generation_tokens_total", several="sum"),),
        "vllm:time_to_first_token_seconds_sum": (Rule("first_token_seconds_total", several="sum"),),
        "vllm:time_to_first_token_seconds_count": (Rule("first_token_requests_total", several="sum"),),
        "vllm:e2e_request_latency_seconds_sum": (Rule("request_seconds_total", several="sum"),),
        "vllm:e2e_request_latency_seconds_count": (Rule("requests_total", several="sum"),),
        "vllm:request_queue_time_seconds_sum": (Rule("queue_seconds_total", several="sum"),),
        "vllm:num_preemptions_total": (Rule("preemptions_total", several="sum"),),
    },
    identity=(("model_name",),),
)
