"""Rules as YAML, in the form of Prometheus' rule files: read with every error and its line, and written out.

    rules:
    - alert: DeviceHot
      expr: temperature_celsius > 85
      for: 60s
      labels: {severity: warning}
      annotations: {summary: "{{ $labels.node }}: {{ $value }} °C"}

Prometheus' groups are taken too; their names and intervals are left out. What is ours: enabled, and summary_zh, the
summary for readers of Chinese.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import yaml

from controlplane.base.messages import Sentence, message_of
from controlplane.base.yaml_reader import YamlInvalid
from registry.specfile.errors import Finding, Findings, Path, SpecError
from registry.specfile.text import load
from routing.alerts.language.expressions import ExpressionInvalid
from routing.alerts.language.parsing import parse, seconds_of

KEYS = ("alert", "expr", "for", "keep_firing_for", "labels", "annotations", "enabled")
GROUP_KEYS = ("name", "interval", "rules")
MOST_RULES, MOST_PAIRS, LONGEST_LABEL, LONGEST_ANNOTATION = 200, 20, 100, 500
LONGEST_WAIT = 86_400.0
RESERVED = ("alertname", "kind", "subject")
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_PLACE = re.compile(r"\{\{\s*\$(?:(value)|labels\.([A-Za-z_][A-Za-z0-9_]*))\s*\}\}")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule as a person writes it. Times are seconds."""

    name: str
    expr: str
    for_s: float = 0.0
    keep_s: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True


FIELDS = tuple(asdict(RuleDraft("", "")))


@dataclass(frozen=True, slots=True)
class RuleFile:
    """What a file holds. Without `errors` every rule can be kept."""

    rules: tuple[RuleDraft, ...]
    errors: tuple[SpecError, ...]


class RuleUnfit(ValueError):
    """A value that a rule cannot hold; `expected` says what it can, `message` what is wrong if that is more."""

    def __init__(self, expected: str, message: str = "") -> None:
        super().__init__(expected)
        self.expected, self.message = expected, message


def read_rules(text: str | bytes, file: str = "<paste>") -> RuleFile:
    """Read a file. Never raises: what is wrong is in `errors`."""
    try:
        tree = load(text)
    except YamlInvalid as error:
        told = SpecError(file, error.line, "", error.given, error.expected, message_of(error))
        return RuleFile((), (told,))
    findings = Findings(tree.findings)
    drafts: dict[str, RuleDraft] = {}
    given = list(_given(tree.value, findings))
    if len(given) > MOST_RULES:
        findings.add(("rules",), len(given), Sentence("at most {most} rules", most=MOST_RULES))
    for path, one in given[:MOST_RULES]:
        draft = _draft(path, one, findings)
        if draft is not None and draft.name in drafts:
            findings.add((*path, "alert"), draft.name, Sentence("a name that occurs once in the file"))
        elif draft is not None:
            drafts[draft.name] = draft
    errors = tuple(item.at(file, tree.line(item.path), "") for item in findings[:500])
    return RuleFile(tuple(drafts.values()), errors)


def written(rules: Sequence[RuleDraft]) -> str:
    """The file that holds these rules."""
    entries = []
    for rule in rules:
        entry: dict[str, Any] = {"alert": rule.name, "expr": rule.expr}
        entry |= {"for": duration(rule.for_s)} if rule.for_s else {}
        entry |= {"keep_firing_for": duration(rule.keep_s)} if rule.keep_s else {}
        entry |= {"labels": dict(rule.labels)} if rule.labels else {}
        entry |= {"annotations": dict(rule.annotations)} if rule.annotations else {}
        entries.append(entry if rule.enabled else {**entry, "enabled": False})
    text: str = yaml.dump({"rules": entries}, Dumper=DUMPER, sort_keys=False, allow_unicode=True, width=110)
    return text


def duration(seconds: float) -> str:
    """Seconds as PromQL writes them: 90s, 5m, 1h."""
    if seconds % 1:
        return f"{round(seconds * 1000)}ms"
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def filled(text: str, value: float | None, labels: Mapping[str, str]) -> str:
    """An annotation with its places filled; a label that is not there is empty."""
    number = "?" if value is None else f"{value:.4g}"
    return _PLACE.sub(lambda place: number if place[1] else labels.get(place[2], ""), text)


def _given(value: Any, findings: Findings) -> list[tuple[Path, Any]]:
    """Every rule of a document with its path."""
    if isinstance(value, dict) and isinstance(value.get("groups"), list) and set(value) == {"groups"}:
        groups = enumerate(value["groups"])
        return [found for index, group in groups for found in _listed(("groups", index), group, GROUP_KEYS, findings)]
    return _listed((), value, ("rules",), findings)


def _listed(path: Path, holder: Any, keys: tuple[str, ...], findings: Findings) -> list[tuple[Path, Any]]:
    """The rules in a mapping's list `rules`; what else it has beyond `keys` is noted."""
    if not isinstance(holder, dict) or not isinstance(holder.get("rules"), list):
        findings.add(path, holder, Sentence("a mapping with the key rules: and a list of rules"))
        return []
    for key in holder:
        if key not in keys:
            findings.unknown((*path, str(key)), keys)
    return [((*path, "rules", number), one) for number, one in enumerate(holder["rules"])]


def _draft(path: Path, given: Any, findings: Findings) -> RuleDraft | None:
    if not isinstance(given, dict):
        findings.add(path, given, Sentence("a mapping with {keys}", keys=", ".join(KEYS)))
        return None
    if "record" in given:
        findings.append(
            Finding((*path, "record"), "record", "alert", Sentence("rules that record are not understood; only alerts"))
        )
        return None
    before = len(findings)
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in KEYS:
            findings.unknown((*path, str(key)), KEYS)
            continue
        name, read = READERS[key]
        try:
            values[name] = read(value)
        except RuleUnfit as error:
            findings.add((*path, key), value, error.expected, error.message)
    for key in ("alert", "expr"):
        if key not in given:
            findings.add(path, given, Sentence("a mapping with {keys}", keys=key))
    return RuleDraft(**values) if len(findings) == before else None


def name_of(value: Any) -> str:
    """A rule's name. Raises RuleUnfit."""
    text = value.strip() if isinstance(value, str) else ""
    if not 0 < len(text) <= 100 or not text.isprintable() or "/" in text:
        raise RuleUnfit(Sentence("a name of 1 to {most} printable characters without /", most=100))
    return text


def _expr(value: Any) -> str:
    expected = Sentence("a condition such as temperature_celsius > 85")
    if not isinstance(value, str):
        raise RuleUnfit(expected)
    text = " ".join(value.split())
    try:
        parse(text)
    except ExpressionInvalid as error:
        raise RuleUnfit(expected, message_of(error)) from error
    return text


def _seconds(value: Any) -> float:
    expected = Sentence("a duration such as 60s or 5m, at most {most}", most="1d")
    try:
        seconds = seconds_of(value) if isinstance(value, str) else -1.0
    except ValueError:
        seconds = -1.0
    if value == 0 and not isinstance(value, bool):
        seconds = 0.0
    if not 0.0 <= seconds <= LONGEST_WAIT:
        raise RuleUnfit(expected)
    return seconds


def _enabled(value: Any) -> bool:
    if not isinstance(value, bool):
        raise RuleUnfit("true, false")
    return value


def _pairs(longest: int) -> Callable[[Any], dict[str, str]]:
    def read(value: Any) -> dict[str, str]:
        expected = Sentence("a mapping of words to texts of at most {most} characters", most=longest)
        if not isinstance(value, dict) or len(value) > MOST_PAIRS:
            raise RuleUnfit(expected)
        for name, text in value.items():
            if not _WORD.fullmatch(str(name)) or not isinstance(text, str) or not 0 < len(text) <= longest:
                raise RuleUnfit(expected)
        return {str(name): str(text) for name, text in value.items()}

    return read


def _labels(value: Any) -> dict[str, str]:
    found = _pairs(LONGEST_LABEL)(value)
    for name in RESERVED:
        if name in found:
            raise RuleUnfit(Sentence("labels without {name}, which every alert has", name=name))
    return found


def _annotations(value: Any) -> dict[str, str]:
    found = _pairs(LONGEST_ANNOTATION)(value)
    for text in found.values():
        if "{{" in _PLACE.sub("", text):
            raise RuleUnfit(
                Sentence(
                    "a text with {value} and {label} as its only places",
                    value="{{ $value }}",
                    label="{{ $labels.NAME }}",
                )
            )
    return found


READERS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "alert": ("name", name_of),
    "expr": ("expr", _expr),
    "for": ("for_s", _seconds),
    "keep_firing_for": ("keep_s", _seconds),
    "labels": ("labels", _labels),
    "annotations": ("annotations", _annotations),
    "enabled": ("enabled", _enabled),
}
"""Each key of a rule: the field that it becomes, and its reader, which raises RuleUnfit."""
