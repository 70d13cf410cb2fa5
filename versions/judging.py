"""The job that takes an update from being seen to a decision: judge, test, then approved by policy or in review.

Each step is one move of the update, so a killed job goes on where it was.
"""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from controlplane.base import access
from controlplane.base.audit import chain as audit
from controlplane.base.jobs.engine import Lease
from controlplane.base.messages import Sentence, in_both, message_of
from controlplane.base.models import Job, JobState
from controlplane.base.refusals import Conflict, Invalid, Missing
from registry.catalog import releases
from registry.models import Model, Release
from registry.specfile import file as spec_file
from registry.specfile.errors import SpecInvalid
from versions import flow, proposing, update_policy
from versions.compat import running
from versions.flow import UpdateEvent
from versions.impact.callers import impact_of
from versions.models import Update, UpdateState
from versions.verdict import Verdict, judge

DECIDE_WITHIN = timedelta(hours=72)
RESTED = timedelta(minutes=2)
MOST_AT_ONCE = 500


def run(lease: Lease) -> dict[str, Any]:
    """The handler of "update" jobs. Its input may hold `edited`, a person's adaptation to judge in place of ours."""
    given = lease.job.input
    update = _load(uuid.UUID(given["update"]))
    if update is not None and update.state in (UpdateState.SEEN, UpdateState.REVIEW):
        lease.progress(phase="judge")
        update = _judged(update, given.get("edited"))
    if update is not None and update.state == UpdateState.TESTING:
        lease.progress(phase="test")
        update = _tested(update, lease)
    if update is None:
        return {"state": "gone"}
    return {"state": update.state, "verdict": update.verdict, "model": update.model.name, "hot_fix": update.hot_fix}


@transaction.atomic
def judge_again(actor: Any, update_id: uuid.UUID, *, request_id: str = "") -> Update:
    """Judge and test an update in review once more, for example after the policy moved. Raises Forbidden, Missing."""
    access.require(actor, "update.propose")
    update = _in_review(update_id)
    proposing.enqueue(update, actor)
    return update


@transaction.atomic
def edit(actor: Any, update_id: uuid.UUID, document: Mapping[str, Any], *, request_id: str = "") -> Update:
    """Put a person's adaptation in place of ours, and test it. Who edits does not decide.

    Raises Forbidden, Missing, Conflict in another state than review, Invalid with every error of the spec.
    """
    access.require(actor, "update.adapt")
    update = _in_review(update_id)
    spec = releases.checked_spec(document)
    if spec.name != update.model.name:
        words = Sentence("the adapted spec is of {name}, not of {model}", name=spec.name, model=update.model.name)
        raise Invalid("name", words)
    Update.objects.filter(pk=update.pk).update(plan_author_id=getattr(actor, "id", None))
    detail = {"name": update.model.name, "digest": spec_file.digest(document)}
    audit.record(actor, "update.adapt", "update", update.pk, detail, request_id)
    proposing.enqueue(update, actor, spec_file.document(spec))
    update.refresh_from_db(fields=["plan_author"])
    return update


def recover() -> int:
    """Put updates on their way again whose job is gone, and tell of those whose job gave up. Returns how many moved.

    Run by beat.
    """
    waiting = Update.objects.filter(state__in=[UpdateState.SEEN, UpdateState.TESTING])
    moved = 0
    for update in waiting.filter(moved_at__lt=timezone.now() - RESTED).select_related("model")[:MOST_AT_ONCE]:
        job = Job.objects.filter(kind=proposing.KIND, input__update=str(update.pk)).order_by("-created_at").first()
        if job is not None and job.state in (JobState.QUEUED, JobState.RUNNING):
            continue
        moved += 1
        if job is None or job.state != JobState.FAILED:
            proposing.enqueue(update)
            continue
        why = Sentence("its job gave up: {error}", error=(job.error or {}).get("message", ""))
        if update.state == UpdateState.SEEN:
            _moved(update, UpdateEvent.FAIL_TO_READ, reason=why)
        else:
            _moved(update, UpdateEvent.ASK, reason=why, deadline=timezone.now() + DECIDE_WITHIN)
    return moved


def catch_up() -> int:
    """Have updates in review judged again whose model serves another release by now. Returns how many."""
    rows = Update.objects.filter(state=UpdateState.REVIEW).exclude(base=F("model__release")).select_related("model")
    for update in rows:
        # A job that comes while people have just approved does nothing: the next return into review asks anew.
        proposing.enqueue_once(update, f"{update.pk} on {update.model.release_id} at {update.moved_at.timestamp()}")
    return len(rows)


def _judged(update: Update, edited: Mapping[str, Any] | None) -> Update | None:
    """Judge: the report, the adapted release, and on to the tests. What cannot be read stays where people see it."""
    policy = update_policy.of(update.model.name)
    update = _on_live(update)
    try:
        found = releases.problems(spec_file.read(update.proposed), releases.world())
        if found:
            raise SpecInvalid(tuple(found))
        verdict = judge(update, policy, edited)
    except SpecInvalid as error:
        return _unreadable(update, message_of(error))
    if _nothing_new(update, verdict):
        words = Sentence("what would go live is what {model} serves already", model=update.model.name)
        return _moved(update, UpdateEvent.SUPERSEDE, reason=words)
    with transaction.atomic():
        release = _released(update, verdict)
        return _moved(
            update, UpdateEvent.JUDGE, release=release, verdict=verdict.severity.value,
            report={**verdict.report, "alone": verdict.alone}, plan=verdict.plan, plan_digest=verdict.plan_digest,
            fingerprint=verdict.fingerprint, reason=_summary(verdict.report),
        )  # fmt: skip


def _on_live(update: Update) -> Update:
    """The update held against what its model serves now: a person may have edited the model since."""
    live = update.model.release
    if live is not None and live.pk != update.base_id:
        Update.objects.filter(pk=update.pk).update(base=live)
        update.base = live
    return update


def _unreadable(update: Update, why: str) -> Update | None:
    if update.state == UpdateState.SEEN:
        return _moved(update, UpdateEvent.FAIL_TO_READ, reason=why)
    Update.objects.filter(pk=update.pk, state=UpdateState.REVIEW).update(reason=why)
    return update


def _nothing_new(update: Update, verdict: Verdict) -> bool:
    base = update.base
    assert base is not None
    return verdict.document == base.spec and _manifest(update) == base.manifest


def _manifest(update: Update) -> str:
    """The digest of the files that the new release stands for."""
    if update.scan is not None and update.scan.manifest is not None:
        return update.scan.manifest.digest
    return update.base.manifest if update.base else ""


def _released(update: Update, verdict: Verdict) -> Release:
    """The release that would go live: the one made before if it is the same, else a new one."""
    document = dict(verdict.document)
    digest, manifest = spec_file.digest(document), _manifest(update)
    made = update.release
    if made is not None and (made.digest, made.manifest) == (digest, manifest):
        return made
    model = Model.objects.select_for_update(of=("self",)).get(pk=update.model_id)
    last = model.releases.aggregate(last=Max("number"))["last"] or 0
    return Release.objects.create(
        model=model, number=last + 1, spec=document, digest=digest, manifest=manifest, created_by_id=update.author_id
    )


def _tested(update: Update, lease: Lease) -> Update | None:
    """Look who would notice and whether the candidate answers, then leave the decision to the policy or to people."""
    tests = running.run(update, update_policy.of(update.model.name))
    impact = impact_of(update)
    in_days = [row for row in impact["hurt"] if row["calls_7"]]
    calls = sum(row["calls_7"] for row in in_days)
    found = {"tests": tests, "impact": impact, "callers_hurt": len(in_days), "calls_hurt": calls}
    if update.report.get("alone") and tests["green"]:
        return _moved(update, UpdateEvent.CLEAR, hot_fix=True, reason=update.reason, **found)
    deadline = timezone.now() + DECIDE_WITHIN
    return _moved(update, UpdateEvent.ASK, deadline=deadline, reason=_asking(update, tests), **found)


def _asking(update: Update, tests: Mapping[str, Any]) -> str:
    """Why a person is asked: what would break, else which test failed."""
    if update.verdict != "compatible" or tests["green"]:
        return str(update.reason) if not isinstance(update.reason, Sentence) else update.reason
    first = next(iter(tests["failed"]), None)
    if first is None:
        return Sentence("its tests failed: nothing was tested")
    return Sentence("its tests failed ({name}): {why}", name=first["name"], why=first["why"])


def _summary(report: Mapping[str, Any]) -> str:
    """The worst finding in words, and how many more there are."""
    serious = [item for item in report["findings"] if item["severity"] != "compatible"]
    if not serious:
        count = len(report["plan"])
        return Sentence("compatible after {count} adaptations", count=count) if count else Sentence("compatible")
    first = serious[0].get("message", {})
    words = in_both(first.get("en", ""), first.get("zh") or first.get("en", "")) if isinstance(first, dict) else first
    more = len(serious) - 1
    return Sentence("{first} (and {more} more)", first=words, more=more) if more else words


def _moved(update: Update, event: UpdateEvent, **fields: Any) -> Update | None:
    """Move the update; where somebody else just did, it is as they left it. None if it is gone."""
    try:
        return flow.move(update.pk, event, **fields)
    except Conflict:
        return _load(update.pk)
    except Missing:
        return None


def _load(update_id: uuid.UUID) -> Update | None:
    rows = Update.objects.select_related("model__release", "base", "release", "source", "scan__manifest")
    return rows.filter(pk=update_id).first()


def _in_review(update_id: uuid.UUID) -> Update:
    update = Update.objects.select_for_update(of=("self",)).select_related("model").filter(pk=update_id).first()
    if update is None:
        raise Missing("update", Sentence("there is no update {update}", update=repr(str(update_id)[:60])))
    if update.state != UpdateState.REVIEW:
        words = Sentence(
            "the update of {model} is {state}, not in review", model=update.model.name, state=flow.label_of(update)
        )
        raise Conflict("update_state", words, {"state": update.state})
    return update
