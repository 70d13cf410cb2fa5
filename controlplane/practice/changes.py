"""What changes in a practice month: real edits of model files where a folder has them, else drawn by their frequency.

Pure and seeded: one seed gives one month. Rules of parameters are those of registry.emulators.contracts.
"""

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

Rules = Mapping[str, Mapping[str, Any]]
FILE = "model-specs/dify-changes.jsonl.gz"
DAYS = 30
FEWEST, MOST = 300, 340
SHARE_HOSTED = 0.35
"""Models whose provider moves the address itself, after a notice; the others serve each version beside the last."""
_TYPES = {"float": "float", "int": "int", "boolean": "boolean", "string": "string"}
_LEFT_OUT = frozenset({
    "response_format", "json_schema", "stop", "stream", "enable_stream", "tools", "messages", "model", "n", "logprobs",
    "top_logprobs", "extra_headers", "prompt", "input", "user", "metadata", "store", "max_completion_tokens",
})  # fmt: skip
"""Names that mean something else on OpenAI's wire than in the files."""
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2), "top_p": (0, 1), "presence_penalty": (-2, 2), "frequency_penalty": (-2, 2),
    "max_tokens": (1, 10**9), "top_k": (0, 10**9), "min_p": (0, 1), "repetition_penalty": (0.01, 10),
}  # fmt: skip
"""What the emulated wire takes at the most: rules are kept inside."""
_FRESH: tuple[tuple[str, dict[str, Any]], ...] = (
    ("guidance", {"type": "float", "min": 0, "max": 20, "default": 7.5}),
    ("thinking_budget", {"type": "int", "min": 0, "max": 32768}),
    ("enable_search", {"type": "boolean", "default": False}),
    ("verbosity", {"type": "string", "options": ["low", "medium", "high"], "default": "medium"}),
    ("top_k", {"type": "int", "min": 1, "max": 100}),
    ("presence_penalty", {"type": "float", "min": -2, "max": 2, "default": 0}),
    ("service_tier", {"type": "string", "options": ["auto", "standard", "priority"]}),
)
_KINDS = {
    "optional added": 30, "limit cut": 14, "default moved": 12, "option added": 8, "removed": 8, "limit raised": 6,
    "option removed": 5, "renamed": 4, "required added": 4, "type changed": 2, "files only": 7,
}  # fmt: skip
"""Kinds of change by how often they occur, per cent, rounded from public catalogues of model files of 2025 and 2026."""


@dataclass(frozen=True)
class UpstreamChange:
    """One change of one model at a moment of the month, in days from 0. `rules` are those of the new version.

    `in_place` is true if its provider moves the address itself; else the version is served beside the last one.
    """

    at: float
    model: int
    version: int
    kind: str
    rules: Rules
    in_place: bool


@dataclass(frozen=True)
class MonthOfChanges:
    """The first rules of each model by number, which are hosted elsewhere, and the changes in order of time."""

    first: Mapping[int, Rules]
    hosted: frozenset[int]
    changes: tuple[UpstreamChange, ...]


def month(seed: int, models: list[int], folder: Path | None = None) -> MonthOfChanges:
    """The month of `seed` over these models. `folder` may hold FILE; without it everything is drawn."""
    rng = random.Random(seed)  # noqa: S311
    real = chains(folder / FILE) if folder is not None and (folder / FILE).is_file() else []
    rng.shuffle(real)
    hosted = frozenset(rng.sample(models, round(len(models) * SHARE_HOSTED)))
    queued: dict[int, list[Rules]] = dict(zip(models, real, strict=False))
    first = {model: queued[model][0] if model in queued else _drawn_rules(rng) for model in models}
    following = {model: iter(chain[1:]) for model, chain in queued.items()}
    now: dict[int, Rules] = dict(first)
    versions = dict.fromkeys(models, 1)
    changes = []
    for at in sorted(rng.uniform(0, DAYS) for _ in range(rng.randint(FEWEST, MOST))):
        model = rng.choice(models)
        in_place = model in hosted
        kind, rules = _next(rng, now[model], following.get(model, iter(())), in_place)
        versions[model] += 1
        changes.append(UpstreamChange(at, model, versions[model], kind, rules, in_place))
        now[model] = rules
    return MonthOfChanges(first, hosted, tuple(changes))


def until(played: MonthOfChanges, day: float) -> MonthOfChanges:
    """The same month, ended after some days."""
    return replace(played, changes=tuple(change for change in played.changes if change.at <= day))


def forceable(old: Rules, new: Rules) -> bool:
    """Whether a provider would do this to an address that people use: nothing newly required, no other type."""
    required = {name for name, rule in new.items() if rule.get("required")}
    newly = {name for name in required if not old.get(name, {}).get("required")}
    return not newly and all(old[name]["type"] == new[name]["type"] for name in old.keys() & new.keys())


def either(old: Rules, new: Rules) -> dict[str, dict[str, Any]]:
    """Rules that take whatever one of two versions takes; of equal types, as in place no type changes."""
    found: dict[str, dict[str, Any]] = {}
    for name in {**old, **new}:
        one, other = old.get(name, new.get(name, {})), new.get(name, old.get(name, {}))
        rule = {"type": other["type"]}
        if "min" in one and "min" in other:
            rule |= {"min": min(one["min"], other["min"]), "max": max(one["max"], other["max"])}
        if "options" in one and "options" in other:
            rule["options"] = list(dict.fromkeys([*one["options"], *other["options"]]))
        if name in old and name in new and one.get("required") and other.get("required"):
            rule["required"] = True
        found[name] = rule
    return found


def chains(path: Path) -> list[list[Rules]]:
    """The rules of each model file through its edits, oldest first; edits that change no rule are left out."""
    by_file: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            edit = json.loads(line)
            by_file[edit["path"]].append(edit)
    found = []
    for edits in by_file.values():
        ordered = sorted(edits, key=lambda edit: str(edit["date"]))
        states = [rules_of(ordered[0]["old"]), *(rules_of(edit["new"]) for edit in ordered)]
        moved = [not index or state != states[index - 1] for index, state in enumerate(states)]
        chain: list[Rules] = [state for state, differs in zip(states, moved, strict=True) if state and differs]
        if len(chain) > 1:
            found.append(chain)
    return found


def rules_of(text: str) -> dict[str, dict[str, Any]]:
    """The rules in a model file, by the names that OpenAI's wire can carry, inside what the emulated wire takes."""
    document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    if not isinstance(document, dict) or document.get("model_type") != "llm":
        return {}
    rules: dict[str, dict[str, Any]] = {}
    for raw in document.get("parameter_rules") or ():
        name, kind = str(raw.get("name", "")), _TYPES.get(str(raw.get("type") or _template_type(raw)))
        if kind is None or name in _LEFT_OUT or not name.isidentifier():
            continue
        rule: dict[str, Any] = {"type": kind}
        rule |= {
            key: raw[key] for key in ("min", "max", "default") if _number(raw.get(key)) and kind in ("float", "int")
        }
        if kind == "boolean" and isinstance(raw.get("default"), bool):
            rule["default"] = raw["default"]
        options = [str(option) for option in raw.get("options") or () if isinstance(option, str)]
        if kind == "string" and options:
            rule["options"] = options
        if raw.get("required") is True:
            rule["required"] = True
        rules[name] = bounded(name, rule)
    return rules


def bounded(name: str, rule: dict[str, Any]) -> dict[str, Any]:
    """A rule inside what the emulated wire takes, with a default inside its own limits."""
    if rule["type"] not in ("float", "int"):
        return rule
    low, high = _BOUNDS.get(name, (-(10**9), 10**9))
    number = int if rule["type"] == "int" else float
    rule = {**rule, "min": number(max(rule.get("min", low), low)), "max": number(min(rule.get("max", high), high))}
    if rule["min"] >= rule["max"]:
        rule["max"] = rule["min"] + 1
    if "default" in rule and not rule["min"] <= rule["default"] <= rule["max"]:
        del rule["default"]
    return rule


def _next(rng: random.Random, rules: Rules, chain: Iterator[Rules], in_place: bool) -> tuple[str, Rules]:
    """The next real state of the file if there is one, else a drawn change; in place only what providers force."""
    following = next(chain, None)
    if following is not None and following != rules and (not in_place or forceable(rules, following)):
        return "edit of a model file", following
    kinds = list(_KINDS)
    while True:
        kind = rng.choices(kinds, [_KINDS[name] for name in kinds])[0]
        changed = _CHANGED[kind](rng, rules)
        if changed is not None and (not in_place or forceable(rules, changed)):
            return kind, changed


def _drawn_rules(rng: random.Random) -> dict[str, dict[str, Any]]:
    rules: dict[str, dict[str, Any]] = {
        "temperature": {"type": "float", "min": 0.0, "max": 2.0, "default": 0.7},
        "max_tokens": {"type": "int", "min": 1, "max": 1024 * 2 ** rng.randint(0, 5), "default": 512},
        "top_p": {"type": "float", "min": 0.0, "max": 1.0, "default": 1.0},
    }
    for name, rule in rng.sample(_FRESH, 2):
        rules[name] = bounded(name, dict(rule))
    return rules


def _added(rng: random.Random, rules: Rules) -> Rules | None:
    new = [(name, rule) for name, rule in _FRESH if name not in rules]
    if not new:
        return None
    name, rule = rng.choice(new)
    return {**rules, name: bounded(name, dict(rule))}


def _required(rng: random.Random, rules: Rules) -> Rules | None:
    name = f"deployment_{len(rules)}"
    return {**rules, name: {"type": "string", "options": ["eu", "us"], "required": True}}


def _removed(rng: random.Random, rules: Rules) -> Rules | None:
    names = [name for name in rules if name != "max_tokens"]
    if len(names) < 2:
        return None
    gone = rng.choice(names)
    return {name: rule for name, rule in rules.items() if name != gone}


def _renamed(rng: random.Random, rules: Rules) -> Rules | None:
    names = [name for name in rules if f"{name}_v2" not in rules and not name.endswith("_v2") and name not in _BOUNDS]
    if not names:
        return None
    old = rng.choice(names)
    return {(f"{name}_v2" if name == old else name): rule for name, rule in rules.items()}


def _moved_limit(rng: random.Random, rules: Rules, factor: float) -> Rules | None:
    names = [name for name, rule in rules.items() if rule["type"] == "int" and rule.get("max", 0) >= 8]
    if not names:
        return None
    name = rng.choice(names)
    rule = dict(rules[name])
    rule["max"] = max(int(rule["min"]) + 1, int(rule["max"] * factor))
    return {**rules, name: bounded(name, rule)} if rule["max"] != rules[name]["max"] else None


def _cut(rng: random.Random, rules: Rules) -> Rules | None:
    return _moved_limit(rng, rules, 0.5)


def _raised(rng: random.Random, rules: Rules) -> Rules | None:
    return _moved_limit(rng, rules, 2.0)


def _default_moved(rng: random.Random, rules: Rules) -> Rules | None:
    names = [name for name, rule in rules.items() if rule["type"] in ("float", "int") and "default" in rule]
    if not names:
        return None
    name = rng.choice(names)
    low, high = rules[name]["min"], rules[name]["max"]
    middle = (low + min(high, low + 1024)) / 2
    default = int(middle) if rules[name]["type"] == "int" else round(middle, 3)
    return {**rules, name: {**rules[name], "default": default}} if default != rules[name]["default"] else None


def _option_added(rng: random.Random, rules: Rules) -> Rules | None:
    names = [name for name, rule in rules.items() if rule.get("options")]
    if not names:
        return None
    name = rng.choice(names)
    options = rules[name]["options"]
    return {**rules, name: {**rules[name], "options": [*options, f"option-{len(options) + 1}"]}}


def _option_removed(rng: random.Random, rules: Rules) -> Rules | None:
    names = [name for name, rule in rules.items() if len(rule.get("options", ())) >= 2]
    if not names:
        return None
    name = rng.choice(names)
    kept = rules[name]["options"][:-1]
    rule = {key: value for key, value in rules[name].items() if key != "default" or value in kept}
    return {**rules, name: {**rule, "options": kept}}


def _type_changed(rng: random.Random, rules: Rules) -> Rules | None:
    names = [name for name, rule in rules.items() if rule["type"] == "boolean"]
    if not names:
        return None
    name = rng.choice(names)
    return {**rules, name: {"type": "string", "options": ["on", "off"]}}


def _files_only(rng: random.Random, rules: Rules) -> Rules | None:
    return dict(rules)


_CHANGED: Mapping[str, Callable[[random.Random, Rules], Rules | None]] = {
    "optional added": _added,
    "limit cut": _cut,
    "default moved": _default_moved,
    "option added": _option_added,
    "removed": _removed,
    "limit raised": _raised,
    "option removed": _option_removed,
    "renamed": _renamed,
    "required added": _required,
    "type changed": _type_changed,
    "files only": _files_only,
}


def _template_type(raw: Mapping[str, Any]) -> str:
    template = str(raw.get("use_template", ""))
    return "int" if template in ("max_tokens", "top_k") else "float" if template in _BOUNDS else ""


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
