"""Model specs as YAML: reading a whole file with every error and its line, and writing specs back."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controlplane.base.messages import Sentence, message_of
from controlplane.base.yaml_reader import YamlInvalid
from controlplane.base.yaml_writer import write_yaml
from registry.lifecycle import written
from registry.spec import Constraint, Parameter, Resources, Spec, Timeouts
from registry.specfile.errors import Finding, SpecError, SpecInvalid, dotted, show
from registry.specfile.reading import examine
from registry.specfile.text import Tree, load
from registry.specfile.values import written_size

__all__ = ["SpecError", "SpecFile", "SpecInvalid", "SpecRow", "digest", "document", "parse", "read", "to_yaml"]

MAX_ROWS = 20_000
MAX_ERRORS = 500
_MOST_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class SpecRow:
    """One entry of `models:`. `spec` is None and `digest` empty if `errors` is not empty; `index` counts from 0."""

    index: int
    line: int
    name: str
    document: dict[str, Any]
    spec: Spec | None
    digest: str
    errors: tuple[SpecError, ...] = ()


@dataclass(frozen=True, slots=True)
class SpecFile:
    """A file's rows, and the errors of the file as a whole."""

    rows: tuple[SpecRow, ...]
    errors: tuple[SpecError, ...] = ()


@dataclass(slots=True)
class Taken:
    """Public names of a file so far, each with the line that took it."""

    lines: dict[str, int] = field(default_factory=dict)

    def claim(self, spec: Spec, line: int) -> list[Finding]:
        """Take `spec`'s name and aliases; what an earlier row has already is an error here."""
        findings = []
        for path, name in [(("name",), spec.name), *((("aliases", i), alias) for i, alias in enumerate(spec.aliases))]:
            if name in self.lines:
                message = Sentence(
                    "the name {name} is already taken in line {lines}; give every model its own",
                    name=repr(name),
                    lines=self.lines[name],
                )
                findings.append(Finding(path, show(name), Sentence("a name that occurs once in the file"), message))
            self.lines.setdefault(name, line)
        return findings


def parse(text: str | bytes, file: str = "<paste>") -> SpecFile:
    """Read a YAML file of model specs. Never raises: what is wrong is in `errors` of the file and of its rows."""
    try:
        tree = load(text)
    except YamlInvalid as error:
        return SpecFile((), (SpecError(file, error.line, "", error.given, error.expected, message_of(error)),))
    findings = file_findings(tree)
    if not isinstance(tree.value, dict) or not isinstance(tree.value.get("models"), list):
        return SpecFile((), tuple(item.at(file, tree.line(item.path), "") for item in findings))
    by_row: dict[int, list[Finding]] = {}
    for item in tree.findings:
        if len(item.path) > 1 and isinstance(item.path[1], int):
            inner = Finding(item.path[2:], item.given, item.expected, item.message, item.line)
            by_row.setdefault(item.path[1], []).append(inner)
        else:
            findings.append(item)
    taken = Taken()
    rows: list[SpecRow] = []
    wrong = 0
    for index in range(min(len(tree.value["models"]), MAX_ROWS)):
        rows.append(row(tree, index, by_row.get(index, []), taken, file))
        wrong += len(rows[-1].errors)
        if wrong > MAX_ERRORS:
            findings.append(_too_wrong(index + 1))
            break
    return SpecFile(tuple(rows), tuple(item.at(file, tree.line(item.path), "") for item in findings))


def _too_wrong(rows: int) -> Finding:
    expected = Sentence("at most {most} errors", most=MAX_ERRORS)
    message = Sentence(
        "over {most} errors in the first {rows} rows; the rest was not looked at, so correct these first",
        most=MAX_ERRORS,
        rows=f"{rows:,}",
    )
    return Finding(("models",), Sentence("over {most} errors", most=MAX_ERRORS), expected, message)


def file_findings(tree: Tree) -> list[Finding]:
    """What is wrong with the file's outermost level."""
    expected = Sentence("a mapping with the key models: and a list of model specs")
    value = tree.value
    if not isinstance(value, dict):
        message = (
            Sentence("the file is empty; expected {expected}", expected=expected)
            if value is None
            else Sentence("the file holds {given}; expected {expected}", given=show(value), expected=expected)
        )
        return [Finding((), show(value), expected, message)]
    findings = [
        Finding(
            (str(key),),
            str(key)[:60],
            "models",
            Sentence("unknown key {key}; the file's only key is models", key=repr(str(key)[:60])),
        )
        for key in value
        if key != "models"
    ]
    models = value.get("models")
    if not isinstance(models, list) or not models:
        given = show(models) if "models" in value else Sentence("no models key")
        findings.append(
            Finding(
                ("models",),
                given,
                expected,
                Sentence("models is {given}; expected {expected}", given=given, expected=expected),
            )
        )
    elif len(models) > MAX_ROWS:
        message = Sentence(
            "{models} models in one file; at most {most} are accepted, so split it",
            models=f"{len(models):,}",
            most=f"{MAX_ROWS:,}",
        )
        findings.append(
            Finding(
                ("models",),
                Sentence("{models} models", models=len(models)),
                Sentence("at most {most} models", most=MAX_ROWS),
                message,
            )
        )
    return findings


def row(tree: Tree, index: int, found: list[Finding], taken: Taken, file: str) -> SpecRow:
    """One row of the file with every error in it."""
    given = tree.value["models"][index]
    line = tree.line(("models", index))
    spec, noticed = examine(given)
    findings: list[Finding] = [*found, *noticed]
    if spec is not None:
        findings += taken.claim(spec, line)
    errors = tuple(item.at(file, tree.line(("models", index, *item.path)), f"models[{index}]") for item in findings)
    kept = given if isinstance(given, dict) else {}
    name = kept.get("name")
    good = spec if not errors else None
    return SpecRow(index, line, str(name)[:200] if isinstance(name, str) else "", kept, good, spec_digest(good), errors)


def read(document: Mapping[str, Any]) -> Spec:
    """The spec that one document (an entry of `models:`) describes. Raises SpecInvalid with every error."""
    spec, findings = examine(document)
    if spec is None or findings:
        raise SpecInvalid(
            tuple(SpecError("", 0, dotted(item.path), item.given, item.expected, item.message) for item in findings)
        )
    return spec


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the document's normal form: two spellings of one spec have one digest. Raises SpecInvalid."""
    return spec_digest(read(document))


def spec_digest(spec: Spec | None) -> str:
    """SHA-256 (hex) of a spec's canonical JSON; empty for None."""
    if spec is None:
        return ""
    text = json.dumps(document(spec), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def document(spec: Spec) -> dict[str, Any]:
    """`spec` in the YAML file's shape, without what is default. `read(document(spec)) == spec`."""
    entries: dict[str, Any] = {
        "name": spec.name,
        "type": spec.type,
        "protocol": spec.protocol,
        "endpoint": spec.endpoints[0] if len(spec.endpoints) == 1 else list(spec.endpoints),
        "upstream_model": spec.upstream_model if spec.upstream_model != spec.name else None,
        "params": {item.name: parameter_document(item) for item in spec.params},
        "constraints": [constraint_document(item) for item in spec.constraints],
        "resources": resources_document(spec.resources),
        "timeouts": {
            name: getattr(spec.timeouts, name)
            for name in Timeouts.__slots__
            if getattr(spec.timeouts, name) != getattr(Timeouts(), name)
        },
        "credential": spec.credential,
        "tags": list(spec.tags),
        "aliases": list(spec.aliases),
        "owner": spec.owner,
        "description": spec.description,
        "strict": spec.strict,
        "deprecated": written(spec.deprecated) if spec.deprecated else None,
        "sunset": written(spec.sunset) if spec.sunset else None,
    }
    return {key: value for key, value in entries.items() if value not in (None, "", False, [], {})}


def parameter_document(item: Parameter) -> dict[str, Any]:
    """One parameter in the YAML file's shape."""
    entries: dict[str, Any] = {
        "type": item.type,
        "default": item.default if item.has_default else None,
        "range": [item.low, item.high] if (item.low, item.high) != (None, None) else None,
        "options": list(item.options) or None,
        "required": item.required or None,
        "upstream": item.upstream,
        "convert": {"range": [item.conversion.upstream_low, item.conversion.upstream_high]}
        if item.conversion
        else None,
        "values": {key_text(given): sent for given, sent in item.values} or None,
        "outside": item.outside if item.outside != "refuse" else None,
        "sent": None if item.sent else False,
        "description": item.description or None,
    }
    return {key: value for key, value in entries.items() if value is not None}


def key_text(value: Any) -> str:
    """A value as a mapping key."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def constraint_document(item: Constraint) -> dict[str, Any]:
    """One constraint in the YAML file's shape."""
    mode = {"outside": item.outside} if item.outside != "refuse" else {}
    if item.kind == "exclusive":
        return {"exclusive": list(item.parameters), **mode}
    condition = {"when": item.when, "above": item.above, "requires": item.parameters[0]}
    return {**condition, "range": [item.low, item.high], **mode}


def resources_document(item: Resources) -> dict[str, Any]:
    """Resources in the YAML file's shape."""
    return {name: written_size(amount) for name in Resources.__slots__ if (amount := getattr(item, name)) is not None}


def to_yaml(documents: Iterable[Mapping[str, Any]]) -> str:
    """A YAML file of model specs. Values that documents share are written out each time: anchors would not be read."""
    body = json.loads(json.dumps({"models": [dict(item) for item in documents]}))
    parameters = [parameter for row in body["models"] for parameter in row.get("params", {}).values()]
    for holder in (*parameters, *(parameter["convert"] for parameter in parameters if "convert" in parameter)):
        if "range" in holder:
            holder["range"] = [_shortest(bound) for bound in holder["range"]]
    return write_yaml(body, flow=None)


def _shortest(bound: float | None) -> float | int | None:
    """A bound as people write it: 1 for 1.0. Bounds are read as floats, so no digest moves."""
    return int(bound) if bound is not None and abs(bound) < _MOST_EXACT and bound == int(bound) else bound
