"""Who may call: every way in which a caller could authenticate before must still be one."""

from typing import Any

from versions.diff.openapi.form import Operation, Raw
from versions.diff.openapi.read import Document
from versions.diff.openapi.sides import Sides
from versions.diff.values import short

Way = dict[str, frozenset[str]]
SCHEME_WORDS = ("type", "in", "name", "scheme", "openIdConnectUrl", "authorizationUrl", "tokenUrl", "flow")


def judge_security(sides: Sides, old: Operation, new: Operation) -> None:
    """Compare the alternatives of two versions of an operation, and the schemes that they use."""
    before, after = ways(old.security), ways(new.security)
    pointers = f"{old.pointer}/security", f"{new.pointer}/security"
    words = _listed(before), _listed(after)
    if before != after:
        kept = all(any(_opens(way, other) for other in after) for way in before)
        sides.fact("security-loosened" if kept else "security-tightened", new.name, words, pointers)
    shared = {name for way in before for name in way} & {name for way in after for name in way}
    left, right = schemes(sides.old), schemes(sides.new)
    for name in sorted(shared):
        told = _scheme(left.get(name), right.get(name))
        if told:
            sides.fact("security-scheme-changed", name, told, pointers)


def ways(raw: Any) -> list[Way]:
    """The alternatives of a `security` list; no list means that nothing is asked."""
    if not isinstance(raw, list) or not raw:
        return [{}]
    result = []
    for entry in raw:
        if isinstance(entry, dict):
            result.append({name: frozenset(map(str, scopes or ())) for name, scopes in entry.items()})
    return result


def _opens(held: Way, asked: Way) -> bool:
    """Whether a caller that satisfies one way satisfies another."""
    return all(name in held and scopes <= held[name] for name, scopes in asked.items())


def schemes(document: Document) -> dict[str, Any]:
    """Security schemes by name."""
    components = document.root.get("components")
    inside = (
        components.get("securitySchemes") if isinstance(components, dict) else document.root.get("securityDefinitions")
    )
    return inside if isinstance(inside, dict) else {}


def _scheme(old: Any, new: Any) -> tuple[str, str] | None:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return None if old == new else (short(old), short(new))
    before, after = _facts(old), _facts(new)
    for word in {**before, **after}:
        if before.get(word) != after.get(word):
            return f"{word} {before.get(word)}", f"{word} {after.get(word)}"
    return None


def _facts(scheme: Raw) -> dict[str, Any]:
    facts = {word: scheme[word] for word in SCHEME_WORDS if word in scheme}
    if isinstance(facts.get("scheme"), str):
        facts["scheme"] = facts["scheme"].lower()
    flows = scheme.get("flows")
    for name, flow in flows.items() if isinstance(flows, dict) else ():
        for word in ("authorizationUrl", "tokenUrl"):
            if isinstance(flow, dict) and word in flow:
                facts[f"{name} {word}"] = flow[word]
    return facts


def _listed(found: list[Way]) -> str:
    return " or ".join(
        " and ".join(f"{n}({','.join(sorted(s))})" for n, s in sorted(way.items())) or "nothing" for way in found
    )
