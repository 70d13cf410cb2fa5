"""Measures the change classifier on labelled and real pairs and writes docs/change-classifier.md.

    python benchmarks/classifier.py DATA [--write]

DATA is a folder with `spec-pairs/labelled`, `spec-pairs/real` and `model-specs` (JSON lines, gzip). Nothing of it is
copied: the document holds numbers, the names of cases that are judged otherwise than labelled, and a digest of code
and data.
"""

import argparse
import ast
import gzip
import hashlib
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.classifier_page import REASONS, page  # noqa: E402
from benchmarks.large_document import large  # noqa: E402
from versions.diff.classify import classify  # noqa: E402
from versions.diff.findings import DiffFinding, Report, Severity  # noqa: E402
from versions.diff.loading import load  # noqa: E402

PAGE = ROOT / "docs" / "change-classifier.md"
OURS = {"breaking": ("breaking", "review"), "warn": ("breaking", "review"), "non-breaking": ("compatible",)}


@dataclass(slots=True)
class Tally:
    """The outcome on one set of labelled pairs."""

    name: str
    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_convention: Counter[str] = field(default_factory=Counter)
    disagreements: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    witnessed: int = 0
    breaking: int = 0

    @property
    def total(self) -> int:
        """Pairs that count."""
        return sum(self.cells.values())

    @property
    def agreed(self) -> int:
        """Breaks and warnings that stop for a person, and safe changes that pass by themselves."""
        return sum(count for (label, verdict), count in self.cells.items() if verdict in OURS[label])

    @property
    def misses(self) -> int:
        """Labelled breaks that would have passed by themselves."""
        return self.cells["breaking", "compatible"]

    @property
    def safe(self) -> tuple[int, int]:
        """Safe pairs called compatible, and all safe pairs."""
        every = sum(count for (label, _), count in self.cells.items() if label == "non-breaking")
        return self.cells["non-breaking", "compatible"], every


@dataclass(slots=True)
class Results:
    """Everything that the page shows."""

    labelled: dict[str, Tally] = field(default_factory=dict)
    real: dict[str, Counter[str]] = field(default_factory=dict)
    rules: Counter[tuple[int, str]] = field(default_factory=Counter)
    renames: list[tuple[float, str, str]] = field(default_factory=list)
    edits: Counter[str] = field(default_factory=Counter)
    speed: float = 0.0
    large: tuple[float, float, int] = (0.0, 0.0, 0)


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The records of one file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def deciding(report: Report) -> DiffFinding | None:
    """The finding that made the verdict."""
    return report.findings[0] if report.findings else None


def measure_labelled(results: Results, folder: Path) -> None:
    """Judge every labelled pair."""
    seconds, count = 0.0, 0
    for path in sorted((folder / "spec-pairs" / "labelled").glob("*.jsonl.gz")):
        for row in rows(path):
            began = time.process_time()
            report = classify(row["old"], row["new"], row["kind"], row["direction"])
            seconds, count = seconds + time.process_time() - began, count + 1
            judge(results, row, report)
    results.speed = count / seconds


def judge(results: Results, row: dict[str, Any], report: Report) -> None:
    """Enter one labelled pair into its tally."""
    tally = results.labelled.setdefault(row["source"], Tally(row["source"]))
    label, verdict = row["expected"], report.verdict.value
    results.rules.update((finding.rule, "labelled") for finding in report.findings)
    serious = [finding for finding in report.findings if finding.severity is Severity.BREAKING]
    tally.breaking += len(serious)
    tally.witnessed += sum(1 for finding in serious if finding.witness)
    if row.get("convention_sensitive"):
        tally.by_convention[verdict] += 1
        return
    tally.cells[label, verdict] += 1
    if verdict not in OURS[label]:
        finding = deciding(report)
        key = finding.key if finding else "nothing"
        tally.disagreements.append((row["id"], label, verdict, key, REASONS.get(key, "not explained")))


def measure_real(results: Results, folder: Path) -> None:
    """Judge every real pair; nothing may stop the classifier."""
    for path in sorted((folder / "spec-pairs" / "real").glob("*.jsonl.gz")):
        counts = results.real.setdefault(path.name.removesuffix(".jsonl.gz"), Counter())
        for row in rows(path):
            report = classify(row["old"], row["new"], row["kind"], row.get("direction") or "both")
            counts[report.verdict.value] += 1
            counts["adaptable"] += report.adaptable
            results.rules.update((finding.rule, "real") for finding in report.findings)
            results.renames += [(f.score or 0.0, str(f.old), str(f.new)) for f in report.findings if f.key == "renamed"]


def measure_edits(results: Results, folder: Path) -> None:
    """Judge every edit of a model file."""
    for row in rows(folder / "model-specs" / "dify-changes.jsonl.gz"):
        report = classify(row["old"], row["new"], "dify")
        results.edits[report.verdict.value] += 1
        results.edits["named"] += all(finding.path for finding in report.findings) and bool(report.findings)
        results.rules.update((finding.rule, "edits") for finding in report.findings)


def measure_large(results: Results) -> None:
    """A document of 3 MB whose components all reach a changed one."""
    old, new = large()
    began = time.process_time()
    report = classify(json.dumps(old), json.dumps(new))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results.large = (time.process_time() - began, peak, len(report.findings))


def code_digest() -> str:
    """SHA-256 over what the classifier does: its statements, wherever they stand, and the rules."""
    folder = ROOT / "versions" / "diff"
    parts = {part for path in folder.rglob("*.py") for part in doing(path.read_text(encoding="utf-8"))}
    parts |= {json.dumps(load(path.read_text(encoding="utf-8")), sort_keys=True) for path in folder.rglob("*.yaml")}
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:16]


def doing(source: str) -> set[str]:
    """The syntax trees of a module's statements, without texts that stand alone, comments, layout, and imports."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _idle(line)] or [ast.Pass()]  # type: ignore[attr-defined]
    return {ast.dump(line) for line in tree.body}


def _idle(line: ast.AST) -> bool:
    if isinstance(line, ast.Import | ast.ImportFrom):
        return True
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


def data_digest(folder: Path) -> str:
    """SHA-256 over the data files that were measured."""
    found = hashlib.sha256()
    for path in sorted([*(folder / "spec-pairs").rglob("*.gz"), *(folder / "model-specs").rglob("*.gz")]):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:16]


def measured(folder: Path) -> Results:
    """All measurements."""
    results = Results()
    measure_large(results)
    measure_labelled(results, folder)
    measure_real(results, folder)
    measure_edits(results, folder)
    return results


def main() -> None:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with spec-pairs and model-specs")
    parser.add_argument("--write", action="store_true", help="write docs/change-classifier.md")
    options = parser.parse_args()
    text = page(measured(options.data), code_digest(), data_digest(options.data))
    print(text)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
