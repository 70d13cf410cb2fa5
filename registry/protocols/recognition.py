"""The parts of a protocol document by which an upstream is recognised, its models listed and their specs suggested."""

from typing import Any

from registry.protocols.part import Part


class Probe(Part, frozen=True):
    """A request without a body, and what its answer must look like: a status and the dotted paths that its JSON has."""

    path: str
    method: str = "GET"
    status: tuple[int, ...] = (200,)
    has: tuple[str, ...] = ()
    equals: dict[str, Any] = {}
    evidence: str = ""
    weight: float = 1.0


class Discovery(Part, frozen=True):
    """Where the upstream lists its models: `items` leads to the list, `id` to a model's name within an item."""

    path: str
    method: str = "GET"
    items: str = ""
    id: str = ""
    metadata_path: str = ""


class TypeRule(Part, frozen=True):
    """A model is of `type` if the fact `when` is there; with `among` only if it is, or holds, one of these words.

    Without `when` the rule always holds.
    """

    type: str
    when: str = ""
    among: tuple[str, ...] = ()


class SuggestedParameter(Part, frozen=True):
    """A parameter that the spec of a language model starts with.

    `longest` are facts of which the first that counts tokens is the upper end of the range, and of the default; `told`
    are facts of which the first number within the range is the default.
    """

    type: str
    range: tuple[float | None, float | None]
    default: float | None = None
    longest: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    upstream: str | None = None
    outside: str | None = None


class Suggestion(Part, frozen=True):
    """The spec that a detected model starts with, from facts by dotted path: `card` is the upstream's entry for it in
    its list, `page` its own page.

    `facts` names a codec that makes further facts of the two. The first rule of `types` that holds says the type; if
    none does, the model's name does (`by_name`), or it is the first type that the protocol serves.
    """

    facts: str = ""
    types: tuple[TypeRule, ...] = ()
    by_name: bool = False
    params: dict[str, SuggestedParameter] = {}
    description: str = ""
