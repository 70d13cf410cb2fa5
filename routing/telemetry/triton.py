"""NVIDIA Triton 2.x: its models, versions of one joined. Its nv_gpu_* are left to the collectors of devices."""

from routing.samples.readings import Rule, TelemetrySource

SOURCE = TelemetrySource(
    name="triton",
    rules={
        "nv_inference_pending_request_count": (Rule("requests_waiting", several="sum"),),
        "nv_inference_request_success": (Rule("requests_total", several="sum"),),
        "nv_inference_request_duration_us": (Rule("request_seconds_total", 1e-6, several="sum"),),
        "nv_inference_queue_duration_us": (Rule("queue_seconds_total", 1e-6, several="sum"),),
    },
    identity=(("model",),),
)
