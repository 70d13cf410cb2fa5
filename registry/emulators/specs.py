"""The YAML that onboards the practice fleet: one spec a model, with the parameters, renames and units that real fleets
need.
"""

from collections.abc import Callable
from typing import Any

from controlplane.base.yaml_writer import write_yaml
from registry.emulators.roster import emulated, token_bytes, weights_bytes
from registry.emulators.wire import Emulated

LABEL = "practice fleet (emulated)"


def specs(base_url: str, size: int) -> str:
    """A spec file of models 1 to `size` of the fleet at `base_url` (for example http://127.0.0.1:8001)."""
    base = base_url.rstrip("/")
    rows = [_row(emulated(number), base) for number in range(1, size + 1)]
    return write_yaml({"models": rows}, flow=None)


def _row(model: Emulated, base: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": model.name,
        "type": "LLM" if model.type == "llm" else model.type,
        "protocol": _SPELLED[model.protocol],
        "endpoint": f"{base}/m/{model.number}",
        "description": f"{LABEL}: model {model.number}, speaks {_SPELLED[model.protocol]}",
        "tags": ["practice", f"team-{'abcd'[model.number % 4]}"],
    }
    params = _PARAMS[model.protocol, model.type](model.number)
    if params:
        row["params"] = params
    row["resources"] = {"gpu_memory": f"{weights_bytes(model.number) // 10**9}GB"}
    if model.type == "llm":
        row["resources"]["vram_per_token"] = f"{round(token_bytes(model.number) / 10**9, 4)}GB"
    return row


def _openai_llm(number: int) -> dict[str, Any]:
    length = {"type": "int", "default": 256 * (1 + number % 8), "range": [1, 32768]}
    if number % 6 == 0:
        dial = {
            "type": "float",
            "default": 1,
            "range": [0, 2],
            "upstream": "creative_level",
            "convert": {"range": [0, 10]},
        }
        return {"temperature": dial, "max_tokens": length}
    if number % 3 == 0:
        warmth = {
            "type": "float",
            "default": 5,
            "range": [0, 10],
            "upstream": "temperature",
            "convert": {"range": [0, 2]},
        }
        return {"creative_level": warmth, "max_tokens": length}
    if number % 3 == 1:
        return {
            "temperature": {"type": "float", "default": 0.7, "range": [0, 1]},
            "max_tokens": length,
            "top_p": {"type": "float", "range": [0, 1]},
        }
    return {"temperature": {"type": "float", "default": 0.7, "range": [0, 2], "outside": "clamp"}, "max_tokens": length}


def _anthropic_llm(number: int) -> dict[str, Any]:
    heat: dict[str, Any] = {"type": "float", "default": 0.7, "range": [0, 1], "outside": "clamp"}
    if number % 2:
        heat = {"type": "float", "default": 1.0, "range": [0, 2], "convert": {"range": [0, 1]}}
    return {
        "temperature": heat,
        "max_tokens": {"type": "int", "default": 1024, "range": [1, 8192]},
        "top_k": {"type": "int", "range": [1, 500]},
    }


def _huggingface_llm(number: int) -> dict[str, Any]:
    return {
        "temperature": {"type": "float", "default": 0.7, "range": [0.01, 2], "outside": "clamp"},
        "max_tokens": {"type": "int", "default": 512, "range": [1, 4096], "upstream": "max_new_tokens"},
        "top_p": {"type": "float", "range": [0.01, 0.99], "outside": "clamp"},
    }


def _ollama_llm(number: int) -> dict[str, Any]:
    return {
        "temperature": {"type": "float", "default": 0.8, "range": [0, 2]},
        "max_tokens": {"type": "int", "default": 512, "range": [1, 8192], "upstream": "num_predict"},
        "top_k": {"type": "int", "default": 40, "range": [1, 1000]},
    }


def _none(number: int) -> dict[str, Any]:
    return {}


_SPELLED = {
    "openai": "OPENAI",
    "anthropic": "ANTHROPIC",
    "huggingface": "HUGGINGFACE",
    "ollama": "OLLAMA",
    "kserve_v2": "KSERVE_V2",
}
_PARAMS: dict[tuple[str, str], Callable[[int], dict[str, Any]]] = {
    ("openai", "llm"): _openai_llm,
    ("anthropic", "llm"): _anthropic_llm,
    ("huggingface", "llm"): _huggingface_llm,
    ("ollama", "llm"): _ollama_llm,
    ("openai", "embedding"): _none,
    ("ollama", "embedding"): _none,
    ("kserve_v2", "tensor"): _none,
}
