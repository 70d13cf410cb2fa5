"""Differential fuzzing of the classifier: nothing that it calls compatible may let a value of the making side escape.

    python -m benchmarks.classifier_fuzz --pairs 100000 --seed 1

Pairs of schemas of every dialect are classified; values sampled from both sides are judged by `jsonschema`. One value
that the making side accepts and the accepting side refuses, in a direction that was called compatible, is a failure.
What is called compatible to the letter too (`unknown_fields_tolerated` off) is tried with every value, the rest with
what callers send by the convention (fuzz_sent.py).
Every pair has its own randomness, so that `--only N` shows one of them again.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from jsonschema import Draft4Validator, Draft6Validator, Draft7Validator, Draft202012Validator
from jsonschema.validators import extend

from benchmarks.fuzz_edits import pair
from benchmarks.fuzz_schemas import DRAFTS, has
from benchmarks.fuzz_sent import ABOUT_OTHERS, NOTHING, TABLES, Callers, expanded, meant
from benchmarks.fuzz_values import values
from versions.diff.classify import classify
from versions.diff.findings import Severity
from versions.diff.policy import DiffPolicy


def _reading_items(validator: Any) -> Any:
    """A validator that reads additionalItems beside a boolean `items`, at which jsonschema's own raises TypeError.

    By draft 6, section 6.10, additionalItems counts only if `items` is an array.
    """
    own = validator.VALIDATORS["additionalItems"]

    def additional_items(judge: Any, more: Any, instance: Any, schema: dict[str, Any]) -> Any:
        return () if isinstance(schema.get("items"), bool) else own(judge, more, instance, schema) or ()

    extended: Any = extend
    return extended(validator, {"additionalItems": additional_items})


VALIDATORS = {
    "2020-12": Draft202012Validator, "draft-07": _reading_items(Draft7Validator),
    "draft-06": _reading_items(Draft6Validator), "draft-04": Draft4Validator, "openapi-3.0": Draft4Validator,
}  # fmt: skip
DIRECTIONS = ("request", "response")
VALUES = 14
HIDES = {"request": "readOnly", "response": "writeOnly"}
LENIENT = DiffPolicy()
STRICT = DiffPolicy(unknown_fields_tolerated=False)
ALTERNATIVES = frozenset({"anyOf", "oneOf", "if", "not"})
FIXED = frozenset({"const", "enum"})


@dataclass(frozen=True, slots=True)
class Escape:
    """A value that got away, with the pair that let it."""

    index: int
    dialect: str
    direction: str
    old: Any
    new: Any
    value: Any
    strict: bool


@dataclass(slots=True)
class Tally:
    """What a run saw."""

    verdicts: Counter[str] = field(default_factory=Counter)
    values: int = 0
    escapes: list[Escape] = field(default_factory=list)


def run(pairs: range, seed: int, most: int = 20) -> Tally:
    """Try some pairs; stops after `most` escapes."""
    tally = Tally()
    for index in pairs:
        tally.escapes += escapes(index, seed, tally)
        if len(tally.escapes) >= most:
            break
    return tally


def escapes(index: int, seed: int, tally: Tally) -> Iterator[Escape]:
    """The values that escape from one pair, at most one a direction."""
    random = Random(f"{seed}/{index}")
    dialect, old, new = pair(random)
    for direction in DIRECTIONS:
        verdict = judged(dialect, old, new, direction, strict=False)
        tally.verdicts[f"{direction} {verdict.value}"] += 1
        if verdict is not Severity.COMPATIBLE:
            continue
        strict = judged(dialect, old, new, direction, strict=True) is Severity.COMPATIBLE
        tally.verdicts[f"{direction} compatible to the letter"] += strict
        source, target = (old, new) if direction == "request" else (new, old)
        making, accepting = (travelling(side, dialect, direction) for side in (source, target))
        before, after = VALIDATORS[dialect](making), VALIDATORS[dialect](accepting)
        callers = Callers(source, HIDES[direction] if dialect == "openapi-3.0" else "", not strict)
        callers.about_others = tuple(word for word in ABOUT_OTHERS if has(dialect, word))
        callers.tables = tuple(word for word in TABLES if has(dialect, word))
        if _may_be_tagged(source) or _may_be_tagged(target):
            callers.fits = partial(_fits, before, dialect, direction)
        made = values(random, (expanded(making, making), expanded(accepting, accepting)), VALUES)
        every = strict and not callers.hides
        found = made if every else [value for value in map(callers.settled, made) if value is not NOTHING]
        tally.values += len(found)
        escaped = next((v for v in found if before.is_valid(v) and not after.is_valid(v)), _NONE)
        if escaped is not _NONE:
            yield Escape(index, dialect, direction, old, new, escaped, strict)


def _fits(validator: Any, dialect: str, direction: str, schema: Any, value: Any) -> bool:
    made = travelling(schema, dialect, direction, validator.schema)
    return bool(validator.evolve(schema=made).is_valid(value))


def judged(dialect: str, old: Any, new: Any, direction: str, strict: bool) -> Severity:
    """What the classifier says about one direction of a pair."""
    policy = STRICT if strict else LENIENT
    if dialect == "openapi-3.0":
        return classify(document(old, direction), document(new, direction), "openapi", policy=policy).verdict
    before, after = ({**side, "$schema": DRAFTS[dialect]} if isinstance(side, dict) else side for side in (old, new))
    return classify(before, after, "jsonschema", direction, policy).verdict


def document(schema: Any, direction: str) -> dict[str, Any]:
    """An OpenAPI 3.0 document with a schema in one direction only."""
    components = {"components": schema["components"]} if isinstance(schema, dict) and "components" in schema else {}
    schema = {word: part for word, part in schema.items() if word != "components"} if components else schema
    content = {"content": {"application/json": {"schema": schema}}}
    body = {"requestBody": {"required": True, **content}} if direction == "request" else {}
    answer = {"description": "ok", **(content if direction == "response" else {})}
    operation = {**body, "responses": {"200": answer}}
    info = {"title": "t", "version": "1"}
    return {"openapi": "3.0.3", "info": info, "paths": {"/a": {"post": operation}}, **components}


def travelling(schema: Any, dialect: str, direction: str, root: Any = None) -> Any:
    """The schema as `jsonschema` must read it: `nullable` written out, fields that do not travel left alone."""
    root = schema if root is None else root
    if isinstance(schema, list):
        return [travelling(part, dialect, direction, root) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if dialect != "openapi-3.0":
        return schema
    made = {
        word: value if word in FIXED else travelling(value, dialect, direction, root) for word, value in schema.items()
    }
    hidden = HIDES[direction]
    properties = schema.get("properties")
    if isinstance(properties, dict):
        gone = [name for name, part in properties.items() if meant(part, root).get(hidden) is True]
        made["properties"] = {name: {} if name in gone else part for name, part in made["properties"].items()}
        if "required" in made:
            made["required"] = [name for name in made["required"] if name not in gone]
            if not made["required"]:
                del made["required"]
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        made["type"] = [schema["type"], "null"]
    return made


def _may_be_tagged(schema: Any) -> bool:
    """Whether constants may tell alternatives apart, if the convention speaks of each alternative by itself."""
    words = set(_words(schema))
    return bool(words & ALTERNATIVES and words & FIXED)


def _words(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema
        for part in schema.values():
            yield from _words(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _words(part)


_NONE: Any = object()


def shown(escape: Escape) -> str:
    """One escape in a few lines."""
    lines = [f"pair {escape.index} · {escape.dialect} · {escape.direction} · strict {escape.strict}"]
    lines += [f"  {word}: {json.dumps(getattr(escape, word), sort_keys=True)}" for word in ("old", "new", "value")]
    return "\n".join(lines)


def main() -> None:
    """Try pairs and print what escaped; ends with status 1 if something did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0, help="number of the first pair")
    parser.add_argument("--only", type=int, help="show one pair again")
    options = parser.parse_args()
    chosen = range(options.start, options.start + options.pairs)
    began = time.monotonic()
    tally = run(range(options.only, options.only + 1) if options.only is not None else chosen, options.seed)
    for escape in tally.escapes:
        print(shown(escape))
    counts = ", ".join(f"{name} {count}" for name, count in sorted(tally.verdicts.items()))
    print(
        f"seed {options.seed}, pairs {chosen.start} to {chosen.stop - 1}: {len(tally.escapes)} escapes,"
        f" {tally.values} values, {time.monotonic() - began:.0f} s ({counts})"
    )
    raise SystemExit(1 if tally.escapes else 0)


if __name__ == "__main__":
    main()
