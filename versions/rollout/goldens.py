"""Golden answers as a guard line: at each step the new release is asked what its team pinned, by a job."""

import time
from typing import Any

from controlplane.base.jobs import verbs as jobs
from controlplane.base.jobs.engine import Lease
from controlplane.base.messages import Sentence, message_of
from controlplane.base.models import Job, JobState
from controlplane.base.refusals import Conflict, Missing
from versions.compat import running
from versions.compat.calling import CallBudget, Came, CaseOutcome
from versions.compat.running import Untestable
from versions.models import GoldenAnswer, Rollout
from versions.rollout import verbs

KIND = "golden"
CALLS, SECONDS = 200, 120.0


def settled(rollout: Rollout) -> bool:
    """Whether this step's golden answers were given, or there are none; asks for them once a step.

    Needs a transaction that alone looks at the rollout.
    """
    if not GoldenAnswer.objects.filter(model=rollout.update.model_id).exists():
        return True
    asked = {"rollout": rollout.pk, "position": rollout.position}
    job = Job.objects.filter(kind=KIND, input=asked).order_by("-created_at").first()
    if job is None:
        jobs.enqueue(KIND, asked, title=Sentence("Golden answers of {model}", model=rollout.update.model.name))
        return False
    return bool(job.state == JobState.SUCCEEDED)


def run(lease: Lease) -> dict[str, Any]:
    """Ask the new release; if it fails an answer that the old one gives, the rollout goes back."""
    rows = Rollout.objects.select_related("update__model", "update__release", "update__base")
    rollout = rows.filter(pk=lease.job.input["rollout"], ended_at=None).first()
    if rollout is None or rollout.update.release is None or rollout.update.base is None:
        return {"asked": 0, "broken": []}
    answers = list(rollout.update.model.golden_answers.order_by("name"))
    budget = CallBudget(CALLS, time.monotonic() + SECONDS)
    failed = {told.name: told for told in _failed(running.golden_answers(rollout.update.release, answers, budget))}
    again = [row for row in answers if row.name in failed]
    both = {told.name for told in _failed(_old(rollout, again, budget))}
    broken = [told for name, told in failed.items() if name not in both]
    if broken:
        first = broken[0]
        words = Sentence("guard line broken: golden answer {name}: {why}", name=repr(first.name), why=first.why)
        try:
            verbs.go_back(rollout.update_id, words, broken=True)
        except (Conflict, Missing):
            return {"asked": len(answers), "broken": [told.name for told in broken], "late": True}
    return {"asked": len(answers), "broken": [told.name for told in broken]}


def _old(rollout: Rollout, answers: list[GoldenAnswer], budget: CallBudget) -> list[CaseOutcome]:
    """What the old release answers to those; one that cannot be called gives none of them."""
    assert rollout.update.base is not None
    if not answers:
        return []
    try:
        return running.golden_answers(rollout.update.base, answers, budget)
    except Untestable as error:
        return [CaseOutcome("golden", row.name, Came.FAILED, message_of(error)) for row in answers]


def _failed(outcomes: list[CaseOutcome]) -> list[CaseOutcome]:
    return [told for told in outcomes if told.came is Came.FAILED]
