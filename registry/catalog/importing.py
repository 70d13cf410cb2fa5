"""Importing a YAML file of specs: the plan shows every row's error, the job writes all rows at once and probes them."""

import re
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from controlplane.base import access, events, revision
from controlplane.base.audit import chain as audit
from controlplane.base.jobs import verbs as jobs
from controlplane.base.jobs.engine import JobFailed, Lease
from controlplane.base.messages import Sentence, cut, joined
from controlplane.base.models import Job, User
from controlplane.base.redaction import redact
from controlplane.base.refusals import Conflict, Invalid
from registry.access import callers
from registry.catalog import probing, releases
from registry.models import Model, ModelState
from registry.specfile import file as spec_file
from registry.specfile.errors import SpecError

MODES = ("atomic", "valid")
ACTIONS = ("new", "changed", "unchanged", "invalid")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True)
class PlanRow:
    """What would happen to one row: new, changed, unchanged or invalid, with every error."""

    index: int
    line: int
    name: str
    action: str
    errors: tuple[SpecError, ...] = ()


@dataclass(frozen=True)
class PlannedImport:
    """A dry run. `errors` are those of the file as a whole; `counts` has each action and the total."""

    rows: tuple[PlanRow, ...]
    counts: dict[str, int]
    errors: tuple[SpecError, ...] = ()


def plan(actor: access.Actor | None, text: str | bytes, file: str = "<paste>") -> PlannedImport:
    """What importing `text` would do; nothing is written. Raises Forbidden."""
    access.require(actor, "model.import")
    return _planned(spec_file.parse(text, file))


def start(
    actor: access.Actor | None,
    text: str | bytes,
    file: str = "<paste>",
    mode: str = "atomic",
    *,
    idempotency: jobs.Idempotency | None = None,
    request_id: str = "",
) -> Job:
    """Import in a job: all rows or none ("atomic"), or the valid ones ("valid").

    Raises Forbidden, and Invalid with every error where the file, or in atomic mode any row, cannot be imported.
    """
    if mode not in MODES:
        raise Invalid("mode", Sentence("mode {mode} is none of {modes}", mode=repr(mode[:40]), modes=", ".join(MODES)))
    found = plan(actor, text, file)
    _refuse(found, mode)
    body = _without_secrets(text.decode("utf-8-sig") if isinstance(text, bytes) else text, found)
    shown = _line(file)[:120] or "<paste>"
    with transaction.atomic():
        job = jobs.enqueue(
            "import",
            {"text": body, "file": shown, "mode": mode},
            actor=actor,
            title=Sentence("Import {shown}", shown=shown),
            idempotency=idempotency,
        )
        detail = {"name": job.title, "file": shown, "mode": mode, **found.counts}
        audit.record(actor, "model.import", "job", job.pk, detail, request_id)
    return job


def run(lease: Lease) -> dict[str, Any]:
    """The job's handler: writes, then probes what is not ready. A second attempt goes on where the first stopped."""
    data = lease.job.input
    parsed = spec_file.parse(data["text"], data["file"])
    if "counts" not in lease.job.progress:
        _apply(lease, parsed, data["mode"])
    counts = lease.job.progress["counts"]
    names = [row.name for row in parsed.rows if row.spec is not None]
    unproven = [ModelState.PROBING, ModelState.UNREACHABLE]
    waiting = list(Model.objects.filter(name__in=names, state__in=unproven).values_list("pk", flat=True))
    settled = counts["total"] - counts["invalid"] - len(waiting)
    track = _Track(lease, counts, settled)
    probing.probe_models(waiting, track, lease.cancelled)
    return _result(lease, parsed, counts)


def failed_yaml(job: Job) -> str:
    """The invalid and unreachable rows of a finished import, as a file to mend and import again. Raises Conflict."""
    if job.kind != "import" or not job.result:
        raise Conflict(
            "no_result",
            Sentence(
                "job {job} is no finished import; it is {kind}, {state}", job=job.pk, kind=job.kind, state=job.state
            ),
        )
    reasons = {item["line"]: f"{item['name']}: {item['reason']}" for item in job.result["failed"]}
    return _taken_out(spec_file.parse(job.input["text"], job.input["file"]), reasons)


def invalid_yaml(actor: access.Actor | None, text: str | bytes, file: str = "<paste>") -> str:
    """The rows of `text` that cannot be imported, as a file to mend, with each error on top. Raises Forbidden."""
    access.require(actor, "model.import")
    parsed = spec_file.parse(text, file)
    wrong = [row for row in _planned(parsed).rows if row.errors]
    return _taken_out(parsed, {row.line: f"{row.name}: {'; '.join(map(str, row.errors))}" for row in wrong})


def _taken_out(parsed: spec_file.SpecFile, reasons: dict[int, str]) -> str:
    rows = [row for row in parsed.rows if row.line in reasons]
    head = "".join(f"# {_line(reasons[row.line])}\n" for row in rows)
    return head + spec_file.to_yaml(row.document for row in rows)


def _planned(parsed: spec_file.SpecFile) -> PlannedImport:
    known = releases.world()
    rows = tuple(plan_row(row, known) for row in parsed.rows)
    found = Counter(row.action for row in rows)
    return PlannedImport(rows, {**{action: found[action] for action in ACTIONS}, "total": len(rows)}, parsed.errors)


def plan_row(row: spec_file.SpecRow, known: releases.World) -> PlanRow:
    """What would happen to one row beside what exists."""
    if row.spec is None:
        return PlanRow(row.index, row.line, row.name, "invalid", row.errors)
    if known.digests.get(row.name) == row.digest:
        return PlanRow(row.index, row.line, row.name, "unchanged")
    errors = tuple(
        replace(item, line=row.line, path=f"models[{row.index}].{item.path}")
        for item in releases.problems(row.spec, known)
    )
    action = "invalid" if errors else "changed" if row.name in known.digests else "new"
    return PlanRow(row.index, row.line, row.name, action, errors)


def _refuse(found: PlannedImport, mode: str) -> None:
    errors = [*found.errors, *(error for row in found.rows for error in row.errors)]
    if found.errors or (mode == "atomic" and errors):
        bad = found.counts["invalid"]
        what = (
            Sentence("{bad} of {total} rows are invalid", bad=bad, total=found.counts["total"])
            if not found.errors
            else Sentence("the file cannot be read")
        )
        raise Invalid(
            "import_invalid",
            Sentence("{what}, nothing was imported: {first}", what=what, first=errors[0].placed),
            [error.placed for error in errors],
        )


def _without_secrets(text: str, found: PlannedImport) -> str:
    """The file as the job keeps it: in rows that are invalid, perhaps because they hold a secret, it is masked."""
    lines = text.split("\n")
    ends = [row.line - 1 for row in found.rows[1:]] + [len(lines)]
    for row, end in zip(found.rows, ends, strict=False):
        if row.action == "invalid":
            for number in range(row.line - 1, min(max(end, row.line), len(lines))):
                lines[number] = _masked(lines[number])
    return "\n".join(lines)


def _masked(line: str) -> str:
    """A line of YAML without what looks like a secret. Asterisks would be an alias, which no reader finds."""
    masked = redact(line)
    return masked if masked == line else masked.replace("***", "masked")


def _apply(lease: Lease, parsed: spec_file.SpecFile, mode: str) -> None:
    lease.progress(phase="apply", total=len(parsed.rows))
    actor = _actor(lease.job)
    with transaction.atomic():
        found = _planned(parsed)
        try:
            _refuse(found, mode)
        except Invalid as refused:
            raise JobFailed(refused.code, refused.message, refused.detail) from refused
        wanted = [row.index for row in found.rows if row.action in ("new", "changed")]
        entries = [
            releases.Entry(row.spec, row.digest)
            for row in (parsed.rows[index] for index in wanted)
            if row.spec is not None
        ]
        invalid = [
            {
                "name": row.name,
                "line": row.line,
                "reason": cut(joined([error.placed for error in row.errors], "; "), probing.MAX_KEPT_WORDS),
            }
            for row in found.rows
            if row.action == "invalid"
        ]
        if entries:
            releases.store(entries, lease.job.created_by_id)
            revision.bump()
            detail = {"job": str(lease.job.pk), **found.counts}
            audit.record(actor, "model.import", "model", Sentence("{count} models", count=len(entries)), detail)
            events.publish("models", {"count": len(entries), "names": []})
        lease.progress(phase="probe", counts=found.counts, invalid=invalid)
        lease.flush()


def _actor(job: Job) -> User | callers.KeyActor:
    """Whoever asked, if they may still import."""
    if job.api_key_id is not None:
        actor: User | callers.KeyActor | None = callers.actor_of_id(job.api_key_id)
    else:
        actor = job.created_by
    if actor is None or not access.can(actor, "model.import"):
        raise JobFailed(
            "forbidden", Sentence("whoever started this import may not import any more; nothing was written")
        )
    return actor


class _Track:
    """Turns probe outcomes into the job's progress."""

    def __init__(self, lease: Lease, counts: dict[str, int], settled: int) -> None:
        self.lease, self.counts, self.settled = lease, counts, settled
        self.started = time.monotonic()

    def __call__(self, ready: int, failed: int) -> None:
        """`ready` and `failed` models are probed so far."""
        total, invalid = self.counts["total"], self.counts["invalid"]
        left = total - invalid - self.settled - ready - failed
        rate = (ready + failed) / max(time.monotonic() - self.started, 0.001)
        self.lease.progress(
            done=self.settled + ready,
            failed=invalid + failed,
            left=left,
            total=total,
            unchanged=self.counts["unchanged"],
            rate=round(rate, 1),
            eta_s=round(left / rate, 1) if rate else None,
        )


def _result(lease: Lease, parsed: spec_file.SpecFile, counts: dict[str, int]) -> dict[str, Any]:
    lines = {row.name: row.line for row in parsed.rows if row.spec is not None}
    states = Counter(Model.objects.filter(name__in=lines).values_list("state", flat=True))
    unreachable = Model.objects.filter(
        name__in=lines, state=ModelState.UNREACHABLE, probed_at__gte=lease.job.started_at
    ).values_list("name", "state_reason")
    failed = [
        *lease.job.progress["invalid"],
        *(
            {"name": name, "line": lines[name], "reason": cut(reason, probing.MAX_KEPT_WORDS)}
            for name, reason in unreachable
        ),
    ]
    assert lease.job.started_at is not None
    seconds = (timezone.now() - lease.job.started_at).total_seconds()
    return {
        "counts": {**counts, **{state: states.get(state, 0) for state in ModelState.values}},
        "failed": sorted(failed, key=lambda item: item["line"]),
        "import_s": round(seconds, 2),
    }


def _line(text: str) -> str:
    return _CONTROL.sub(" ", text).encode("utf-8", "replace").decode().strip()
