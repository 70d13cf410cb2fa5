"""The door of the classifier: two descriptions of a model's interface in, a report out."""

from collections.abc import Callable
from typing import Any

from versions.diff.findings import DiffFinding, Direction, Report, Severity, ordered
from versions.diff.loading import Unreadable, load
from versions.diff.model.dify import looks_like_dify, read_dify
from versions.diff.model.judge import compare_contracts
from versions.diff.model.metadata import looks_like_metadata, read_metadata
from versions.diff.model.specs import looks_like_spec, read_spec
from versions.diff.openapi.judge import compare_documents
from versions.diff.plan import ordered as in_order
from versions.diff.policy import DiffPolicy
from versions.diff.proto.judge import compare_protos
from versions.diff.rules import fact
from versions.diff.schema.explanation.compare import compare_schemas
from versions.diff.work import Exhausted, limited

KINDS = ("openapi", "swagger2", "jsonschema", "proto", "dify", "spec", "model")
CONTRACTS = {"dify": read_dify, "spec": read_spec, "model": read_metadata}
DEFAULT = DiffPolicy()


class UnknownKind(ValueError):
    """The kind of a description is neither given nor visible; the message lists the known ones."""


def classify(old: Any, new: Any, kind: str = "", direction: str = "both", policy: DiffPolicy = DEFAULT) -> Report:
    """Compare two descriptions, each text, bytes or parsed data.

    `kind` is one of KINDS; empty means that it is recognised. `direction` (request, response or both) matters to bare
    JSON Schemas only; an OpenAPI document says itself what is sent and what is read. Raises UnknownKind.
    """
    try:
        with limited():
            return _report(_compared(old, new, kind, direction, policy))
    except (Exhausted, RecursionError, MemoryError) as error:
        told = "nested too deeply" if isinstance(error, RecursionError) else str(error) or "too little memory"
        return _report([fact("too-much-work", Direction.REQUEST, "", "the descriptions", (None, told))])


def _compared(old: Any, new: Any, kind: str, direction: str, policy: DiffPolicy) -> list[DiffFinding]:
    if kind == "proto":
        return compare_protos(_files(old), _files(new))
    before, troubles = _read(old, "the old description")
    after, more = _read(new, "the new description")
    if troubles or more:
        return troubles + more
    kind = kind or recognised(after) or recognised(before)
    if kind in ("openapi", "swagger2"):
        return compare_documents(before, after, policy)
    if kind == "jsonschema":
        return compare_schemas(before, after, directions(direction), policy)
    if kind in CONTRACTS:
        return compare_contracts(before, after, CONTRACTS[kind], policy)
    if kind == "proto":
        return compare_protos(_files(old), _files(new))
    raise UnknownKind(f"kind {kind!r} is not known; expected one of {', '.join(KINDS)}")


def directions(word: str) -> tuple[Direction, ...]:
    """The directions that a word names; anything but request and response means both."""
    return (Direction(word),) if word in ("request", "response") else tuple(Direction)


def recognised(data: Any) -> str:
    """The kind of parsed data, or an empty text."""
    if isinstance(data, str | bytes):
        return "proto"
    if isinstance(data, dict):
        return next(kind for kind, fits in _SIGNS if fits(data))
    return "jsonschema" if isinstance(data, bool) else ""


def _looks_like_proto(data: dict[str, Any]) -> bool:
    return isinstance(data.get("file"), list) or (bool(data) and all(str(name).endswith(".proto") for name in data))


_SIGNS: tuple[tuple[str, Callable[[dict[str, Any]], bool]], ...] = (
    ("swagger2", lambda data: "swagger" in data),
    ("openapi", lambda data: "openapi" in data or "paths" in data),
    ("spec", looks_like_spec),
    ("dify", looks_like_dify),
    ("model", looks_like_metadata),
    ("proto", _looks_like_proto),
    ("jsonschema", lambda _data: True),
)


def _read(source: Any, name: str) -> tuple[Any, list[DiffFinding]]:
    try:
        return load(source), []
    except Unreadable as error:
        return None, [fact("unreadable", Direction.REQUEST, "", name, (None, str(error)))]


def _files(source: Any) -> Any:
    if isinstance(source, str) and source.lstrip()[:1] == "{":
        return load(source)
    return source


def _report(findings: list[DiffFinding]) -> Report:
    """Findings, worst first, with the plan of all their steps."""
    steps = in_order(finding.step for finding in findings if finding.step is not None)
    serious = [finding for finding in findings if finding.severity is not Severity.COMPATIBLE]
    adaptable = bool(serious) and all(finding.adapted for finding in serious)
    return Report(ordered(findings), steps, adaptable)
