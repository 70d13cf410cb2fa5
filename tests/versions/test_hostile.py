"""No input of 1 MB takes more than 5 s or 500 MB; if the allowance ends, a person looks."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from versions.diff import work
from versions.diff.classify import classify
from versions.diff.findings import Severity

ROOT = Path(__file__).resolve().parent.parent.parent
SIZE = 1_000_000
SECONDS = 5.0
MEGABYTES = 500
PATTERNS = ["^(a+)+$", "(a|aa)+", "(a?){30}a{30}", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y", "((a{100}){100}){100}"]


def words(count: int, start: int = 0) -> list[str]:
    return [f"w{number}" for number in range(start, start + count)]


def deep(levels: int, limit: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer", "maximum": limit}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


def web(limit: int, word: str) -> dict[str, Any]:
    """Schemas that all refer to each other."""
    names = [f"s{number}" for number in range(300)]
    parts = {
        name: {
            word: [{"$ref": f"#/$defs/{names[(index * k + k) % 300]}"} for k in range(1, 9)],
            "maximum": limit + index,
        }
        for index, name in enumerate(names)
    }
    return {"$ref": "#/$defs/s0", "$defs": parts}


def tree(limit: int) -> dict[str, Any]:
    names = [f"s{number}" for number in range(400)]
    parts = {
        name: {
            "type": "object",
            "properties": {f"p{k}": {"$ref": f"#/$defs/{names[(index * k + 7) % 400]}"} for k in range(20)},
            "maxProperties": limit,
        }
        for index, name in enumerate(names)
    }
    return {"$ref": "#/$defs/s0", "$defs": parts}


def many(count: int, **words_of: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {f"p{number}": {"type": "string", **words_of} for number in range(count)}}


TEXTS = ["a" * 28 + "!", "a" * 60, "aa"]
HOSTILE: dict[str, tuple[Any, Any]] = {
    **{f"pattern {p} and enum": ({"enum": TEXTS}, {"type": "string", "pattern": p}) for p in PATTERNS},
    **{f"pattern {p} and pattern": ({"pattern": p}, {"pattern": p + "b"}) for p in PATTERNS},
    **{
        f"names {p}": (
            {"properties": {TEXTS[0]: {}}, "patternProperties": {p: {"type": "string"}}},
            {"properties": {TEXTS[0]: {}}, "patternProperties": {p: {"type": "integer"}, "^b": {}}},
        )
        for p in PATTERNS
    },
    "a long pattern": ({"pattern": "(a|b)*" * 20000}, {"pattern": "(a|c)*" * 20000}),
    "nested groups": ({"pattern": "(" * 20000 + ")" * 20000}, {"pattern": "a"}),
    "many patterns": (
        {"patternProperties": {f"^a{{{n % 90}}}b{n}(c|d)*$": {"type": "string"} for n in range(8000)}},
        {"patternProperties": {f"^a{{{n % 90}}}b{n}(c|e)*$": {"type": "string"} for n in range(8000)}},
    ),
    "enum of 100,000 texts": ({"enum": words(100_000)}, {"enum": words(100_000, 1)}),
    "enum of 100,000 texts and a type": ({"enum": words(100_000)}, {"type": "string", "maxLength": 5}),
    "enum of 100,000 numbers": ({"enum": list(range(100_000))}, {"type": "integer", "minimum": 5, "multipleOf": 3}),
    "a type and an enum of 100,000": ({"type": "integer"}, {"enum": list(range(100_000)), "not": {"const": 5}}),
    "enum of a million": ({"enum": [0] * (SIZE // 2)}, {"enum": [1] * (SIZE // 2)}),
    "enum of 100,000 in alternatives": (
        {"anyOf": [{"enum": words(50_000)}, {"enum": list(range(50_000))}]},
        {"anyOf": [{"enum": words(50_000, 1)}, {"enum": list(range(50_000))}]},
    ),
    "enum of lists": ({"enum": [[n] for n in range(90_000)]}, {"enum": [[n] for n in range(1, 90_000)]}),
    "10,000 constants": (
        {"oneOf": [{"const": n} for n in range(10_000)]}, {"oneOf": [{"const": n} for n in range(1, 10_000)]},
    ),
    "3,000 tagged alternatives": tuple(  # type: ignore[dict-item]
        {"oneOf": [{"required": ["k"], "properties": {"k": {"const": n}, "v": {"maximum": n + extra}}}
                   for n in range(3000)]}
        for extra in (1, 0)
    ),
    "many lengths": (
        {"anyOf": [{"type": "string", "maxLength": 400_000 + n} for n in range(2000)]},
        {"anyOf": [{"type": "string", "maxLength": 400_001 + n} for n in range(2000)]},
    ),
    "many properties": (many(20_000, maxLength=5), many(20_000, maxLength=4)),
    "many required names": (
        {"required": words(60_000)}, {"required": words(60_000, 1), "dependentRequired": {"w2": words(10_000)}},
    ),
    "many dependent schemas": tuple(  # type: ignore[dict-item]
        {"dependentSchemas": {name: {"required": [f"{name}{end}"]} for name in words(8000)}} for end in "ab"
    ),
    "a web of allOf": (web(5, "allOf"), web(4, "allOf")),
    "a web of anyOf": (web(5, "anyOf"), web(4, "anyOf")),
    "a web of oneOf": (web(5, "oneOf"), web(4, "oneOf")),
    "a web of objects": (tree(5), tree(4)),
    "nested 90 deep": (deep(90, 5), deep(90, 4)),
    "nested 40,000 deep": ('{"not":' * 40_000 + "{}" + "}" * 40_000, {}),
    "aliases that double": (
        "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)) + "type: string",
        {"type": "string"},
    ),
    "an alias inside itself": ("a: &a {properties: {b: *a}}", {"type": "string"}),
    "large numbers": ({"minimum": 10**400, "multipleOf": 1e-300}, {"maximum": 1e300, "multipleOf": 3e-300}),
    "many divisors": (
        {"allOf": [{"multipleOf": n + 0.5} for n in range(20_000)]},
        {"allOf": [{"multipleOf": n + 0.25} for n in range(20_000)]},
    ),
    "large counts": ({"minItems": 10**9, "uniqueItems": True}, {"minItems": 10**9 + 1, "maxItems": 10**12}),
    "many fixed items": ({"prefixItems": [{"const": n} for n in range(30_000)]},
                         {"prefixItems": [{"const": n} for n in range(1, 30_000)]}),
}  # fmt: skip
CHILD = """
import json, sys, time
from pathlib import Path
from versions.diff.classify import classify
old, new = json.loads(sys.stdin.read())
began = time.process_time()
report = classify(old, new, "jsonschema")
spent = time.process_time() - began
# Not ru_maxrss: after a fork that counts the memory of the process that started this one.
peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
print(json.dumps([report.verdict.value, spent, peak, [f.key for f in report.findings][:3]]))
"""


@pytest.mark.parametrize(("word", "allowed"), [("STEPS", 50), ("SECONDS", -1.0)])
def test_what_is_too_much_work_is_named(monkeypatch: pytest.MonkeyPatch, word: str, allowed: float) -> None:
    monkeypatch.setattr(work, word, allowed)
    old, new = many(300, maxLength=4), many(300, maxLength=5)
    report = classify(old, new, "jsonschema")
    assert report.verdict is Severity.REVIEW
    assert [finding.key for finding in report.findings] == ["too-much-work"]


@pytest.mark.parametrize("name", HOSTILE)
def test_an_input_of_a_megabyte_is_bounded(name: str) -> None:
    old, new = HOSTILE[name]
    sent = json.dumps([json.dumps(side) if not isinstance(side, str) else side for side in (old, new)])
    command = [sys.executable, "-c", CHILD]
    ended = subprocess.run(command, cwd=ROOT, input=sent, capture_output=True, text=True, timeout=120, check=True)
    verdict, spent, peak, _keys = json.loads(ended.stdout)
    assert verdict in ("breaking", "review", "compatible")
    assert (spent < SECONDS, peak < MEGABYTES) == (True, True), (verdict, spent, peak)
