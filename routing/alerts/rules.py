"""The verbs on rules: list, add, change, remove, take out as a file and bring one in. Each checks, changes and audits.

Rules that come with Patchbay cannot be removed, only switched off: otherwise the next start would bring them back.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from controlplane.base import access, events
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence, message_of
from controlplane.base.refusals import Conflict, Invalid, Missing, Stale
from registry.specfile.errors import SpecError, show
from routing.alerts.models import AlertRule
from routing.alerts.reading import TOPIC
from routing.alerts.rule_file import FIELDS, READERS, RuleDraft, RuleUnfit, read_rules, written

MOST_RULES = 500


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule that a file adds, changes, removes or switches off, and which fields differ."""

    name: str
    what: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RulePlan:
    """What a file does; nothing if it has errors."""

    changes: tuple[RuleChange, ...]
    unchanged: int
    errors: tuple[SpecError, ...]
    rules: tuple[RuleDraft, ...] = ()


@cache
def shipped() -> tuple[RuleDraft, ...]:
    """The rules that come with Patchbay."""
    return read_rules((Path(__file__).parent / "default_rules.yaml").read_text(), "default_rules.yaml").rules


@transaction.atomic
def ensure_shipped() -> None:
    """Add shipped rules that are not there, and bring those up to date that nobody edited. Names of people's win."""
    there = {row.name: row for row in AlertRule.objects.select_for_update()}
    for draft in shipped():
        row = there.get(draft.name)
        if row is None:
            AlertRule.objects.bulk_create([AlertRule(shipped=True, **_values(draft))], ignore_conflicts=True)
        elif row.shipped and not row.edited and draft_of(row) != draft:
            for name, value in _values(draft).items():
                setattr(row, name, value)
            row.save()


def listing(actor: access.Actor | None) -> QuerySet[AlertRule]:
    """Every rule by name. Raises Forbidden."""
    access.require(actor, "alert.read")
    return AlertRule.objects.order_by("name")


def get(actor: access.Actor | None, name: str) -> AlertRule:
    """One rule. Raises Forbidden, Missing."""
    found = listing(actor).filter(name=name).first()
    if found is None:
        raise _missing(name)
    return found


@transaction.atomic
def create(actor: access.Actor | None, given: Mapping[str, Any], request_id: str = "") -> AlertRule:
    """Add a rule of the fields alert, expr, for, … as a file has them. Raises Forbidden, Invalid, Conflict."""
    access.require(actor, "alert.change")
    draft = RuleDraft(**_read(given, ("alert", "expr")))
    return _add(actor, draft, request_id)


@transaction.atomic
def change(actor: access.Actor | None, name: str, given: Mapping[str, Any], request_id: str = "") -> AlertRule:
    """Change the given fields of a rule. Raises Forbidden, Missing, Invalid, Conflict."""
    access.require(actor, "alert.change")
    row = _locked(name)
    draft = RuleDraft(**{**asdict(draft_of(row)), **_read(given, ())})
    if draft.name != name and row.shipped:
        raise Conflict("shipped", Sentence("{name} comes with Patchbay and keeps its name", name=repr(name)))
    return _change(actor, row, draft, request_id)


@transaction.atomic
def remove(actor: access.Actor | None, name: str, request_id: str = "") -> None:
    """Forget a rule; what it fires is over. Raises Forbidden, Missing, Conflict for a shipped one."""
    access.require(actor, "alert.change")
    row = _locked(name)
    if row.shipped:
        raise Conflict(
            "shipped", Sentence("{name} comes with Patchbay; switch it off instead of removing it", name=repr(name))
        )
    _remove(actor, row, request_id)


def export(actor: access.Actor | None) -> str:
    """Every rule as YAML. Raises Forbidden."""
    return written([draft_of(row) for row in listing(actor)])


def digest(text: str) -> str:
    """By which a reader knows whether the rules changed since."""
    return hashlib.sha256(text.encode()).hexdigest()


def plan(actor: access.Actor | None, text: str | bytes, file: str = "<paste>", *, whole: bool = False) -> RulePlan:
    """What a file would do, without doing it. `whole`: rules that it leaves out go. Raises Forbidden."""
    access.require(actor, "alert.read")
    return _plan(text, file, whole=whole)


@transaction.atomic
def bring(
    actor: access.Actor | None, text: str | bytes, file: str = "<paste>", *, whole: bool = False, seen: str = "",
    request_id: str = "",
) -> RulePlan:  # fmt: skip
    """Do what `plan` tells, all of it or nothing. Raises Forbidden, Invalid with every error in its detail.

    `seen` is the digest of the rules that the person saw; Stale if they changed since.
    """
    access.require(actor, "alert.change")
    rows = {row.name: row for row in AlertRule.objects.select_for_update().order_by("name")}
    if seen and digest(written([draft_of(row) for row in rows.values()])) != seen:
        raise Stale("rules_changed", Sentence("somebody changed the rules meanwhile; compare and save again"))
    planned = _plan(text, file, whole=whole)
    if planned.errors:
        raise Invalid("rules", planned.errors[0].placed, [asdict(error) for error in planned.errors])
    drafts = {draft.name: draft for draft in planned.rules}
    for one in planned.changes:
        if one.what == "added":
            _add(actor, drafts[one.name], request_id)
        elif one.what == "changed":
            _change(actor, rows[one.name], drafts[one.name], request_id)
        elif one.what == "off":
            _change(actor, rows[one.name], _switched_off(rows[one.name]), request_id)
        else:
            _remove(actor, rows[one.name], request_id)
    return planned


def draft_of(row: AlertRule) -> RuleDraft:
    """A rule as a file has it."""
    return RuleDraft(**{name: getattr(row, name) for name in FIELDS})


def _plan(text: str | bytes, file: str, *, whole: bool) -> RulePlan:
    found = read_rules(text, file)
    if found.errors:
        return RulePlan((), 0, found.errors)
    rows = {row.name: row for row in AlertRule.objects.order_by("name")}
    changes = []
    for draft in found.rules:
        row = rows.get(draft.name)
        if row is None:
            changes.append(RuleChange(draft.name, "added"))
        elif fields := tuple(name for name in FIELDS if getattr(row, name) != getattr(draft, name)):
            changes.append(RuleChange(draft.name, "changed", fields))
    unchanged = len(found.rules) - len(changes)
    if whole:
        changes += _left_out(rows.values(), {draft.name for draft in found.rules})
    return RulePlan(tuple(changes), unchanged, (), found.rules)


def _left_out(rows: Iterable[AlertRule], named: set[str]) -> list[RuleChange]:
    left = [row for row in rows if row.name not in named]
    return [RuleChange(row.name, "off" if row.shipped else "removed") for row in left if row.enabled or not row.shipped]


def _switched_off(row: AlertRule) -> RuleDraft:
    return RuleDraft(**{**asdict(draft_of(row)), "enabled": False})


def _read(given: Mapping[str, Any], needed: tuple[str, ...]) -> dict[str, Any]:
    """The given fields as they are kept. Raises Invalid that names the field."""
    values = {}
    for key, value in given.items():
        if key not in READERS:
            raise Invalid("unknown_field", Sentence("there is no field {field}", field=repr(str(key)[:60])))
        name, read = READERS[key]
        try:
            values[name] = read(value)
        except RuleUnfit as error:
            words = error.message or Sentence(
                "{field} is {value}; expected {expected}", field=key, value=show(value), expected=message_of(error)
            )
            raise Invalid(key, words) from error
    for key in needed:
        if key not in given:
            raise Invalid(key, Sentence("{field} is missing", field=key))
    return values


def _values(draft: RuleDraft) -> dict[str, Any]:
    return {name: getattr(draft, name) for name in FIELDS}


def _add(actor: access.Actor | None, draft: RuleDraft, request_id: str) -> AlertRule:
    if AlertRule.objects.count() >= MOST_RULES:
        raise Conflict("too_many", Sentence("there are {most} rules, the most that are kept", most=MOST_RULES))
    try:
        with transaction.atomic():
            row = AlertRule.objects.create(**_values(draft))
    except IntegrityError as error:
        raise Conflict(
            "exists", Sentence("a rule named {name} exists; change it instead", name=repr(draft.name))
        ) from error
    audit.record(actor, "alert_rule.add", "alert_rule", row.name, asdict(draft), request_id)
    events.publish(TOPIC, {})
    return row


def _change(actor: access.Actor | None, row: AlertRule, draft: RuleDraft, request_id: str) -> AlertRule:
    before = asdict(draft_of(row))
    difference = audit.difference(before, asdict(draft))
    if not difference:
        return row
    for name, value in _values(draft).items():
        setattr(row, name, value)
    row.edited = True
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Conflict("exists", Sentence("the name {name} is taken", name=repr(draft.name))) from error
    audit.record(actor, "alert_rule.edit", "alert_rule", row.name, {"changed": difference}, request_id)
    events.publish(TOPIC, {})
    return row


def _remove(actor: access.Actor | None, row: AlertRule, request_id: str) -> None:
    before = asdict(draft_of(row))
    row.delete()
    audit.record(actor, "alert_rule.remove", "alert_rule", row.name, before, request_id)
    events.publish(TOPIC, {})


def _locked(name: str) -> AlertRule:
    row = AlertRule.objects.select_for_update().filter(name=name).first()
    if row is None:
        raise _missing(name)
    return row


def _missing(name: str) -> Missing:
    return Missing("alert_rule", Sentence("there is no rule {name}", name=repr(name[:100])))
