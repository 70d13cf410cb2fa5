"""Who is in the practice fleet: model number n is the same model in a fleet of any size."""

from functools import lru_cache

from registry.emulators.wire import Emulated

KINDS: tuple[tuple[str, str, str], ...] = (
    ("chat", "openai", "llm"),
    ("dialogue", "anthropic", "llm"),
    ("text", "huggingface", "llm"),
    ("local", "ollama", "llm"),
    ("tensor", "kserve_v2", "tensor"),
    ("chat", "openai", "llm"),
    ("vector", "openai", "embedding"),
    ("dialogue", "anthropic", "llm"),
    ("text", "huggingface", "llm"),
    ("chat", "openai", "llm"),
    ("local-vector", "ollama", "embedding"),
    ("tensor", "kserve_v2", "tensor"),
    ("chat", "openai", "llm"),
    ("local", "ollama", "llm"),
    ("dialogue", "anthropic", "llm"),
    ("vector", "openai", "embedding"),
)
_SIZES = {"embedding": (64, 96, 128), "tensor": (4, 8, 16)}
_WEIGHTS_GB = (6, 8, 12, 16, 20, 24, 40, 48, 80)


@lru_cache(maxsize=8192)
def emulated(number: int) -> Emulated:
    """Model `number`, counted from 1."""
    family, protocol, kind = KINDS[(number - 1) % len(KINDS)]
    sizes = _SIZES.get(kind, (0,))
    return Emulated(number, f"practice-{family}-{number:03d}", protocol, kind, sizes[number % len(sizes)])


def weights_bytes(number: int) -> int:
    """Device memory that model `number` needs without any call."""
    return _WEIGHTS_GB[number % len(_WEIGHTS_GB)] * 10**9


def token_bytes(number: int) -> int:
    """Device memory that a token of a call takes, 0 for a model that keeps none."""
    return 500_000 * (1 + number % 7) if emulated(number).type == "llm" else 0
