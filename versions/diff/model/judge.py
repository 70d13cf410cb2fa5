"""Two contracts: their parameters as a request schema, their facts by the rules of facts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from versions.diff.findings import DiffFinding, Direction
from versions.diff.model.contract import Contract
from versions.diff.model.facts import compare_facts
from versions.diff.policy import DiffPolicy
from versions.diff.rules import fact, table
from versions.diff.schema.explanation.compare import compare_schemas
from versions.diff.schema.reading.dialect import Dialect
from versions.diff.unreadable import issue_findings
from versions.diff.values import same

PROSE = frozenset({"label", "help", "placeholder", "description"})
REMOVED = ("removed-closed", "optional-removed", "required-removed")


def compare_contracts(old: Any, new: Any, read: Callable[[Any], Contract], policy: DiffPolicy) -> list[DiffFinding]:
    """The findings of two descriptions of one model."""
    before, after = read(old), read(new)
    dialect = Dialect(siblings=True)
    schemas = compare_schemas(before.schema, after.schema, (Direction.REQUEST,), policy, (dialect, dialect))
    found = [_placed(finding, before.pointers, after.pointers) for finding in schemas]
    found += _reworded(before, after, {finding.path.split(".")[0].split("[")[0] for finding in found})
    found += compare_facts(before.facts, after.facts, policy, {**before.pointers, **after.pointers})
    return found + issue_findings(before.issues, after.issues, Direction.REQUEST, "model")


def _reworded(old: Contract, new: Contract, named: set[str]) -> list[DiffFinding]:
    """Parameters that are written otherwise and mean the same, so that no edit goes without a word."""
    found = []
    for name, before in old.written.items():
        after = new.written.get(name)
        if name in named or name not in new.written or same(before, after):
            continue
        changed = _changed(before, after)
        key = "prose-changed" if changed and set(changed) <= PROSE else "rewritten"
        pointers = old.pointers[name], new.pointers[name]
        found.append(fact(key, Direction.REQUEST, "model", name, (None, ", ".join(changed) or None), pointers))
    return found


def _changed(before: Any, after: Any) -> list[str]:
    """The words of a rule that changed; none if either is no mapping."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    return [key for key in {**before, **after} if not same(before.get(key), after.get(key))]


def _placed(finding: DiffFinding, old: dict[str, str], new: dict[str, str]) -> DiffFinding:
    """A finding about a parameter, pointing at where the parameter is written."""
    name = finding.path.split(".")[0].split("[")[0]
    finding = replace(
        finding,
        use="model",
        old_pointer=old.get(name, finding.old_pointer),
        new_pointer=new.get(name, finding.new_pointer),
    )
    if finding.key not in REMOVED:
        return finding
    rule = table()["parameter-removed"]
    en, zh = rule.words(name=finding.path, old="", new="")
    return replace(finding, rule=rule.number, key=rule.key, severity=rule.request, en=en, zh=zh)
