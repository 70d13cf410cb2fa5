"""Text Generation Inference 2.x and 3.x: one model a server, which it does not name."""

from routing.samples.readings import Rule, TelemetrySource

SOURCE = TelemetrySource(
    name="tgi",
    rules={
        "tgi_batch_current_size": (Rule("requests_running"),),
        "tgi_queue_size": (Rule("requests_waiting"),),
        "tgi_request_input_length_sum": (Rule("prompt_tokens_total"),),
        "tgi_request_generated_tokens_sum": (Rule("generation_tokens_total"),),
        "tgi_request_duration_sum": (Rule("request_seconds_total"),),
        "tgi_request_duration_count": (Rule("requests_total"),),
        "tgi_request_queue_duration_sum": (Rule("queue_seconds_total"),),
    },
)
