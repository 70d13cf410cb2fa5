"""Parts that could not be read become findings for a person."""

from typing import Any

from versions.diff.findings import Direction, Effect, Finding, fingerprint
from versions.diff.rules import table
from versions.diff.schema.dialect import Issue
from versions.diff.values import key_of


def issue_findings(old: list[Issue], new: list[Issue], direction: Direction, use: str) -> list[Finding]:
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


def fact(
    key: str, direction: Direction, use: str, name: str, change: tuple[Any, Any], pointers: tuple[str, str] = ("", "")
) -> Finding:
    """A finding that no schema place stands behind; `change` is what was and what is."""
    old, new = change
    rule = table()[key]
    en, zh = rule.words(name=name, old=_word(old), new=_word(new))
    mark = fingerprint(key, direction.value, use, name, _word(old), _word(new))
    return Finding(
        rule=rule.number, key=key, severity=rule.severity(direction), effect=Effect(rule.effect), direction=direction,
        use=use, path=name, old_pointer=pointers[0], new_pointer=pointers[1], en=en, zh=zh,
        fingerprint=mark, notice=rule.notice,        old=old, new=new,
    )  # fmt: skip


def _word(value: Any) -> str:
    text = "—" if value is None else value if isinstance(value, str) else repr(value)
    return text if len(text) <= 120 else text[:119] + "…"
