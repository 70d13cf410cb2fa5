"""What was changed on the way of a call, told in the reader's words: a sentence for each change, and its parts."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, ngettext

from controlplane.base.web import words
from controlplane.base.web.telling import told


@dataclass(frozen=True)
class Told:
    """One change in words. `given` and `sent` are as a reader writes them, empty if there was nothing."""

    sentence: str
    parameter: str = ""
    given: str = ""
    rule: str = ""
    sent: str = ""


def count(adapted: object) -> int:
    """How many parameters of a record's `adapted` did not travel as given, those that it only counts included."""
    return sum(_more(change) or 1 for change in _changes(adapted))


def tell(adapted: object) -> list[Told]:
    """Every change of a record's `adapted`, in the active language."""
    return [_told(change) for change in _changes(adapted)]


def _changes(adapted: object) -> Sequence[dict[str, Any]]:
    return [change for change in adapted if isinstance(change, dict)] if isinstance(adapted, list) else []


def _more(change: dict[str, Any]) -> int:
    sent = change.get("sent")
    return sent if change.get("action") == "more" and isinstance(sent, int) else 0


def _told(change: dict[str, Any]) -> Told:
    if change.get("action") == "more":
        return Told(ngettext("and %(n)d more", "and %(n)d more", _more(change)) % {"n": _more(change)})
    name, action = str(change.get("parameter", "")), str(change.get("action", ""))
    given, sent = change.get("given"), change.get("sent")
    reason = REASONS[action](given, sent) if action in REASONS else words.word("adaptation", action)
    rule = words.word("adaptation", action)
    parts = {"name": name, "given": _shown(given), "sent": _shown(sent), "reason": reason}
    return Told(_form(action, given, sent) % parts, name, parts["given"], rule, parts["sent"])


def _form(action: str, given: Any, sent: Any) -> str:
    """The sentence's form: what became of the parameter, then why."""
    if action == "renamed":
        return gettext("%(given)s was sent as %(sent)s: %(reason)s")
    if given is not None and sent is not None:
        return gettext("%(name)s %(given)s → %(sent)s: %(reason)s")
    if sent is not None:
        return gettext("%(name)s was set to %(sent)s: %(reason)s")
    if action == "dropped":
        return gettext("%(name)s was left out: %(reason)s")
    return gettext("%(name)s was not sent: %(reason)s")


def _clamped(given: Any, sent: Any) -> str:
    if given is None:
        return gettext("clamped, another parameter asks for it")
    if _number(given) and _number(sent):
        return gettext("clamped, the upstream allows less") if sent < given else gettext("clamped, it asks for more")
    return gettext("clamped, the upstream takes other values")


def _dropped(given: Any, sent: Any) -> str:
    if sent is not None:
        return gettext("the upstream takes no more")
    return gettext("the upstream has no such parameter, or not in this call")


def _defaulted(given: Any, sent: Any) -> str:
    if given is None:
        return gettext("the call gave none, so the default was sent")
    return (
        gettext("the upstream's own default holds")
        if sent is None
        else gettext("the upstream wants a value of its own")
    )


def _mapped(given: Any, sent: Any) -> str:
    if sent is None:
        return gettext("the upstream is told the same in another way")
    return gettext("mapped, the upstream's word for the same")


REASONS: dict[str, Callable[[Any, Any], str]] = {
    "renamed": lambda given, sent: gettext("the upstream has another name for it"),
    "converted": lambda given, sent: gettext("converted, the upstream's range is another"),
    "clamped": _clamped,
    "dropped": _dropped,
    "defaulted": _defaulted,
    "mapped": _mapped,
}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return told(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
