"""Fills the template of docs/change-classifier.md with what was measured."""

from pathlib import Path
from typing import Any

import yaml

from benchmarks.markdown import render, table
from versions.diff.policy import SENTENCES
from versions.diff.renames import SURE
from versions.diff.rules import DiffRule
from versions.diff.rules import table as rule_table

REASONS: dict[str, str] = yaml.safe_load(Path(__file__).with_name("templates").joinpath("reasons.yaml").read_text())
"""Why a finding stands against a label, by the finding's key."""
VERDICTS = ("breaking", "review", "compatible")


def page(results: Any, code: str, data: str) -> str:
    """The whole document."""
    facts = {"code": code, "data": data, "rules": _rules(results), "disagreements": _disagreements(results)}
    knobs = "\n".join(f"- `{name}`: {english}" for name, (english, _chinese) in SENTENCES.items())
    facts |= {"knobs": knobs, **_labelled(results), **_real(results), **_cost(results)}
    return render("change-classifier.md", facts)


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({_percent(part, whole)})"


def _by_table(tally: Any) -> str:
    """Agreement if disagreements that the rule table decided beforehand count as agreed."""
    return _share(tally.agreed + sum(row[4].startswith("rule ") for row in tally.disagreements), tally.total)


def _labelled(results: Any) -> dict[str, Any]:
    """The two numbers that matter, and a row for each source of labelled pairs."""
    tallies = results.labelled.values()
    counted = sum(tally.total for tally in tallies)
    by_verdict = {
        verdict: sum(count for tally in tallies for (_label, ours), count in tally.cells.items() if ours == verdict)
        for verdict in VERDICTS
    }
    stopped, safe = (
        sum(numbers) for numbers in zip(*((t.safe[1] - t.safe[0], t.safe[1]) for t in tallies), strict=True)
    )
    rows = (
        (
            tally.name, tally.total, tally.misses, _share(*tally.safe), _share(tally.agreed, tally.total),
            _by_table(tally), ", ".join(f"{n} {verdict}" for verdict, n in tally.by_convention.items()) or "–",
        )
        for tally in tallies
    )  # fmt: skip
    head = (
        "source", "pairs", "misses", "safe called compatible", "agreement",
        "agreement beside the rule table's departures", "by set theory only*",
    )  # fmt: skip
    return {
        "misses": sum(tally.misses for tally in tallies),
        "labelled": counted,
        "person": _percent(by_verdict["breaking"] + by_verdict["review"], counted),
        "review": _percent(by_verdict["review"], counted),
        "safe": _percent(stopped, safe),
        "sources": table(head, rows),
    }


def _disagreements(results: Any) -> str:
    head = ("pair", "label", "ours", "finding", "reason")
    parts = (
        f"### {tally.name} ({len(tally.disagreements)})\n\n{table(head, tally.disagreements)}\n"
        for tally in results.labelled.values()
        if tally.disagreements
    )
    return "\n".join(parts)


def _rules(results: Any) -> str:
    """How often each rule spoke."""
    numbers: dict[int, list[DiffRule]] = {}
    for rule in rule_table().values():
        numbers.setdefault(rule.number, []).append(rule)
    rows = (
        (
            number, ", ".join(f"`{rule.key}`" for rule in rules),
            _verdicts(rules, "request"), _verdicts(rules, "response"),
            results.rules[number, "labelled"], results.rules[number, "real"], results.rules[number, "edits"],
        )
        for number, rules in sorted(numbers.items())
    )  # fmt: skip
    return table(("rule", "findings", "to a sender", "to a reader", "labelled", "real", "model edits"), rows)


def _verdicts(rules: list[DiffRule], side: str) -> str:
    return " / ".join(dict.fromkeys(getattr(rule, side).value for rule in rules))


def _real(results: Any) -> dict[str, Any]:
    """Verdicts on real pairs and on edits of model files, and the renames among them."""
    rows = (
        (name, sum(counts[verdict] for verdict in VERDICTS), *(counts[word] for word in (*VERDICTS, "adaptable")))
        for name, counts in results.real.items()
    )
    pairs = {(round(score, 2), old, new) for score, old, new in results.renames}
    edits = results.edits
    return {
        "real": table(("source", "pairs judged", *VERDICTS, "adaptable"), rows),
        "edits": sum(edits[verdict] for verdict in VERDICTS),
        **{f"edits_{word}": edits[word] for word in (*VERDICTS, "named")},
        "renames": len(pairs),
        "sure": str(SURE),
        "doubtful": ", ".join(f"`{old}` → `{new}` ({score})" for score, old, new in sorted(pairs)[:6]),
    }


def _cost(results: Any) -> dict[str, Any]:
    seconds, peak, count = results.large
    return {"speed": f"{results.speed:.0f}", "seconds": f"{seconds:.1f}", "peak": f"{peak:.0f}", "findings": count}
