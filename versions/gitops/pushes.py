"""Pushes, as jobs: read the commit, plan, create what is new, propose what changed.

A push is taken whole or not at all: one invalid spec and nothing of it is applied. A file that disappears removes
nothing. Pushes of one repository are read one after the other; one that the branch has left behind is not read.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from controlplane.base import access, events, revision
from controlplane.base.audit import chain as audit
from controlplane.base.jobs import verbs as jobs
from controlplane.base.jobs.engine import JobDeferred, JobFailed, Lease
from controlplane.base.messages import Sentence, cut, message_of
from controlplane.base.models import Job, JobState, User
from registry.catalog import importing, releases
from registry.catalog.verbs import enqueue_probe
from registry.models import Model
from versions import places, proposing
from versions.gitops import planning, repositories, statuses
from versions.gitops.payloads import PushSeen, push_in
from versions.gitops.planning import PushRow
from versions.models import Push, SpecRepository, Update
from versions.reading.errors import SourceError, SourceLimited, SourceUnreachable
from versions.reading.interface import SourcePlace
from versions.reading.web import Web
from versions.sources import git
from versions.webhooks import Delivered

KIND = "push"
MOST_ERRORS, LONGEST_ERROR = 20, 500
MOST_ROWS = 1000
"""Rows of a plan that are kept, those that do something first."""
Writer = Mapping[str, str]


class PushEnded(Exception):
    """A push that is not read: the message says why."""


def delivered(repository: SpecRepository, delivery: Delivered, console: str) -> dict[str, Any]:
    """The effect of a webhook's delivery, in its transaction: a push to the branch is read in a job."""
    seen = push_in(delivery.form, delivery.event, delivery.body, repository.branch)
    if seen is None:
        return {"push": None}
    return {"push": _enqueue(repository, seen, console).pk}


@transaction.atomic
def pull(actor: access.Actor | None, repository_id: int, console: str, request_id: str = "") -> Push:
    """Read a repository's branch now, as after a push. Raises Forbidden, Missing."""
    access.require(actor, "repository.change")
    repository = repositories.get(actor, repository_id)
    push = _enqueue(repository, PushSeen(""), console)
    detail = {"name": repository.name, "job": str(push.job_id)}
    audit.record(actor, "repository.pull", "repository", repository.pk, detail, request_id)
    return push


def run(lease: Lease) -> dict[str, Any]:
    """The handler of push jobs."""
    push = Push.objects.select_related("repository__credential").filter(pk=lease.job.input["push"]).first()
    if push is None:
        raise JobFailed("push_gone", Sentence("the repository was deleted"))
    if push.planned_at is None:
        _wait_for_others(lease)
        web = places.web()
        try:
            _take(lease, push, web)
        except (SourceLimited, SourceUnreachable) as error:
            _note(push, message_of(error))
            raise JobDeferred("source", message_of(error), getattr(error, "seconds", 1.0), 30.0) from error
        except (SourceError, PushEnded) as error:
            _note(push, message_of(error))
            raise JobFailed("push", message_of(error)) from error
        finally:
            web.close()
    return {"push": push.pk, "sha": push.sha, "counts": push.plan["counts"], "updates": push.plan["updates"]}


def _enqueue(repository: SpecRepository, seen: PushSeen, console: str) -> Push:
    push = Push.objects.create(
        repository=repository, sha=seen.sha, console=console.rstrip("/")[:300],
        words=Sentence("the specs of this commit are read"),
    )  # fmt: skip
    title = Sentence("Read a push to {repository}", repository=repository.name)
    given = {"push": push.pk, "repository": repository.pk, "writers": seen.writers}
    push.job_id = jobs.enqueue(KIND, given, title=title).pk
    push.save(update_fields=["job_id"])
    if repository.status_api and push.sha:
        statuses.enqueue(push)
    events.publish("repositories", {"id": repository.pk})
    return push


def _wait_for_others(lease: Lease) -> None:
    """Give the job back while an older one reads the same repository. Raises JobDeferred."""
    job = lease.job
    older = Q(created_at__lt=job.created_at) | Q(created_at=job.created_at, pk__lt=job.pk)
    others = Job.objects.filter(older, kind=KIND, state=JobState.RUNNING, input__repository=job.input["repository"])
    if others.exists():
        raise JobDeferred("busy", Sentence("another push of the repository is read"), retry_after=0.5, longest=5.0)


def _take(lease: Lease, push: Push, web: Web) -> None:
    """1 fetch · 2 plan · 3 create and propose, unless a spec is invalid · 4 keep what came of it."""
    repository, writers = push.repository, dict(lease.job.input.get("writers", {}))
    secret = repositories.secret_for(repository, repository.url)
    place = SourcePlace(repository.url, repository.branch, secret)
    lease.progress(phase="fetch")
    head = git.look(place, web)
    assert head is not None, "it was asked without a condition"
    if push.sha and push.sha != head.revision:
        raise PushEnded(Sentence("{branch} had moved on before this commit was read", branch=repository.branch))
    push.sha = head.revision
    with git.at_commit(place, push.sha, web) as tree:
        author = {"name": tree.author[0], "email": tree.author[1]}
        push.author, push.message = tree.author[0][:200], tree.message.replace("\x00", "")[:200]
        push.save(update_fields=["sha", "author", "message"])
        lease.progress(phase="plan")
        rows = planning.plan(planning.spec_files(tree, repository.folder))
    updates: dict[str, str] = {}
    if not any(row.action == "invalid" for row in rows):
        lease.progress(phase="propose", total=len(rows))
        _create(push, [row for row in rows if row.action == "new"], _account({}, author))
        rows, updates = _propose(push, rows, writers, author)
    _keep(lease, push, rows, updates)


def _create(push: Push, rows: Sequence[PushRow], account: int | None) -> None:
    """Write new models, as an import does."""
    entries = [releases.Entry(row.row.spec, row.row.digest) for row in rows if row.row and row.row.spec]
    if not entries:
        return
    with transaction.atomic():
        made = releases.store(entries, account)
        revision.bump()
        detail = {"repository": push.repository.name, "commit": push.sha, "new": len(entries)}
        audit.record(None, "model.import", "model", Sentence("{count} models", count=len(entries)), detail)
        events.publish("models", {"count": len(entries), "names": []})
        enqueue_probe(None, list(made.created), push.repository.name)


def _propose(
    push: Push, rows: Sequence[PushRow], writers: Mapping[str, Writer], author: Writer
) -> tuple[list[PushRow], dict[str, str]]:
    """Propose what changed. What is the proposal of a hot-fix that is live already has not changed."""
    models = Model.objects.select_related("release").in_bulk(
        [row.name for row in rows if row.action == "changed"], field_name="name"
    )
    known: dict[tuple[str, ...], int | None] = {}
    after: list[PushRow] = []
    updates: dict[str, str] = {}
    for row in rows:
        update = None
        if row.action == "changed" and row.name in models:
            commit = _commit(push, row, _account(known, writers.get(row.file) or author))
            update = _update_for(push, models[row.name], row, commit, row.file in writers)
            if update is not None:
                updates[row.name] = str(update)
        served = row.action == "changed" and update is None
        after.append(replace(row, action="unchanged") if served else row)
    return after, updates


def _update_for(push: Push, model: Model, row: PushRow, commit: Mapping[str, Any], touched: bool) -> uuid.UUID | None:
    """The update that this spec is proposed with; the decided one if people did not want it and nobody touched it."""
    assert row.row is not None
    earlier = Update.objects.filter(model=model).order_by("-created_at").first()
    if earlier is not None and earlier.commit.get("push") == push.pk:
        return earlier.pk
    update = None
    if earlier is not None and not touched and earlier.state in proposing.DECIDED:
        update = earlier if earlier.commit.get("digest") == row.row.digest else None
    update = update or proposing.propose(None, model, row.row.document, origin="gitops", commit=commit)
    return update.pk if update is not None else None


def _commit(push: Push, row: PushRow, account: int | None) -> dict[str, Any]:
    repository = push.repository
    return {
        "forge": repository.forge, "repository": repository.name, "push": push.pk, "sha": push.sha,
        "file": row.file, "line": row.line, "author": push.author, "message": push.message, "account": account,
        "digest": row.row.digest if row.row else "",
    }  # fmt: skip


def _account(known: dict[tuple[str, ...], int | None], writer: Writer) -> int | None:
    """The account of a commit's author: of the same e-mail address, else of the same name."""
    mail, names = writer.get("email", ""), [writer.get("username", ""), writer.get("name", "")]
    key = (mail, *names)
    if key not in known:
        by_mail = User.objects.filter(email__iexact=mail).first() if mail else None
        by_name = User.objects.filter(username__in=[name for name in names if name]).first()
        found = by_mail or by_name
        known[key] = found.pk if found else None
    return known[key]


@transaction.atomic
def _keep(lease: Lease, push: Push, rows: Sequence[PushRow], updates: Mapping[str, str]) -> None:
    """Keep the plan, under the job's fence. Raises LeaseLost."""
    lease.flush()
    found = Counter(row.action for row in rows)
    telling = sorted(rows, key=lambda row: ("invalid", "changed", "new", "unchanged").index(row.action))
    push.plan = {
        "counts": {**{action: found[action] for action in importing.ACTIONS}, "total": len(rows)},
        "rows": [_row(row) for row in telling[:MOST_ROWS]],
        "updates": dict(updates),
    }  # fmt: skip
    Push.objects.filter(pk=push.pk).update(plan=push.plan, planned_at=Now())
    SpecRepository.objects.filter(pk=push.repository_id).update(revision=push.sha, state_reason="")
    events.publish("repositories", {"id": push.repository_id})


def _row(row: PushRow) -> dict[str, Any]:
    told = {"file": row.file, "line": row.line, "name": row.name, "action": row.action}
    return {**told, "errors": [cut(error, LONGEST_ERROR) for error in row.errors[:MOST_ERRORS]]}


def _note(push: Push, why: str) -> None:
    Push.objects.filter(pk=push.pk).update(words=why)
    SpecRepository.objects.filter(pk=push.repository_id).update(state_reason=why)
    events.publish("repositories", {"id": push.repository_id})
