"""`manage.py diff_spec OLD NEW`: what changed between two descriptions, for a person."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.management.color import supports_color

from versions.diff.classify import KINDS, UnknownKind, classify
from versions.diff.findings import DiffFinding, Report, Severity

COLOURS = {Severity.BREAKING: "\033[31;1m", Severity.REVIEW: "\033[33;1m", Severity.COMPATIBLE: "\033[32m"}
WORDS = {
    "en": {
        "breaking": "breaking", "review": "review", "compatible": "compatible", "try": "try", "fix": "fix",
        "accepted": "accepted by", "none": "no difference that a caller can see",
    },
    "zh-hans": {
        "breaking": "破坏性", "review": "需审核", "compatible": "兼容", "try": "验证值", "fix": "适配",
        "accepted": "接受方", "none": "没有调用方能察觉的差异",
    },
}  # fmt: skip
RESET = "\033[0m"


class Command(BaseCommand):
    """Worst first, with the witness and the proposed adaptation. Exit status 0: compatible; 1: review; 2: breaking."""

    help = "Compare two descriptions of a model's interface and say whom the difference breaks."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("old", help="file with the old description")
        parser.add_argument("new", help="file with the new description")
        parser.add_argument("--kind", default="", choices=["", *KINDS], help="recognised when not given")
        parser.add_argument(
            "--direction", default="both", choices=["request", "response", "both"], help="for bare JSON Schemas"
        )
        parser.add_argument("--language", default="en", choices=list(WORDS))
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        parser.add_argument("--all", action="store_true", help="also show compatible findings")

    def handle(self, *args: Any, **options: Any) -> None:
        texts = [_read(options["old"]), _read(options["new"])]
        kind = options["kind"] or ("proto" if options["new"].endswith(".proto") else "")
        try:
            report = classify(texts[0], texts[1], kind, options["direction"])
        except UnknownKind as error:
            raise CommandError(f"{error}; say which with --kind") from error
        if options["json"]:
            self.stdout.write(json.dumps(report.data(), ensure_ascii=False, indent=2))
        else:
            coloured = supports_color() and not options["no_color"]
            for line in lines(report, options["language"], coloured, options["all"]):
                self.stdout.write(line)
        status = {Severity.COMPATIBLE: 0, Severity.REVIEW: 1, Severity.BREAKING: 2}[report.verdict]
        if status:
            raise SystemExit(status)


def _read(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise CommandError(f"cannot read {name}: {error.strerror}") from error


def lines(report: Report, language: str, coloured: bool, everything: bool) -> list[str]:
    """The report as lines of text."""
    words = WORDS[language]
    counts = {severity: sum(1 for f in report.findings if f.severity is severity) for severity in Severity}
    head = ", ".join(f"{count} {words[severity.value]}" for severity, count in counts.items() if count) or words["none"]
    result = [_painted(words[report.verdict.value].upper(), report.verdict, coloured) + f"  ({head})"]
    for finding in report.findings:
        if everything or finding.severity is not Severity.COMPATIBLE or finding.notice:
            result += _finding(finding, language, coloured)
    return result


def _painted(text: str, severity: Severity, coloured: bool) -> str:
    return f"{COLOURS[severity]}{text}{RESET}" if coloured else text


def _finding(finding: DiffFinding, language: str, coloured: bool) -> list[str]:
    words = WORDS[language]
    label = _painted(f"{words[finding.severity.value]:<10}", finding.severity, coloured)
    message = finding.zh if language == "zh-hans" else finding.en
    use = f"  [{finding.use}]" if finding.use and finding.use not in message else ""
    result = [
        f"{label} {finding.rule:>2} {message}{use}",
        f"{'':14}{finding.old_pointer or '—'} → {finding.new_pointer or '—'}",
    ]
    data = finding.data()
    if data["witness"]:
        value = json.dumps(data["witness"]["value"], ensure_ascii=False)
        result.append(f"{'':14}{words['try']}: {value}  ({words['accepted']} {data['witness']['accepted_by']})")
    if "adaptation" in data:
        result.append(f"{'':14}{words['fix']}: {json.dumps(data['adaptation'], ensure_ascii=False)}")
    return result
