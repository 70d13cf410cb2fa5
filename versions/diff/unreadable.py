"""Parts that could not be read become findings for a person."""

from typing import Any

from versions.diff.findings import Direction, Effect, Finding, fingerprint
from versions.diff.rules import table
from versions.diff.schema.dialect import Issue


def issue_findings(old: list[Issue], new: list[Issue], direction: Direction, use: str) -> list[Finding]:
    """One finding an unreadable part; a part that was there before in the same words is a notice."""
    before = {issue.text for issue in old}
    after = {issue.text for issue in new}
    result, told = [], set[str]()
    for issue in [*new, *(issue for issue in old if issue.text not in after)]:
        if issue.text in told:
            continue
        told.add(issue.text)
        key = "unreadable-unchanged" if issue.text in before and issue.text in after else "unreadable"
        result.append(fact(key, direction, use, issue.pointer, (None, issue.text), (issue.pointer, issue.pointer)))
    return result


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
