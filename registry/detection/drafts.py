"""Spec documents in the making: what detection suggested, with what a person changed in the form."""

import json
import math
from collections.abc import Collection, Mapping
from typing import Any

from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid

MOST = 200
FEW = 8
_LONGEST = 512 * 1024


def documents(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The documents of the ticked rows, in order, edits applied. Raises Invalid if the form makes no sense."""
    suggested = _suggested(given.get("draft", ""))
    picked = [index for index in range(len(suggested)) if given.get(f"m{index}-pick")]
    if not picked:
        raise Invalid("nothing_picked", Sentence("no model is ticked; tick at least one"))
    return [_edited(suggested[index], f"m{index}-", given) for index in picked]


def blank(endpoint: str, protocol: str) -> dict[str, Any]:
    """A document for an address that did not say what it serves."""
    return {"name": "", "type": "llm", "protocol": protocol, "endpoint": endpoint}


def rows(
    suggested: list[dict[str, Any]], origins: list[dict[str, str]], here: Collection[str] = ()
) -> list[dict[str, Any]]:
    """What the form shows of each document: its fields, and each parameter with its origin.

    Names in `here` exist already: their rows are not ticked. Of the others all are if they are few, else the first.
    """
    found = []
    new = [str(document["name"]) for document in suggested if document["name"] not in here]
    ticked = set(new if len(new) <= FEW else new[:1])
    for index, document in enumerate(suggested[:MOST]):
        origin = origins[index] if index < len(origins) else {}
        parameters = [
            _parameter_row(name, facts, origin.get(name, "assumed"))
            for name, facts in document.get("params", {}).items()
        ]
        found.append(
            {
                "prefix": f"m{index}-",
                "document": document,
                "parameters": parameters,
                "type_origin": origin.get("type", "assumed"),
                "here": document["name"] in here,
                "ticked": document["name"] in ticked,
            }
        )
    return found


def _parameter_row(name: str, facts: Mapping[str, Any], origin: str) -> dict[str, Any]:
    low, high = facts.get("range") or (None, None)
    shown = {"name": name, "origin": origin, "low": low, "high": high, "type": facts.get("type", "")}
    return {**shown, "default": facts.get("default"), "upstream": facts.get("upstream", "")}


def _suggested(text: Any) -> list[dict[str, Any]]:
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise Invalid("draft", Sentence("the form's draft is missing or too large; detect the address again"))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid("draft", Sentence("the form's draft cannot be read; detect the address again")) from error
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found) or len(found) > MOST:
        raise Invalid("draft", Sentence("the form's draft is no list of models; detect the address again"))
    return found


def _edited(document: Mapping[str, Any], prefix: str, given: Mapping[str, Any]) -> dict[str, Any]:
    found = {**document, "name": given.get(f"{prefix}name", "").strip() or document.get("name", "")}
    for field in ("type", "upstream_model"):
        if given.get(f"{prefix}{field}", "").strip():
            found[field] = given[f"{prefix}{field}"].strip()
    if found["name"] != document.get("name") and document.get("name"):
        found.setdefault("upstream_model", document["name"])
    if given.get("protocol"):
        found["protocol"] = given["protocol"]
    if given.get("credential"):
        found["credential"] = given["credential"]
    params = found.get("params")
    if isinstance(params, dict):
        found["params"] = {
            name: _parameter(name, facts, f"{prefix}p-{name}-", given)
            for name, facts in params.items()
            if isinstance(facts, dict) and not given.get(f"{prefix}p-{name}-drop")
        }
    return found


def _parameter(name: str, facts: Mapping[str, Any], prefix: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameter's facts with the default and range of the form; a form that does not show them changes nothing."""
    found = dict(facts)
    if f"{prefix}default" in given:
        found.pop("default", None)
        text = given[f"{prefix}default"].strip()
        if text:
            found["default"] = _value(name, str(facts.get("type", "string")), text)
    if f"{prefix}low" in given:
        found.pop("range", None)
        ends = [_end(name, given[f"{prefix}low"]), _end(name, given.get(f"{prefix}high", ""))]
        if ends != [None, None]:
            found["range"] = ends
    return found


def _end(name: str, text: str) -> int | float | None:
    return _number(name, text) if text.strip() else None


def _value(name: str, kind: str, text: str) -> Any:
    if kind in ("int", "float"):
        return _number(name, text)
    if kind == "bool":
        return text.lower() in ("true", "yes", "1", "on")
    return text


def _number(name: str, text: str) -> int | float:
    try:
        number = float(text)
    except ValueError as error:
        raise Invalid("params", Sentence("{name}: {text} is no number", name=name, text=repr(text[:40]))) from error
    if not math.isfinite(number):
        raise Invalid("params", Sentence("{name}: {text} is no finite number", name=name, text=repr(text[:40])))
    return int(number) if number.is_integer() else number
