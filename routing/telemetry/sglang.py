"""SGLang's metrics, which its option --enable-metrics turns on.

Schedulers of one data-parallel rank say the same, by tensor rank or by priority, whose sum has an empty label; ranks
add up. What the process before them counts may be split by labels that a site adds.
"""

from routing.samples.readings import Rule, TelemetrySource

SOURCE = TelemetrySource(
    name="sglang",
    rules={
        "sglang:num_running_reqs": (Rule("requests_running", several="max", apart="dp_rank"),),
        "sglang:num_queue_reqs": (Rule("requests_waiting", several="max", apart="dp_rank"),),
        "sglang:token_usage": (Rule("kv_cache_usage_ratio", several="max"),),
        "sglang:cache_hit_rate": (Rule("prefix_cache_hit_ratio", several="max"),),
        "sglang:prompt_tokens_total": (Rule("prompt_tokens_total", several="sum"),),
        "sglang:generation_tokens_total": (Rule("generation_tokens_total", several="sum"),),
        "sglang:gen_throughput": (Rule("generation_tokens_per_second", several="max", apart="dp_rank"),),
        "sglang:time_to_first_token_seconds_sum": (Rule("first_token_seconds_total", several="sum"),),
        "sglang:time_to_first_token_seconds_count": (Rule("first_token_requests_total", several="sum"),),
        "sglang:e2e_request_latency_seconds_sum": (Rule("request_seconds_total", several="sum"),),
        "sglang:e2e_request_latency_seconds_count": (Rule("requests_total", several="sum"),),
        "sglang:queue_time_seconds_sum": (Rule("queue_seconds_total", several="max", apart="dp_rank"),),
    },
    identity=(("model_name",),),
)
