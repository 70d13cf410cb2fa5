"""An update as a reviewer reads it: what changes, in words that need no JSON Schema, worst first."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, ngettext

from controlplane.base.messages import Sentence, in_both
from controlplane.base.web.telling import told
from versions.models import Update

_TYPES = ("integer", "int", "number", "float", "string", "boolean", "bool", "array", "object")
_LONGEST = 160
_MOST_OPTIONS = 12
MOST_CALLERS = 100
_ORDER = {"breaking": 0, "review": 1, "compatible": 2}


@dataclass(frozen=True)
class ChangeRow:
    """One finding. `old` and `new` are the two sides in words; `witness` is a value that one side refuses."""

    fingerprint: str
    severity: str
    path: str
    sentence: str
    old: str
    new: str
    rule: str
    witness: str
    adaptation: str
    serious: bool


def rows(update: Update) -> list[ChangeRow]:
    """The findings of an update's report, worst first."""
    findings: Iterable[Mapping[str, Any]] = update.report.get("findings", ())
    old = update.base.spec if update.base else {}
    found = [_row(finding, old, update.proposed) for finding in findings]
    return sorted(found, key=lambda row: _ORDER.get(row.severity, 3))


def headline(update: Update) -> str:
    """The worst finding in a sentence, or why there is nothing to read."""
    if update.reason and update.state == "unreadable":
        return told(update.reason)
    found = rows(update)
    if not found:
        return gettext("Nothing that callers see changes; the files behind the model do.")
    more = len(found) - 1
    also = ngettext("%(n)d more finding", "%(n)d more findings", more) % {"n": more}
    return f"{found[0].sentence} ({also})" if more else found[0].sentence


def noticing(update: Update) -> str:
    """How many callers would notice and how often they called, in a sentence."""
    callers = int(update.impact.get("callers", 0) or 0)
    if not update.impact:
        return gettext("Who calls it has not been counted yet.")
    if not update.callers_hurt:
        return gettext("None of its %(callers)d callers of the last 7 days would notice.") % {"callers": callers}
    words = ngettext(
        "%(hurt)d of %(callers)d callers would notice; %(calls)s calls in 7 days.",
        "%(hurt)d of %(callers)d callers would notice; %(calls)s calls in 7 days.",
        update.callers_hurt,
    )
    return words % {"hurt": update.callers_hurt, "callers": callers, "calls": f"{update.calls_hurt:,}"}


def hurt(update: Update) -> dict[str, Any]:
    """The callers that would notice, the busiest first, with the parameters because of which, and how many more."""
    findings = update.report.get("findings", ())
    paths = {str(item.get("fingerprint")): str(item.get("path") or item.get("use") or "") for item in findings}
    listed = update.impact.get("hurt", ())
    shown = [
        {**row, "paths": sorted({paths.get(finding, "") for finding in row.get("findings", ())} - {""})}
        for row in listed[:MOST_CALLERS]
    ]
    more = len(listed) - len(shown) + int(update.impact.get("left_off", 0))
    return {"rows": shown, "more": more}


def in_words(value: Any) -> str:
    """A side of a change for a person: a parameter's type, range, options and default, or the value itself."""
    if isinstance(value, Mapping) and str(value.get("type", "")).lower() in _TYPES:
        return ", ".join(_described(value))
    if isinstance(value, Mapping):
        return _cut(", ".join(f"{name}: {_plain(item)}" for name, item in value.items()))
    if isinstance(value, list):
        return _cut(", ".join(_plain(item) for item in value))
    return _cut(_plain(value))


def at(document: Any, pointer: str) -> Any:
    """The part of a document at a JSON pointer; None if there is none."""
    for part in pointer.split("/")[1:] if pointer else ():
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping) and name in document:
            document = document[name]
        elif isinstance(document, list) and name.isdecimal() and int(name) < len(document):
            document = document[int(name)]
        else:
            return None
    return document


def steps_in_words(plan: Iterable[Mapping[str, Any]]) -> list[str]:
    """An adaptation plan, a sentence for each step."""
    return [_step(step) for step in plan]


def _row(finding: Mapping[str, Any], old: Any, new: Any) -> ChangeRow:
    sides = [
        in_words(found) if (found := at(document, str(finding.get(name) or ""))) is not None else "–"
        for document, name in ((old, "old_pointer"), (new, "new_pointer"))
    ]
    if not finding.get("old_pointer") and not finding.get("new_pointer"):
        sides = ["–", "–"]
    witness = finding.get("witness") or {}
    step = finding.get("adaptation")
    severity = str(finding.get("severity", "review"))
    return ChangeRow(
        fingerprint=str(finding.get("fingerprint", "")),
        severity=severity,
        path=str(finding.get("path") or finding.get("use") or ""),
        sentence=sentence_of(finding),
        old=sides[0],
        new=sides[1],
        rule=str(finding.get("key", "")).replace("-", " "),
        witness=_witnessed(witness["value"]) if "value" in witness else "",
        adaptation=_step(step) if step else "",
        serious=severity != "compatible",
    )


def sentence_of(finding: Mapping[str, Any]) -> str:
    """What a finding says, in the reader's language."""
    words = finding.get("message", "")
    if isinstance(words, Mapping):
        return told(in_both(str(words.get("en", "")), str(words.get("zh") or words.get("en", ""))))
    return told(words)


def _described(schema: Mapping[str, Any]) -> list[str]:
    kind = str(schema["type"]).lower()
    words = {
        "integer": gettext("whole number"), "int": gettext("whole number"),
        "number": gettext("number"), "float": gettext("number"),
        "string": gettext("text"), "boolean": gettext("yes or no"), "bool": gettext("yes or no"),
        "array": gettext("list"), "object": gettext("object"),
    }  # fmt: skip
    found = [words[kind]]
    limits = schema.get("range") or (schema.get("minimum"), schema.get("maximum"))
    if isinstance(limits, Sequence) and len(limits) == 2 and any(limit is not None for limit in limits):
        low, high = (
            "…" if limit is None else f"{limit:g}" if isinstance(limit, float) else str(limit) for limit in limits
        )
        found.append(gettext("%(low)s to %(high)s") % {"low": low, "high": high})
    options = schema.get("options") or schema.get("enum")
    if options:
        shown = ", ".join(_plain(option) for option in options[:_MOST_OPTIONS])
        found.append(gettext("one of %(options)s") % {"options": shown + ("…" if len(options) > _MOST_OPTIONS else "")})
    if "default" in schema:
        found.append(gettext("default %(value)s") % {"value": _plain(schema["default"])})
    if schema.get("required") is True:
        found.append(gettext("required"))
    if schema.get("outside") == "clamp":
        found.append(gettext("values outside are moved to the limit"))
    return found


def _step(step: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in step.get("path", ()))
    given = {name: _plain(value) for name, value in step.items() if name not in ("do", "path")}
    words: dict[str, str] = {
        "rename": gettext("send %(path)s as %(to)s"),
        "inject": gettext("add %(path)s = %(value)s if it is missing"),
        "pin": gettext("keep the old default %(path)s = %(value)s"),
        "drop": gettext("leave %(path)s out"),
        "drop_null": gettext("leave %(path)s out if it is null"),
        "map": gettext("translate the values of %(path)s"),
        "wrap": gettext("send %(path)s as a list of one"),
        "unwrap": gettext("send the only item of %(path)s"),
        "clamp": gettext("keep %(path)s from %(low)s to %(high)s"),
    }
    text = words.get(str(step.get("do")), str(step.get("do", "")))
    return text % {"path": path, "to": "", "value": "", "low": "…", "high": "…", **given}


def _witnessed(value: Any) -> str:
    """A witness: a body of parameters as `name = value`, anything else as JSON."""
    if isinstance(value, Mapping):
        return _cut(", ".join(f"{name} = {json.dumps(item, ensure_ascii=False)}" for name, item in value.items()))
    return _cut(json.dumps(value, ensure_ascii=False))


def _plain(value: Any) -> str:
    if isinstance(value, Sentence):
        return told(value)
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if value is None:
        return gettext("none")
    if isinstance(value, float):
        return f"{value:g}"
    return _cut(value if isinstance(value, str) else str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
