"""The models of the reconstructed scenario: kinds, sizes and speeds, each with where its numbers come from.

Marks: [ML] ML.ENERGY leaderboard, H100, bf16, least squares; [SL] ServerlessLLM's H100 runs; [D] a datasheet or the
model's published architecture; [A] an assumption.
"""

from dataclasses import dataclass

from routing.scheduler.features import gflop_per_token, kv_gb_per_token

LANGUAGE, PERCEPTION, PICTURE = 0, 1, 2
KIND_NAMES = ("language", "perception", "picture")


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of model. A step of a batch of n takes a_s + b_s * n seconds; `units` are a call's typical steps.

    `share` is its share of the catalogue; memory in GB; `spread` the sigma of a call's log size; `sensitivity` weighs
    a second of its callers' time.
    """

    name: str
    kind: int
    share: float
    memory_gb: float
    a_s: float
    b_s: float
    slots: int
    watts: float
    active_billions: float
    units: float = 1.0
    spread: float = 0.2
    kv_gb_per_unit: float = 0.0
    sensitivity: float = 1.0

    @property
    def gflop_per_unit(self) -> float:
        """GFLOP of one unit of work."""
        return gflop_per_token(self.active_billions)


CONTEXT_PER_UNIT = 6.0
"""Tokens kept in the cache for each unit of work: prompts are five times as long as answers (Azure 2023)."""


def _cache(layers: int, kv_heads: int) -> float:
    return CONTEXT_PER_UNIT * kv_gb_per_token(layers, kv_heads, 128, 16)


KINDS = (
    Kind("llm-1b", LANGUAGE, 0.10, 2.5, 0.0025, 0.00003, 256, 450.0, 1.2, kv_gb_per_unit=_cache(16, 8)),  # [A]
    Kind("llm-8b", LANGUAGE, 0.22, 16.1, 0.0074, 0.000084, 256, 650.0, 8.0, kv_gb_per_unit=_cache(32, 8)),  # [ML]
    Kind("llm-14b", LANGUAGE, 0.10, 29.5, 0.0120, 0.000108, 128, 645.0, 14.8, kv_gb_per_unit=_cache(40, 8)),  # [ML]
    Kind("llm-32b", LANGUAGE, 0.06, 65.5, 0.0238, 0.00017, 29, 600.0, 32.8, kv_gb_per_unit=_cache(64, 8)),  # [ML]
    Kind("embedding", PERCEPTION, 0.10, 1.2, 0.006, 0.0008, 64, 300.0, 0.6),  # [A]
    Kind("vision", PERCEPTION, 0.10, 1.8, 0.012, 0.004, 32, 350.0, 0.3),  # [A]
    Kind("speech", PERCEPTION, 0.06, 3.2, 0.40, 0.05, 16, 400.0, 1.5),  # [A]
    Kind("pixart", PICTURE, 0.058, 11.0, 0.01, 1.121, 1, 631.0, 0.6),  # [ML]
    Kind("sd35-medium", PICTURE, 0.04, 16.0, 0.01, 3.515, 1, 449.0, 2.5),  # [ML]
    Kind("sd35-large", PICTURE, 0.04, 27.0, 0.01, 6.548, 1, 674.0, 8.1),  # [ML]
    Kind("hunyuan-dit", PICTURE, 0.022, 8.0, 0.01, 8.365, 1, 619.0, 1.5),  # [ML]
    Kind("flux", PICTURE, 0.033, 34.0, 0.01, 11.63, 1, 683.0, 12.0),  # [ML]
    Kind("cogvideox-2b", PICTURE, 0.062, 14.0, 0.01, 43.01, 1, 665.0, 2.0),  # [ML]
    Kind("wan-1.3b", PICTURE, 0.005, 15.0, 0.01, 95.35, 1, 678.0, 1.3),  # [ML]
)
