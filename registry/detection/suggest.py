"""Spec documents suggested for a detected upstream: what it said about its models, and what is assumed of its
protocol.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.upstreams.looking import at

DETECTED, ASSUMED = "detected", "assumed"
_EMBEDDING_WORDS = ("embed", "e5-", "bge-", "gte-", "minilm")
_RERANK_WORDS = ("rerank",)


@dataclass(slots=True)
class SpecDraft:
    """A spec document in the making; `origins` says of each parameter, and of `type`, whether it was detected or
    assumed.
    """

    document: dict[str, Any]
    origins: dict[str, str] = field(default_factory=dict)

    def kind(self, kind: str, origin: str) -> None:
        """Set the model's type."""
        self.document["type"] = kind
        self.origins["type"] = origin

    def parameter(self, name: str, origin: str, **fields: Any) -> None:
        """Add a parameter; fields that are None are left out."""
        known = {key: value for key, value in fields.items() if value is not None}
        self.document.setdefault("params", {})[name] = known
        self.origins[name] = origin


Said = Mapping[str, Any]
Suggester = Callable[[SpecDraft, str, Said, Said], None]


def suggest(protocol: str, endpoint: str, model: str, card: Any, metadata: Any) -> SpecDraft:
    """A spec document for `model` at `endpoint`.

    `card` is the upstream's entry for the model in its list, `metadata` its own page; both are untrusted and may be
    anything.
    """
    name = _public_name(model)
    draft = SpecDraft({"name": name, "type": "llm", "protocol": protocol, "endpoint": endpoint})
    if name != model:
        draft.document["upstream_model"] = model
    said = SUGGESTERS.get(protocol)
    if said:
        said(draft, model, card if isinstance(card, Mapping) else {}, metadata if isinstance(metadata, Mapping) else {})
    return draft


def _public_name(model: str) -> str:
    """`model` with every character that a name cannot have replaced by a dash."""
    kept = "".join(c if (c.isascii() and c.isalnum()) or c in "._:/@+-" else "-" for c in model)[:200]
    kept = kept.removesuffix(":latest")
    parts = [part for part in kept.split("/") if part not in ("", ".", "..")]
    name = "/".join(parts).lstrip("._:/@+-")
    return name or "model"


def _whole(value: Any) -> int | None:
    """`value` if it is a plausible count of tokens."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 100_000_000 else None


def _assumed_type(model: str) -> str:
    lower = model.lower()
    if any(word in lower for word in _RERANK_WORDS):
        return "rerank"
    return "embedding" if any(word in lower for word in _EMBEDDING_WORDS) else "llm"


def _openai(draft: SpecDraft, model: str, card: Said, metadata: Said) -> None:
    """vLLM says max_model_len and llama.cpp meta.n_ctx; OpenAI says nothing but the name."""
    draft.kind(_assumed_type(model), ASSUMED)
    if draft.document["type"] != "llm":
        return
    longest = next(
        filter(None, (_whole(at(card, path)) for path in ("max_model_len", "meta.n_ctx", "meta.n_ctx_train"))), None
    )
    draft.parameter("temperature", ASSUMED, type="float", range=[0, 2])
    draft.parameter("top_p", ASSUMED, type="float", range=[0, 1])
    draft.parameter("max_tokens", DETECTED if longest else ASSUMED, type="int", range=[1, longest])


def _anthropic(draft: SpecDraft, model: str, card: Said, metadata: Said) -> None:
    """Anthropic requires max_tokens in every call, so it gets a default."""
    draft.kind("llm", DETECTED)
    longest = _whole(card.get("max_tokens"))
    draft.parameter(
        "max_tokens",
        DETECTED if longest else ASSUMED,
        type="int",
        default=min(1024, longest or 1024),
        range=[1, longest],
    )
    draft.parameter("temperature", ASSUMED, type="float", range=[0, 1])


def _huggingface(draft: SpecDraft, model: str, card: Said, metadata: Said) -> None:
    """TGI says its limits in /info; its temperature must be above 0 and its top_p below 1."""
    longest = _whole(card.get("max_total_tokens"))
    task = card.get("model_pipeline_tag")
    draft.kind("llm", DETECTED if task in ("text-generation", "text2text-generation") else ASSUMED)
    draft.parameter(
        "max_tokens", DETECTED if longest else ASSUMED, type="int", range=[1, longest], upstream="max_new_tokens"
    )
    draft.parameter("temperature", ASSUMED, type="float", range=[0.01, 100], outside="clamp")
    draft.parameter("top_p", ASSUMED, type="float", range=[0.01, 0.99], outside="clamp")


def _ollama(draft: SpecDraft, model: str, card: Said, metadata: Said) -> None:
    """/api/show says what a model can do, its context length and its own defaults."""
    abilities = metadata.get("capabilities")
    known = isinstance(abilities, list)
    embeds = "embedding" in abilities if isinstance(abilities, list) else _assumed_type(model) == "embedding"
    draft.kind("embedding" if embeds else "llm", DETECTED if known else ASSUMED)
    if embeds:
        return
    information = metadata.get("model_info")
    items = information.items() if isinstance(information, Mapping) else ()
    longest = next((_whole(value) for key, value in items if str(key).endswith(".context_length")), None)
    defaults = _ollama_defaults(metadata.get("parameters"))
    heat = defaults.get("temperature")
    inside = heat if heat is not None and 0 <= heat <= 2 else None
    draft.parameter("temperature", ASSUMED if inside is None else DETECTED, type="float", default=inside, range=[0, 2])
    draft.parameter(
        "max_tokens", DETECTED if longest else ASSUMED, type="int", range=[1, longest], upstream="num_predict"
    )


def _ollama_defaults(text: Any) -> dict[str, float]:
    """Numbers in /api/show's `parameters`, a text of lines "name   value"."""
    found = {}
    for line in text.splitlines()[:100] if isinstance(text, str) else ():
        name, _, value = line.strip().partition(" ")
        try:
            found[name] = float(value)
        except ValueError:
            continue
    return found


def _kserve(draft: SpecDraft, model: str, card: Said, metadata: Said) -> None:
    """V2 metadata names every tensor with its datatype and shape."""
    inputs, outputs = tensors(metadata.get("inputs")), tensors(metadata.get("outputs"))
    draft.kind("tensor", DETECTED if inputs else ASSUMED)
    if inputs:
        draft.document["description"] = f"inputs {', '.join(inputs)}; outputs {', '.join(outputs)}"[:2000]
        draft.origins["description"] = DETECTED


def tensors(entries: Any) -> list[str]:
    """V2 tensors in words, such as "FEATURES FP32 [-1, 16]"."""
    found = []
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and isinstance(entry.get("shape"), list):
            shape = ", ".join(str(size)[:20] for size in entry["shape"][:16])
            found.append(f"{str(entry.get('name'))[:100]} {str(entry.get('datatype'))[:20]} [{shape}]")
    return found[:50]


SUGGESTERS: Mapping[str, Suggester] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "huggingface": _huggingface,
    "ollama": _ollama,
    "kserve_v2": _kserve,
}
