"""Who may call: every way in which a caller could authenticate before must still be one."""

from typing import Any

from versions.diff.openapi.form import ApiOperation, Raw
from versions.diff.openapi.read import ApiDocument
from versions.diff.openapi.sides import Sides
from versions.diff.values import same, short

Way = dict[str, frozenset[str]]
OFFERED = "offered"
NO_FORCE = frozenset({"description", "scopes", "flows", "deprecated"})
"""Words of a scheme that no caller obeys by themselves; `flows` are looked into."""


def judge_security(sides: Sides, old: ApiOperation, new: ApiOperation) -> None:
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
        told = _scheme(left.get(name), right.get(name)) or _unoffered(name, left.get(name), right.get(name), after)
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


def schemes(document: ApiDocument) -> dict[str, Any]:
    """Security schemes by name."""
    components = document.root.get("components")
    inside = (
        components.get("securitySchemes") if isinstance(components, dict) else document.root.get("securityDefinitions")
    )
    named = inside if isinstance(inside, dict) else {}
    return {name: document.resolve(raw, f"/components/securitySchemes/{name}")[0] for name, raw in named.items()}


def _scheme(old: Any, new: Any) -> tuple[str, str] | None:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return None if same(old, new) else (short(old), short(new))
    before, after = _facts(old), _facts(new)
    for part in {**before, **after}:
        if part not in before and part[0] and (part[0], OFFERED) not in before:
            continue
        if not same(before.get(part), after.get(part)):
            name = " ".join(part).strip()
            return f"{name} {before.get(part)}", f"{name} {after.get(part)}"
    return None


def _unoffered(name: str, old: Any, new: Any, asked: list[Way]) -> tuple[str, str] | None:
    """A scope that is asked for and that the scheme offers no longer."""
    lost = (_scopes(old) - _scopes(new)) & {scope for way in asked for scope in way.get(name, ())}
    return (f"scopes {', '.join(sorted(lost))}", "not offered") if lost else None


def _scopes(scheme: Any) -> set[str]:
    raw = scheme if isinstance(scheme, dict) else {}
    flows = raw.get("flows")
    held = [raw, *(flows.values() if isinstance(flows, dict) else ())]
    found = [flow.get("scopes") for flow in held if isinstance(flow, dict)]
    return {str(scope) for scopes in found if isinstance(scopes, dict) for scope in scopes}


def _facts(scheme: Raw) -> dict[tuple[str, str], Any]:
    """What a caller must follow, by flow (empty for the scheme itself) and word; a flow that was added binds nobody."""
    facts = {("", word): value for word, value in _forceful(scheme).items()}
    if isinstance(scheme.get("scheme"), str):
        facts["", "scheme"] = scheme["scheme"].lower()
    flows = scheme.get("flows")
    for name, flow in flows.items() if isinstance(flows, dict) else ():
        facts[str(name), OFFERED] = True
        for word, value in _forceful(flow).items() if isinstance(flow, dict) else ():
            facts[str(name), word] = value
    return facts


def _forceful(words: Raw) -> dict[str, Any]:
    """Everything that a caller must follow: addresses, places, names, formats, whatever they are called."""
    return {word: value for word, value in words.items() if word not in NO_FORCE and not word.startswith("x-")}


def _listed(found: list[Way]) -> str:
    return " or ".join(
        " and ".join(f"{n}({','.join(sorted(s))})" for n, s in sorted(way.items())) or "nothing" for way in found
    )
