"""Two documents: which operations went, came or changed, judged where a schema is used and in which direction."""

from collections.abc import Iterator
from typing import Any

from versions.diff.findings import Direction, Finding, Severity
from versions.diff.lifecycle import lifecycle, prose_notice, removal_rule
from versions.diff.openapi.bodies import judge_body, judge_responses
from versions.diff.openapi.form import Operation
from versions.diff.openapi.parameters import judge_parameters
from versions.diff.openapi.read import Document
from versions.diff.openapi.security import judge_security
from versions.diff.openapi.sides import Sides
from versions.diff.openapi.unchanged import Unchanged
from versions.diff.policy import Policy
from versions.diff.unreadable import issue_findings
from versions.diff.values import same

REQUEST = Direction.REQUEST
JUDGED = frozenset({
    "parameters", "requestBody", "responses", "security", "servers", "deprecated", "operationId", "tags", "summary",
    "description", "externalDocs", "consumes", "produces", "schemes",
})  # fmt: skip


def compare_documents(old: Any, new: Any, policy: Policy) -> list[Finding]:
    """The findings of two OpenAPI or Swagger documents."""
    before, after = Document(old), Document(new)
    sides = Sides(before, after, policy)
    unchanged = Unchanged(before, after)
    for key in [*before.operations, *(key for key in after.operations if key not in before.operations)]:
        if key not in after.operations:
            _removed(sides, key, policy)
        elif key not in before.operations:
            sides.fact(
                "operation-added",
                f"{key[1].upper()} {after.operations[key][0]}",
                (None, None),
                ("", after.operations[key][3]),
            )
        elif not unchanged.holds(before.operations[key], after.operations[key]):
            _changed(sides, before.read(key), after.read(key), policy)
    result = sides.findings()
    return result + _issues(sides)


def _issues(sides: Sides) -> list[Finding]:
    old, new = sides.old, sides.new
    found = issue_findings(old.issues, new.issues, REQUEST, "")
    told = {finding.new for finding in found}
    for direction in Direction:
        schemas = issue_findings(old.readers[direction].issues, new.readers[direction].issues, direction, "")
        found += [finding for finding in schemas if finding.new not in told]
        told |= {finding.new for finding in schemas}
    return found


def _removed(sides: Sides, key: tuple[str, str], policy: Policy) -> None:
    path, _item, raw, pointer = sides.old.operations[key]
    rule, telling = removal_rule(raw, policy)
    sides.fact(rule, f"{key[1].upper()} {path}", (telling, None), (pointer, ""))


def _changed(sides: Sides, old: Operation, new: Operation, policy: Policy) -> None:
    level = old.raw.get("x-stability-level")
    with sides.use(new.name, unstable=level in policy.unstable_levels):
        pointers = old.pointer, new.pointer
        for key, was, now in lifecycle(old.raw, new.raw, policy):
            sides.fact(key, new.name, (was, now), pointers)
        for key, was, now in _identity(old, new):
            sides.fact(key, new.name, (was, now), pointers)
        _servers(sides, old, new)
        judge_security(sides, old, new)
        judge_parameters(sides, old, new, policy)
        judge_body(sides, old, new)
        judge_responses(sides, old, new)
        for word in {**old.raw, **new.raw}:
            if word not in JUDGED and not word.startswith("x-") and not same(old.raw.get(word), new.raw.get(word)):
                sides.fact("keyword-undecided", f"{new.name} {word}", (old.raw.get(word), new.raw.get(word)), pointers)


def _identity(old: Operation, new: Operation) -> Iterator[tuple[str, Any, Any]]:
    before, after = old.raw.get("operationId"), new.raw.get("operationId")
    if before != after:
        yield ("operation-id-added" if before is None else "operation-id-changed"), before, after
    tags_before, tags_after = _tags(old), _tags(new)
    if tags_before != tags_after and tags_before and tags_after:
        yield "tags-changed", ", ".join(tags_before), ", ".join(tags_after)
    phrase = prose_notice(old.raw.get("description"), new.raw.get("description"))
    if phrase:
        yield "prose-notice", None, phrase
    if old.name.split(" ", 1)[1] != new.name.split(" ", 1)[1]:
        yield "path-parameter-renamed", old.name, new.name


def _tags(operation: Operation) -> list[str]:
    tags = operation.raw.get("tags")
    return sorted(map(str, tags)) if isinstance(tags, list) else []


def _servers(sides: Sides, old: Operation, new: Operation) -> None:
    before, after = set(old.servers), set(new.servers)
    if not before or before == after or before == {""}:
        return
    lost = sorted(before - after)
    if lost:
        sides.fact(
            "server-moved", new.name, (", ".join(lost), ", ".join(sorted(after)) or None), (old.pointer, new.pointer)
        )
    else:
        sides.fact("server-added", new.name, (None, ", ".join(sorted(after - before))), (old.pointer, new.pointer))


def worst(findings: list[Finding]) -> Severity:
    """The worst severity of some findings."""
    order = list(Severity)
    return min((finding.severity for finding in findings), key=order.index, default=Severity.COMPATIBLE)
