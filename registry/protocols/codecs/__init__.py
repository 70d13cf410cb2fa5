"""Pure functions that protocol documents name if a mapping needs a loop or a branch. One module a protocol."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from registry.protocols.codecs import anthropic, anthropic_answers, anthropic_settings, huggingface, kserve, ollama

MODULES: dict[str, ModuleType] = {
    "anthropic": anthropic,
    "anthropic_answers": anthropic_answers,
    "anthropic_settings": anthropic_settings,
    "huggingface": huggingface,
    "kserve": kserve,
    "ollama": ollama,
}


def known() -> tuple[str, ...]:
    """Every codec as documents name it, such as ollama.messages."""
    return tuple(f"{module}.{name}" for module, found in MODULES.items() for name in found.__all__)


def exists(codec: str) -> bool:
    """Whether `codec` can be named."""
    return codec in known()


def named(codec: str) -> Callable[..., Any]:
    """The function that `codec` names. Raises KeyError if there is none."""
    if not exists(codec):
        raise KeyError(codec)
    module, _, name = codec.partition(".")
    found: Callable[..., Any] = getattr(MODULES[module], name)
    return found
