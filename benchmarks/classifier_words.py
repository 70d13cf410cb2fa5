"""The words of docs/change-classifier.md."""

from collections.abc import Iterable
from typing import Any

from versions.diff.policy import SENTENCES
from versions.diff.renames import SURE
from versions.diff.rules import DiffRule, table

LINE_BREAK = "the pattern refuses a line break (`.` does not match it), which the other side accepts: see the witness"
NAMED_PART = "every constraint stayed the same; the peer warns about a named part that left `allOf`"
REASONS = {
    "operation-removed-after-sunset": "rule 2: after the sunset somebody may still call; a person looks at the traffic",
    "security-tightened": "rule 60: a caller without the new credential or scope gets 401; the peer only informs",
    "security-scheme-changed": "rule 60: a caller asks for its token at another address",
    "operation-id-changed": "rule 7: generated code changes its names, the wire does not; a person decides",
    "default-changed": "rule 45: callers that leave the field out get other behaviour; the old default can be pinned",
    "pattern-removed": "rule 46: readers meet texts that they never met; the peer only informs",
    "pattern-widened": "rule 47: readers meet texts that they never met; the peer only informs",
    "became-required": "a name became required that no property declares; the peer looks at declared ones only",
    "became-read-only": "rule 52: what a caller still sends is ignored or refused, the schema does not say which",
    "became-write-only": "rule 52: readers no longer see the field",
    "required-access-widened": "rule 52: the field is required and now travels in this direction too",
    "discriminator-changed": "rule 53: a value of the discriminator lost its schema; the peer only informs",
    "discriminator-presence": "rule 53: readers that dispatch on the discriminator behave differently",
    "discriminator-value-added": "rule 53: readers meet a discriminator value that they do not know",
    "response-content-type-added": "rule 56: a reader without an Accept header may get the new type",
    "response-content-type-removed": "rule 56: a reader that asks for the type gets 406",
    "response-content-type-specialised": "rule 56: the same syntax under another name; strict readers compare the name",
    "type-swapped": "another type; the peer forgives it in XML bodies",
    "error-status-removed": "the peers disagree (oasdiff safe, openapi-diff breaking); retry code may depend on it",
    "optional-removed": "rule 13: a caller still sends the field; whether the server ignores it is not said",
    "required-removed": "rule 15: a caller still sends the field; whether the server ignores it is not said",
    "response-optional-removed": "rule 17: readers that used the field miss it",
    "format-added": "rule 48: a format is a check for some servers",
    "format-removed": "rule 48: a format is a promise for some readers",
    "unknown-keyword": "rule 64: a keyword that is not known changed; never compatible on silence",
    "unreadable": "a limit without effect (exclusive without a bound) went; never compatible on silence",
    "items-tightened": "a limit that its type does not use was tightened; somebody meant something by it",
    "keyword-undecided": "rule 26: a value that fits two members of `oneOf` is refused; the peer reads it as `anyOf`",
    "unsatisfiable-before": "rule 64: no value fits the old side, so that nothing said about it counts",
    "unsatisfiable-after": "rule 64: no value fits the new side, so that nothing said about it counts",
    "pattern-added": LINE_BREAK,
    "member-removed": LINE_BREAK,
    "member-added": LINE_BREAK,
    "rewritten": NAMED_PART,
    "all-of-removed": NAMED_PART,
    "nothing": NAMED_PART,
}
"""Why a finding stands against a label; a reason that begins with "rule N" was decided in the rule table beforehand."""


BEFORE = (
    ("before proofs were asked for", "62.1%", "13.5%", "93.8%"),
    ("with the prover and the last gate", "63.4%", "16.6%", "90.3%"),
    ("with dialects, references and facets read exactly", "63.4%", "16.6%", "90.3%"),
)
"""Measured with the same data at three states of the code; the last row is the state of this page."""

FUZZED: tuple[tuple[str, ...], ...] = (
    ("7101 to 7105", "100,000", "4,947,323", "1,385", "6", "the names and the access of fields, wherever they stand"),
    (
        "8201",
        "20,000",
        "1,058,803",
        "2,247",
        "0",
        "place by place and to the letter; references, words of other dialects",
    ),
    ("9001 to 9003", "60,000", "not kept", "not kept", "3", "the same"),
    ("9101 to 9103", "60,000", "not kept", "not kept", "3", "the same"),
    ("9103, 9105", "30,000", "not kept", "not kept", "2", "the same"),
    ("9301 to 9305", "100,000", "5,270,207", "634", "0", "the same; this is the code of this page"),
)

MENDED = (
    "`nullable` without `type` or beside `allOf` read as null (3 of the 6): both readings must hold now;",
    "a name declared only where another name is present, or where nothing fits (1): it is heard as declared;",
    "a name declared at another place (2, no break): the judge now looks place by place (benchmarks/fuzz_sent.py),",
    "  tries what is compatible to the letter with every value, and draws references and words of other dialects;",
    "two values of seed 8201 were the judge's doubt again (access behind a reference, a word its dialect lacks);",
    "a name of which only an alternative speaks, a condition or a negation, beside others that limit all names, or",
    "  beside an alternative that accepts anything (seeds 9001 to 9105): callers may send it;",
    "  an alternative with `readOnly` or `writeOnly` fields proves nothing (the same seeds);",
    "by reading, and by 430 pairs of our own (tests/versions/*.jsonl), 111 of which had been called compatible:",
    "  - keywords of other drafts that were read as if they counted, `nullable` outside OpenAPI 3.0;",
    "  - `$dynamicRef`, `$recursiveRef`, nested `$id`, anchors, and pointers through other references;",
    "  - unknown keywords, `format` and `content*` where one side lists its values, or under a negation;",
    "  - links, callbacks, webhooks read the wrong way round, heirs of a discriminator, `xml`, Swagger schemes;",
    "  - a specific status or media type beside its range, parameters of media types, `content` of parameters;",
    "  - HTTP paths and validation rules in protobuf options, types that another declaration shadows.",
)
"""One line a kind; lines that begin with two spaces belong to the one above."""

HEAD = (
    "source", "pairs", "misses", "safe called compatible", "agreement", "agreement beside the rule table's departures",
    "by set theory only*",
)  # fmt: skip


def page(results: Any, code: str, data: str) -> str:
    """The whole document."""
    return (
        "\n".join([*_head(code, data), *_numbers(results), *_disagreements(results), *_rules(results), *_rest(results)])
        + "\n"
    )


def _head(code: str, data: str) -> list[str]:
    return [
        "# The change classifier, measured",
        "",
        "What `versions/diff` says about pairs of interface descriptions whose verdict is known, and about real ones.",
        "Written by `python benchmarks/classifier.py DATA --write`; a test fails when the code is no longer the one",
        "that was measured.",
        "",
        f"code `{code}` · data `{data}`",
        "",
        "Verdicts: **breaking** and **review** wait for a person, **compatible** passes by itself. A label agrees with",
        "us where a labelled break or warning waits for a person, and where a labelled safe change passes by itself.",
        "The rule table departs from the peers in places (authentication, defaults, discriminators…); one column",
        "leaves those out, so that it shows what no decision made before measuring explains.",
        "",
    ]


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _by_table(tally: Any) -> str:
    """Agreement if disagreements that the rule table decided beforehand count as agreed."""
    agreed = tally.agreed + sum(1 for row in tally.disagreements if row[4].startswith("rule "))
    return f"{agreed} of {tally.total} ({_percent(agreed, tally.total)})"


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    names = list(head)
    lines = [f"| {' | '.join(names)} |", f"| {' | '.join('---' for _ in names)} |"]
    return [*lines, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows), ""]


def _numbers(results: Any) -> list[str]:
    tallies = results.labelled.values()
    misses = sum(tally.misses for tally in tallies)
    counted = sum(tally.total for tally in tallies)
    person = sum(count for tally in tallies for (_l, verdict), count in tally.cells.items() if verdict != "compatible")
    review = sum(count for tally in tallies for (_l, verdict), count in tally.cells.items() if verdict == "review")
    safe = sum(tally.safe[1] - tally.safe[0] for tally in tallies)
    every_safe = sum(tally.safe[1] for tally in tallies)
    rows = (
        (
            tally.name, tally.total, tally.misses, f"{tally.safe[0]} of {tally.safe[1]} ({_percent(*tally.safe)})",
            f"{tally.agreed} of {tally.total} ({_percent(tally.agreed, tally.total)})", _by_table(tally),
            ", ".join(f"{count} {verdict}" for verdict, count in tally.by_convention.items()) or "–",
        )
        for tally in tallies
    )  # fmt: skip
    return [
        "## The two numbers that matter",
        "",
        f"- **Misses: {misses}** labelled breaks called compatible, of {counted} labelled pairs.",
        f"- **Sent to a person: {_percent(person, counted)}** of the pairs ({_percent(review, counted)} as review),",
        f"  and {_percent(safe, every_safe)} of those labelled safe.",
        "",
        "## Labelled pairs",
        "",
        *_table(
            HEAD,
            rows,
        ),
        "\\* labelled breaking only because an open object got or lost an optional name, which by convention (rule 9)",
        "is not; shown, not counted.",
        "",
        *_table(("what waits for a person", "of all pairs", "of those labelled safe", "safe set cases passed"), BEFORE),
        "Set cases are those of jsonsubschema; the floor is 85%.",
        "",
        *_random(),
    ]


def _random() -> list[str]:
    return [
        "## Random pairs",
        "",
        "`python -m benchmarks.classifier_fuzz` draws pairs of schemas of five dialects, most of them one and a small",
        "edit of it, and values for both sides. A value that `jsonschema` accepts on the making side and refuses on",
        "the other, in a direction that was called compatible, got away. CI draws 2,000 other pairs for every commit.",
        "",
        *_table(("seeds", "pairs", "values tried", "seconds", "got away", "judged by"), FUZZED),
        "What got away on the way, and what was mended, by kind:",
        "",
        *(kind if kind.startswith("  ") else f"- {kind}" for kind in MENDED),
        "",
    ]


def _disagreements(results: Any) -> list[str]:
    lines = ["## Every disagreement, and its reason", ""]
    for tally in results.labelled.values():
        if tally.disagreements:
            lines += [f"### {tally.name} ({len(tally.disagreements)})", ""]
            lines += _table(("pair", "label", "ours", "finding", "reason"), tally.disagreements)
    return lines


def _rules(results: Any) -> list[str]:
    numbers: dict[int, list[DiffRule]] = {}
    for rule in table().values():
        numbers.setdefault(rule.number, []).append(rule)
    rows = (
        (
            number, ", ".join(f"`{rule.key}`" for rule in rules),
            _verdicts(rules, "request"), _verdicts(rules, "response"),
            results.rules[number, "labelled"], results.rules[number, "real"], results.rules[number, "edits"],
        )
        for number, rules in sorted(numbers.items())
    )  # fmt: skip
    head = ("rule", "findings", "to a sender", "to a reader", "labelled", "real", "model edits")
    return [
        "## Rule by rule",
        "",
        "How often each rule spoke; every one has tests of its own in tests/versions.",
        "",
        *_table(head, rows),
    ]


def _verdicts(rules: list[DiffRule], side: str) -> str:
    return " / ".join(dict.fromkeys(getattr(rule, side).value for rule in rules))


def _rest(results: Any) -> list[str]:
    real = (
        (
            name,
            sum(c[v] for v in ("breaking", "review", "compatible")),
            c["breaking"],
            c["review"],
            c["compatible"],
            c["adaptable"],
        )
        for name, c in results.real.items()
    )
    pairs = {(round(score, 2), old, new) for score, old, new in results.renames}
    shown = ", ".join(f"`{old}` → `{new}` ({score})" for score, old, new in sorted(pairs)[:6])
    edits = results.edits
    seconds, peak, count = results.large
    return [
        "## Real pairs",
        "",
        *_table(("source", "pairs judged", "breaking", "review", "compatible", "adaptable"), real),
        "No pair stopped the classifier; one that did would have stopped this page.",
        "",
        f"Model edits judged: {sum(edits[v] for v in ('breaking', 'review', 'compatible'))}"
        f" (breaking {edits['breaking']}, review {edits['review']}, compatible {edits['compatible']}); in"
        f" {edits['named']} of them every finding names its parameter or fact.",
        "",
        f"Renames: {len(pairs)} different pairs of names scored {SURE} or more on the real pairs, and each was read"
        f" and found right; the doubtful end: {shown}.",
        "",
        "## Cost",
        "",
        f"{results.speed:.0f} labelled pairs a second on one core (CPU time). A synthetic document of 2.8 MB whose"
        f" components all reach a changed one: {seconds:.1f} s of CPU, {peak:.0f} MB at most, {count} findings.",
        "",
        "## Policy knobs",
        "",
        *(f"- `{name}`: {english}" for name, (english, _chinese) in SENTENCES.items()),
    ]
