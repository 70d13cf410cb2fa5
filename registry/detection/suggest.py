"""Spec documents suggested for a detected upstream: what it said about its models, and what is assumed of its
protocol.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.protocols import codecs
from registry.protocols.document import Document
from registry.protocols.recognition import SuggestedParameter
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


Facts = Mapping[str, Any]


def suggest(protocol: Document, endpoint: str, model: str, card: Any, page: Any) -> SpecDraft:
    """A spec document for `model` at `endpoint`, by the protocol's own rules.

    `card` is the upstream's entry for the model in its list, `page` its own page; both are untrusted and may be
    anything.
    """
    name = _public_name(model)
    draft = SpecDraft({"name": name, "type": "", "protocol": protocol.name, "endpoint": endpoint})
    if name != model:
        draft.document["upstream_model"] = model
    rules = protocol.suggestion
    facts = {"card": card, "page": page}
    facts |= codecs.named(rules.facts)(card, page) if rules.facts else {}
    draft.kind(*_type(protocol, model, facts))
    if draft.document["type"] == "llm":
        for parameter, rule in rules.params.items():
            _suggest_parameter(draft, parameter, rule, facts)
    description = at(facts, rules.description) if rules.description else None
    if isinstance(description, str):
        draft.document["description"] = description[:2000]
        draft.origins["description"] = DETECTED
    return draft


def _type(protocol: Document, model: str, facts: Facts) -> tuple[str, str]:
    """The model's type and its origin."""
    for rule in protocol.suggestion.types:
        fact = at(facts, rule.when) if rule.when else True
        if fact is not None and (not rule.among or _is_among(fact, rule.among)):
            return rule.type, DETECTED
    named = _type_by_name(model) if protocol.suggestion.by_name else ""
    return (named if named in protocol.types else protocol.types[0]), ASSUMED


def _is_among(fact: Any, words: tuple[str, ...]) -> bool:
    """Whether a fact is, or a list of facts holds, one of `words`."""
    return any(word in fact for word in words) if isinstance(fact, list) else fact in words


def _suggest_parameter(draft: SpecDraft, name: str, rule: SuggestedParameter, facts: Facts) -> None:
    """Add a parameter with what the upstream tells of its longest value and its default."""
    low, high = map(_short, rule.range)
    longest = next(filter(None, (_whole(at(facts, path)) for path in rule.longest)), None)
    told = next((number for path in rule.told if (number := _within(at(facts, path), low, high)) is not None), None)
    default = told if told is not None else _short(rule.default)
    if longest is not None:
        high = longest
        default = None if default is None else min(default, longest)
    fields = {"default": default, "range": [low, high], "upstream": rule.upstream, "outside": rule.outside}
    draft.parameter(name, ASSUMED if longest is None and told is None else DETECTED, type=rule.type, **fields)


def _short(number: float | None) -> float | int | None:
    """A number as people write it: 1 for 1.0."""
    return int(number) if number is not None and number == int(number) else number


def _within(value: Any, low: float | None, high: float | None) -> float | None:
    """`value` if it is a number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if (low is None or value >= low) and (high is None or value <= high) else None


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


def _type_by_name(model: str) -> str:
    lower = model.lower()
    if any(word in lower for word in _RERANK_WORDS):
        return "rerank"
    return "embedding" if any(word in lower for word in _EMBEDDING_WORDS) else "llm"
