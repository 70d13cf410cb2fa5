"""The feature library: named pure functions with units, the same names in scores, explanations and training.

Units: GB = 10^9 bytes, seconds, joules, watts, FLOP; a unit of work is one decode step of a language model (one token)
or one whole picture, clip, or batch item of any other model.
"""

from math import exp

from routing.scheduler.compiled import inlined

PREFILL_TOKENS_PER_UNIT = 64.0
"""Prompt tokens that cost as much time as one decode step: prefill is bound by arithmetic, decode by memory."""


@inlined
def gflop_per_token(active_billions: float) -> float:
    """GFLOP of one token through a model with that many active parameters: two per parameter (a multiply, an add)."""
    return 2.0 * active_billions


@inlined
def weights_gb(total_billions: float, bits: float) -> float:
    """GB of the weights at `bits` per parameter."""
    return total_billions * bits / 8.0


@inlined
def kv_gb_per_token(layers: float, kv_heads: float, head_size: float, bits: float) -> float:
    """GB of cache that one token keeps: a key and a value per layer and head."""
    return 2.0 * layers * kv_heads * head_size * bits / 8.0 / 1e9


@inlined
def load_seconds(size_gb: float, rate_gb_s: float, start_s: float) -> float:
    """Seconds until a model of that size is warm over a tier that reads `rate_gb_s`, the engine's start included."""
    return size_gb / rate_gb_s + start_s


@inlined
def step_s(a: float, b: float, batch: float) -> float:
    """Seconds of one decode step of a batch: a + b * batch (least squares on ML.ENERGY's H100 rows)."""
    return a + b * batch


@inlined
def solo_s(units: float, a: float, b: float) -> float:
    """Seconds of a call that has its device to itself."""
    return units * (a + b)


@inlined
def pooled_s(units: float, a: float, b: float, slots: float) -> float:
    """Device seconds that a call costs in a full batch: its share of every step."""
    return units * (a / slots + b)


@inlined
def joules_per_unit(watts: float, a: float, b: float, batch: float) -> float:
    """Energy of one unit in a batch: power times the unit's share of the step."""
    return watts * (a + b * batch) / batch


@inlined
def faded(rate: float, age_s: float, constant_s: float) -> float:
    """A rate seen `age_s` ago, as it counts now: exponential forgetting."""
    return rate * exp(-age_s / constant_s)


@inlined
def response_ratio(waited_s: float, service_s: float) -> float:
    """(waiting + service) / service: grows for those who wait, faster for the short."""
    return (waited_s + service_s) / service_s
