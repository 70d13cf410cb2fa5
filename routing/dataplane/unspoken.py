"""What a call's record may hold: what happened, never what was said.

Names of fields and numbers stay. Free text, which may be part of a prompt, is kept as its kind and length alone. So an
upstream's own words are not kept, nor ours about a request's values: whoever called was told them.
"""

from collections.abc import Iterable
from typing import Any

from registry.canon import Adaptation, Failure, FailureKind

NAME_CHARS = 64
_ABOUT_VALUES = frozenset({FailureKind.INVALID_REQUEST, FailureKind.UNSUPPORTED})


def unspoken(adapted: Iterable[Adaptation]) -> tuple[Adaptation, ...]:
    """The adaptations without text that a caller wrote. What was renamed tells names alone, which stay."""
    return tuple(map(_without_text, adapted))


def _without_text(one: Adaptation) -> Adaptation:
    name = one.parameter[:NAME_CHARS]
    if one.action == "renamed" and isinstance(one.given, str) and isinstance(one.sent, str):
        return Adaptation(name, one.action, one.given[:NAME_CHARS], one.sent[:NAME_CHARS])
    return Adaptation(name, one.action, kind_of(one.given), kind_of(one.sent))


def kind_of(value: Any) -> Any:
    """A number, a truth value or nothing as it is; of anything else its kind and length."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    if isinstance(value, dict):
        return f"object of {len(value)} fields"
    if isinstance(value, list | tuple):
        return f"list of {len(value)} items"
    return type(value).__name__


def words_kept(failure: Failure) -> str:
    """What a record says of a failure."""
    about = f" ({failure.code})" if failure.code else ""
    if failure.kind in _ABOUT_VALUES:
        where = f"{failure.parameter[:NAME_CHARS]} was" if failure.parameter else "the request was"
        return f"{where} refused: {failure.kind.value}{about}"
    if failure.upstream_words or failure.upstream_status is not None:
        status = f", status {failure.upstream_status}" if failure.upstream_status is not None else ""
        size = len(failure.upstream_words)
        what = f"{failure.kind.value}{about}{status}"
        return f"{failure.message.partition(': ')[0]}: {what}; its {size} characters of words were passed on, not kept"
    return failure.message
