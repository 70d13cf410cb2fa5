"""A fact about files that a person should know: which rule, how bad, which file, and a sentence."""

from dataclasses import dataclass
from typing import Any

from controlplane.base.messages import Sentence
from versions.diff.findings import fingerprint

COMPATIBLE, REVIEW, BREAKING = "compatible", "review", "breaking"


@dataclass(frozen=True, slots=True)
class FileFinding:
    """One fact. `severity` is a verdict: compatible, review or breaking."""

    rule: str
    severity: str
    path: str
    sentence: Sentence

    def stored(self) -> dict[str, Any]:
        """As JSON that may hold sentences, in the shape of a report's findings."""
        return {
            "key": self.rule, "severity": self.severity, "path": self.path, "message": self.sentence,
            "fingerprint": fingerprint("file", self.rule, self.path, str(self.sentence)),
        }  # fmt: skip
