"""What a comparison says: severities, findings, and the report of one comparison."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from versions.diff.values import short


class Severity(StrEnum):
    """What a finding means for a caller; the worst one is the verdict of a report."""

    BREAKING = "breaking"
    REVIEW = "review"
    COMPATIBLE = "compatible"


WORST_FIRST = (Severity.BREAKING, Severity.REVIEW, Severity.COMPATIBLE)


class Direction(StrEnum):
    """Who reads the value: the server (what a caller sends) or the caller."""

    REQUEST = "request"
    RESPONSE = "response"


class Effect(StrEnum):
    """How the set of allowed values moved; FACT if the difference is not one of sets."""

    NARROWER = "narrower"
    WIDER = "wider"
    DIFFERENT = "different"
    UNKNOWN = "unknown"
    FACT = "fact"


@dataclass(frozen=True, slots=True)
class Witness:
    """A value that one side accepts and the other refuses, as `jsonschema` itself said.

    `whole` is true if the value is a whole body or parameter, false if it is the part at the finding's pointers.
    """

    value: Any
    accepted_by: str
    refused_by: str
    whole: bool


@dataclass(frozen=True, slots=True)
class AdaptationStep:
    """One step of an adaptation plan; `path` leads from the body, `*` means every item of an array.

    `do`: rename(to), inject(value), pin(value), clamp(low, high, multiple), drop, map(pairs), wrap, unwrap.
    """

    do: str
    path: tuple[str, ...]
    arguments: tuple[tuple[str, Any], ...] = ()

    def data(self) -> dict[str, Any]:
        """The step as JSON."""
        return {"do": self.do, "path": list(self.path), **dict(self.arguments)}


@dataclass(frozen=True, slots=True)
class DiffFinding:
    """One difference. `fingerprint` is the same for the same difference in a later revision of either document."""

    rule: int
    key: str
    severity: Severity
    effect: Effect
    direction: Direction
    use: str
    path: str
    old_pointer: str
    new_pointer: str
    en: str
    zh: str
    fingerprint: str
    notice: bool = False
    old: Any = None
    new: Any = None
    keyword: str = ""
    witness: Witness | None = None
    step: AdaptationStep | None = None
    adapted: bool = False
    score: float | None = None
    also: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """The finding as JSON."""
        record: dict[str, Any] = {
            "rule": self.rule, "key": self.key, "severity": self.severity.value, "direction": self.direction.value,
            "use": self.use, "path": self.path, "old_pointer": self.old_pointer, "new_pointer": self.new_pointer,
            "message": {"en": self.en, "zh": self.zh}, "fingerprint": self.fingerprint, "witness": None,
        }  # fmt: skip
        if self.witness:
            record["witness"] = {
                "value": _shortened(self.witness.value), "accepted_by": self.witness.accepted_by,
                "refused_by": self.witness.refused_by, "whole": self.witness.whole,
            }  # fmt: skip
        if self.notice:
            record["notice"] = True
        if self.step:
            record["adaptation"] = self.step.data()
        if self.score is not None:
            record["score"] = round(self.score, 3)
        if self.also:
            record["also_used_by"] = list(self.also)
        return record


@dataclass(frozen=True, slots=True)
class Report:
    """All findings of one comparison, worst first."""

    findings: tuple[DiffFinding, ...] = ()
    plan: tuple[AdaptationStep, ...] = ()
    adaptable: bool = False

    @property
    def verdict(self) -> Severity:
        """The worst severity among the findings."""
        present = {finding.severity for finding in self.findings}
        return next((severity for severity in WORST_FIRST if severity in present), Severity.COMPATIBLE)

    def data(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "verdict": self.verdict.value,
            "findings": [finding.data() for finding in self.findings],
            "adaptable": self.adaptable,
            "plan": [step.data() for step in self.plan],
        }


def ordered(findings: Iterable[DiffFinding]) -> tuple[DiffFinding, ...]:
    """Worst first, otherwise as found."""
    return tuple(sorted(findings, key=lambda finding: WORST_FIRST.index(finding.severity)))


def fingerprint(*parts: Any) -> str:
    """16 hex digits of SHA-256 over the parts."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _shortened(value: Any) -> Any:
    """The witness as it is sent: very long texts are cut and say so."""
    if isinstance(value, str):
        return value if len(value) <= 500 else f"{short(value, 40)} ({len(value)} characters)"
    if isinstance(value, list):
        return [_shortened(item) for item in value[:50]] + ([f"… {len(value)} items"] if len(value) > 50 else [])
    if isinstance(value, dict):
        return {name: _shortened(item) for name, item in value.items()}
    return value
