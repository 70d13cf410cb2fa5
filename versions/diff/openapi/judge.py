"""Two documents: which operations went, came or changed, judged where a schema is used and in which direction."""

import re
from collections.abc import Iterator
from typing import Any

from versions.diff.findings import DiffFinding, Direction, Severity
from versions.diff.lifecycle import lifecycle, prose_notice, removal_rule
from versions.diff.openapi.bodies import judge_body, judge_responses
from versions.diff.openapi.form import ApiOperation
from versions.diff.openapi.operations import operation
from versions.diff.openapi.parameters import judge_parameters
from versions.diff.openapi.read import WEBHOOK, ApiDocument
from versions.diff.openapi.security import judge_security
from versions.diff.openapi.sides import Sides
from versions.diff.openapi.unchanged import Unchanged
from versions.diff.policy import DiffPolicy
from versions.diff.unreadable import issue_findings
from versions.diff.values import same

REQUEST = Direction.REQUEST
JUDGED = frozenset({
    "parameters", "requestBody", "responses", "security", "servers", "deprecated", "operationId", "tags", "summary",
    "description", "externalDocs", "consumes", "produces", "schemes",
})  # fmt: skip


def compare_documents(old: Any, new: Any, policy: DiffPolicy) -> list[DiffFinding]:
    """The findings of two OpenAPI or Swagger documents."""
    exact = policy.exact_one_of is not False
    before, after = ApiDocument(old, exact), ApiDocument(new, exact)
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
            _judged(sides, key[0].startswith(WEBHOOK), (_read(before, key), _read(after, key)), policy)
    if not same(before.root.get("jsonSchemaDialect"), after.root.get("jsonSchemaDialect")):
        words = before.root.get("jsonSchemaDialect"), after.root.get("jsonSchemaDialect")
        sides.fact("keyword-undecided", "jsonSchemaDialect", words, ("/jsonSchemaDialect", "/jsonSchemaDialect"))
    result = sides.findings()
    return result + _issues(sides)


def _read(document: ApiDocument, key: tuple[str, str]) -> ApiOperation:
    return operation(document, document.operations[key], key[1])


def _issues(sides: Sides) -> list[DiffFinding]:
    old, new = sides.old, sides.new
    found = issue_findings(old.issues, new.issues, REQUEST, "")
    told = {finding.new for finding in found}
    for direction in Direction:
        schemas = issue_findings(old.readers[direction].issues, new.readers[direction].issues, direction, "")
        found += [finding for finding in schemas if finding.new not in told]
        told |= {finding.new for finding in schemas}
    return found


def _removed(sides: Sides, key: tuple[str, str], policy: DiffPolicy) -> None:
    path, _item, raw, pointer = sides.old.operations[key]
    rule, telling = removal_rule(raw, policy)
    sides.fact(rule, f"{key[1].upper()} {path}", (telling, None), (pointer, ""))


def _judged(sides: Sides, turned: bool, pair: tuple[ApiOperation, ApiOperation], policy: DiffPolicy) -> None:
    """Compare an operation. One that the server calls is read the other way round, and the usual way too: the peers
    read it so, and a receiver that answers by the old description must still be understood.
    """
    old, new = pair
    with sides.use(new.name, unstable=old.raw.get("x-stability-level") in policy.unstable_levels):
        _told(sides, old, new, policy)
        _travels(sides, old, new, policy)
        if turned:
            with sides.turned():
                _travels(sides, old, new, policy)


def _travels(sides: Sides, old: ApiOperation, new: ApiOperation, policy: DiffPolicy) -> None:
    """What is sent and read."""
    judge_parameters(sides, old, new, policy)
    judge_body(sides, old, new)
    judge_responses(sides, old, new)


def _callbacks(sides: Sides, old: ApiOperation, new: ApiOperation, policy: DiffPolicy) -> None:
    """Callbacks that are written alike may refer to what changed; of the others a person is told anyhow."""
    before, after = sides.old.called(old.raw, old.pointer), sides.new.called(new.raw, new.pointer)
    for key, entry in before.items():
        if key in after:
            pair = operation(sides.old, entry, key[1]), operation(sides.new, after[key], key[1])
            _judged(sides, True, pair, policy)


def _told(sides: Sides, old: ApiOperation, new: ApiOperation, policy: DiffPolicy) -> None:
    """Everything about an operation but what is sent and read."""
    pointers = old.pointer, new.pointer
    for key, was, now in (*lifecycle(old.raw, new.raw, policy), *_identity(old, new)):
        sides.fact(key, new.name, (was, now), pointers)
    _servers(sides, old, new)
    judge_security(sides, old, new)
    _callbacks(sides, old, new, policy)
    for word in {**old.raw, **new.raw}:
        if word not in JUDGED and not word.startswith("x-") and not same(old.raw.get(word), new.raw.get(word)):
            sides.fact("keyword-undecided", f"{new.name} {word}", (old.raw.get(word), new.raw.get(word)), pointers)


def _identity(old: ApiOperation, new: ApiOperation) -> Iterator[tuple[str, Any, Any]]:
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


def _tags(operation: ApiOperation) -> list[str]:
    tags = operation.raw.get("tags")
    return sorted(map(str, tags)) if isinstance(tags, list) else []


def _servers(sides: Sides, old: ApiOperation, new: ApiOperation) -> None:
    before, after = set(old.servers) - {""}, set(new.servers) - {""}
    if before == after:
        return
    lost = sorted(url for url in before if not any(_same_place(url, other) for other in after))
    elsewhere = not before and not any(_AUTHORITY.sub("", url).split(" ")[0] in ("", "/") for url in after)
    words, pointers = (", ".join(sorted(before)) or None, ", ".join(sorted(after)) or None), (old.pointer, new.pointer)
    if lost or elsewhere:
        sides.fact("server-moved", new.name, (", ".join(lost) or None, words[1]), pointers)
    elif after - before:
        sides.fact("server-added", new.name, (None, ", ".join(sorted(after - before))), pointers)


_AUTHORITY = re.compile(r"^([a-z][a-z0-9+.-]*:)?//[^/ ]*", re.IGNORECASE)


def _same_place(left: str, right: str) -> bool:
    """Whether two addresses are one; an address without a scheme (`//host`) is one with any."""
    bare = left.startswith("//") or right.startswith("//")
    return left == right or (bare and left.rpartition("//")[2] == right.rpartition("//")[2])


def worst(findings: list[DiffFinding]) -> Severity:
    """The worst severity of some findings."""
    order = list(Severity)
    return min((finding.severity for finding in findings), key=order.index, default=Severity.COMPATIBLE)
