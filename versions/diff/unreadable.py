"""Parts of a document that could not be read, and the findings for a person that they become."""

from dataclasses import dataclass
from typing import Any

from versions.diff.findings import DiffFinding, Direction
from versions.diff.rules import fact
from versions.diff.values import key_of


@dataclass(frozen=True, slots=True)
class Issue:
    """A part that could not be read: where, and what was found there."""

    pointer: str
    text: str
    raw: Any


def issue_findings(old: list[Issue], new: list[Issue], direction: Direction, use: str) -> list[DiffFinding]:
    """One finding an unreadable part; a part that was there before in the same words is a notice."""
    before = {_whole(issue) for issue in old}
    after = {_whole(issue) for issue in new}
    result, told = [], set[Any]()
    for issue in [*new, *(issue for issue in old if _whole(issue) not in after)]:
        if _whole(issue) in told:
            continue
        told.add(_whole(issue))
        key = "unreadable-unchanged" if _whole(issue) in before and _whole(issue) in after else "unreadable"
        result.append(fact(key, direction, use, issue.pointer, (None, issue.text), (issue.pointer, issue.pointer)))
    return result


def _whole(issue: Issue) -> Any:
    """What makes two issues one: the sentence cuts long values short, so the value itself counts too."""
    return issue.text, key_of(issue.raw)
