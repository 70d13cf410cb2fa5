"""What a call's record may hold: what happened, never what was said.

Names of fields and numbers stay. Free text, which may be part of a prompt, is kept as its kind and length alone. So an
upstream's own words are not kept, nor ours about a request's values: whoever called was told them.
"""

from collections.abc import Iterable
from typing import Any

from msgspec.json import encode

from controlplane.base.messages import Sentence, counting
from registry.canon import Adaptation, Failure, FailureKind
from registry.reasons import model_in

NAME_CHARS = 64
KEPT_BYTES = 4096
FRAME = len(encode(Adaptation("", "", "", "")))
"""What the JSON of an adaptation has around its values."""
MORE = "more"
TEXT = counting(Sentence("text of {count} characters"))
OBJECT = counting(Sentence("object of {count} fields"))
LIST = counting(Sentence("list of {count} items"))
_ABOUT_VALUES = frozenset({FailureKind.INVALID_REQUEST, FailureKind.UNSUPPORTED})


def unspoken(adapted: Iterable[Adaptation]) -> tuple[Adaptation, ...]:
    """The adaptations without text that a caller wrote, 4 KB of them at the most; the last one counts those left out.

    What was renamed tells names alone, which stay.
    """
    kept: list[Adaptation] = []
    more, room = 0, KEPT_BYTES - FRAME
    for one in map(_without_text, adapted):
        room -= len(encode((one.parameter, one.action, str(one.given), str(one.sent)))) + FRAME
        if one.action == MORE:
            more += int(one.sent)
        elif room < 0:
            more += 1
        else:
            kept.append(one)
    return (*kept, Adaptation("", MORE, None, more)) if more else tuple(kept)


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
        return TEXT(len(value))
    if isinstance(value, dict):
        return OBJECT(len(value))
    if isinstance(value, list | tuple):
        return LIST(len(value))
    return type(value).__name__


def words_kept(failure: Failure) -> str:
    """What a record says of a failure."""
    kind = f"{failure.kind.value} ({failure.code})" if failure.code else failure.kind.value
    if failure.kind in _ABOUT_VALUES:
        if failure.parameter:
            return Sentence("{parameter} was refused: {kind}", parameter=failure.parameter[:NAME_CHARS], kind=kind)
        return Sentence("the request was refused: {kind}", kind=kind)
    if failure.upstream_words or failure.upstream_status is not None:
        what: str = kind
        if failure.upstream_status is not None:
            what = Sentence("{kind}, status {status}", kind=kind, status=failure.upstream_status)
        return Sentence(
            "{model}: {what}; its {count} characters of words were passed on, not kept",
            model=model_in(failure.message) or str(failure.message).partition(": ")[0],
            what=what,
            count=len(failure.upstream_words),
        )
    return failure.message
