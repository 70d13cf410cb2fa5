"""Commit statuses: what came of a push, followed until nothing is to happen any more, and told to its forge."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.urls import reverse

from controlplane.base import events
from controlplane.base.jobs import verbs as jobs
from controlplane.base.jobs.engine import JobDeferred, JobFailed, Lease
from controlplane.base.messages import Sentence, cut, joined, message_of
from controlplane.base.models import Job, JobState
from versions import places
from versions.gitops import forges, repositories
from versions.gitops.forges import CommitStatus, ForgePlace
from versions.models import Push, Update, UpdateState
from versions.reading.errors import SourceError, SourceLimited, SourceUnreachable

KIND = "commit_status"
FOLLOWED = timedelta(days=30)
MOST_AT_ONCE, LONGEST_WORDS = 200, 500
_S = UpdateState
MOVING = (_S.SEEN, _S.TESTING, _S.APPROVED, _S.ROLLING, _S.PAUSED)
STOPPED = (_S.REJECTED, _S.EXPIRED, _S.ROLLED_BACK, _S.UNREADABLE)


@dataclass(frozen=True)
class PushState:
    """How far a push is, as a commit status, and whether that is the end."""

    state: str
    words: str
    settled: bool


def follow() -> int:
    """Look at every push that is not settled; have its forge told what it is not told yet. Returns how many moved."""
    rows = Push.objects.filter(settled=False, created_at__gt=Now() - FOLLOWED).select_related("repository")
    return sum(_follow(push) for push in rows.order_by("pk")[:MOST_AT_ONCE])


def run(lease: Lease) -> dict[str, Any]:
    """The handler of "commit_status" jobs: tells a forge what a push is now, not what it was when the job was made."""
    push = Push.objects.select_related("repository__credential").filter(pk=lease.job.input["push"]).first()
    if push is None:
        raise JobFailed("push_gone", Sentence("the repository was deleted"))
    told = {"state": push.state, "words": push.words}
    if push.reported == told:
        return told
    repository = push.repository
    web = places.web()
    try:
        token = repositories.secret_for(repository, repository.status_api)
        place = ForgePlace(repository.forge, repository.status_api, repository.url, token)
        forges.report(place, push.sha, CommitStatus(push.state, push.words, target_of(push)), web)
    except (SourceLimited, SourceUnreachable) as error:
        Push.objects.filter(pk=push.pk).update(report_error=message_of(error))
        raise JobDeferred("forge", message_of(error), getattr(error, "seconds", 1.0)) from error
    except SourceError as error:
        Push.objects.filter(pk=push.pk).update(report_error=message_of(error), reported=told)
        raise JobFailed("forge", message_of(error)) from error
    finally:
        web.close()
    Push.objects.filter(pk=push.pk).update(report_error="", reported=told)
    return told


def state_of(push: Push) -> PushState:
    """What came of a push so far."""
    if push.planned_at is None:
        return _unplanned(push)
    counts = push.plan["counts"]
    if counts["invalid"]:
        first = next(row for row in push.plan["rows"] if row["action"] == "invalid")
        wrong = Sentence(
            "{bad} of {total} specs are invalid, nothing was applied: {first}",
            bad=counts["invalid"], total=counts["total"], first=first["errors"][0],
        )  # fmt: skip
        return PushState("failure", wrong, settled=True)
    found = Counter({"created": counts["new"], "unchanged": counts["unchanged"]})
    for update in Update.objects.filter(pk__in=push.plan["updates"].values()).only("state", "live_at", "model_id"):
        found[_outcome(update)] += 1
    words = joined([_WORDS[name](found[name]) for name in _WORDS if found[name]], ", ") or Sentence("no specs")
    if found["moving"] or found["review"]:
        return PushState("pending", words, settled=False)
    return PushState("failure" if found["stopped"] or found["replaced"] else "success", words, settled=True)


def target_of(push: Push) -> str:
    """The page that tells more: the review of the only update, else the repository."""
    updates = list(push.plan.get("updates", {}).values())
    if len(updates) == 1:
        return f"{push.console}{reverse('review', args=updates)}"
    return f"{push.console}{reverse('repository', args=[push.repository_id])}"


def _follow(push: Push) -> bool:
    found = state_of(push)
    now = replace(found, words=cut(found.words, LONGEST_WORDS))
    reports = bool(push.repository.status_api and push.sha)
    told = {"state": now.state, "words": now.words}
    settled = now.settled and (not reports or push.reported == told)
    moved = (push.state, push.words, push.settled) != (now.state, now.words, settled)
    if moved:
        Push.objects.filter(pk=push.pk).update(state=now.state, words=now.words, settled=settled)
        events.publish("repositories", {"id": push.repository_id})
    if reports and push.reported != told:
        enqueue(push)
    return moved


def enqueue(push: Push) -> None:
    """Have a push's forge told, unless a job that will do so waits already."""
    waiting = Job.objects.filter(kind=KIND, state__in=[JobState.QUEUED, JobState.RUNNING], input__push=push.pk)
    if not waiting.exists():
        title = Sentence("Report a push to {repository}", repository=push.repository.name)
        jobs.enqueue(KIND, {"push": push.pk}, title=title)


def _unplanned(push: Push) -> PushState:
    job = Job.objects.filter(pk=push.job_id).only("state", "error").first() if push.job_id else None
    if job is not None and job.state not in jobs.FINAL:
        return PushState("pending", push.words, settled=False)
    error = job.error if job is not None else None
    return PushState("error", (error or {}).get("message", Sentence("the push was not read")), settled=True)


def _outcome(update: Update) -> str:
    if update.state == _S.LIVE or (update.state == _S.SUPERSEDED and update.live_at):
        return "live"
    if update.state in MOVING:
        return "moving"
    if update.state == _S.REVIEW:
        return "review"
    if update.state in STOPPED:
        return "stopped"
    # An update that is superseded by no other one proposed what its model serves already.
    newer = Update.objects.filter(model=update.model_id, created_at__gt=update.created_at)
    return "replaced" if newer.exists() else "unchanged"


_WORDS = {
    "stopped": lambda n: Sentence("{n} stopped", n=n),
    "replaced": lambda n: Sentence("{n} replaced by a newer update", n=n),
    "review": lambda n: Sentence("{n} to be reviewed", n=n),
    "moving": lambda n: Sentence("{n} on the way", n=n),
    "live": lambda n: Sentence("{n} live", n=n),
    "created": lambda n: Sentence("{n} created", n=n),
    "unchanged": lambda n: Sentence("{n} unchanged", n=n),
}
"""What can become of a spec, the most telling first."""
