"""The audit log as a file to keep: read and sent in pieces, so that its length costs no memory."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils import timezone

from controlplane.base import access, spreadsheet
from controlplane.base.audit import history
from controlplane.base.audit.naming import AuditEntry
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid

COLUMNS = ("id", "at", "actor", "verb", "object_type", "object_id", "object_name", "request_id", "detail", "hash")


def answer(actor: access.Actor, wanted: Mapping[str, str], kind: str) -> StreamingHttpResponse:
    """Every matching entry, newest first. Raises Forbidden, Invalid."""
    access.require(actor, "audit.read")
    if kind not in FORMATS:
        raise Invalid("format", Sentence("format {kind} is none of {known}", kind=repr(kind[:40]), known=list(FORMATS)))
    content_type, write = FORMATS[kind]
    name = f"patchbay-audit-{timezone.now():%Y-%m-%d}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(_pieces(actor, wanted, write), content_type=content_type, headers=headers)


async def _pieces(
    actor: access.Actor, wanted: Mapping[str, str], write: Callable[[Sequence[AuditEntry], bool], str]
) -> AsyncIterator[str]:
    before: int | None = None
    while entries := await sync_to_async(history.piece)(actor, wanted, before):
        yield write(entries, before is None)
        before = entries[-1].change.pk
    if before is None:
        yield write([], True)


def as_csv(entries: Sequence[AuditEntry], first: bool) -> str:
    """Rows, with the head before the first ones."""
    rows = [
        [json.dumps(row[name], ensure_ascii=False) if name == "detail" else str(row[name]) for name in COLUMNS]
        for row in map(fields, entries)
    ]
    return spreadsheet.as_csv([COLUMNS, *rows] if first else rows)


def as_json(entries: Sequence[AuditEntry], first: bool) -> str:
    """One entry a line."""
    return "".join(json.dumps(fields(entry), ensure_ascii=False) + "\n" for entry in entries)


def fields(entry: AuditEntry) -> dict[str, object]:
    """An entry as a flat row."""
    change = entry.change
    row = {name: getattr(change, name) for name in COLUMNS if name != "object_name"}
    return {**row, "at": change.at.isoformat(), "object_name": entry.name}


FORMATS: dict[str, tuple[str, Callable[[Sequence[AuditEntry], bool], str]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "jsonl": ("application/x-ndjson; charset=utf-8", as_json),
}
