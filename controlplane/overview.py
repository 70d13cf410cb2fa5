"""What the overview says: how it goes, what needs somebody, what fails most, what changed, and the first steps."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext

from controlplane import fleet_overview
from controlplane.base import access, job_outcomes
from controlplane.base.jobs import verbs as jobs
from controlplane.base.models import Job, JobState
from controlplane.base.web import words
from controlplane.base.web.telling import told
from controlplane.fleet_overview import FleetNow, need
from registry import snippets
from registry.access import callers
from registry.catalog import probing
from registry.catalog import verbs as catalog
from routing.calls import search as calls
from routing.calls import traffic
from versions.review import queue, reading
from versions.rollout import reading as rollouts

RECENT = timedelta(hours=24)
SHOWN_NEEDS = 5
ALARMING_PERCENT, ALARMING_CALLS = 5.0, 5
PRACTICE = "practice"


@dataclass(frozen=True)
class FirstSteps:
    """What a new installation has: a model of its own, a key, a call with it; and the code for each."""

    model: bool
    key: bool
    call: bool
    example: str
    model_snippet: str
    key_snippet: str
    call_snippet: str

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self.model and self.key and self.call


def first_steps(user: Any, base: str) -> FirstSteps | None:
    """How far a new installation has come; None when all is done, and for those who may plug nothing in."""
    if not access.can(user, "model.create") or not access.can(user, "key.create"):
        return None
    keys = callers.made_by_people()
    own = catalog.first(user, without_tag=PRACTICE)
    example = own or catalog.first(user)
    found = FirstSteps(
        own is not None,
        bool(keys),
        calls.any_with(user, keys),
        example.name if example else "",
        snippets.plug_in(base),
        "export PATCHBAY_KEY=pb-…",
        snippets.first_call(example.name, example.type, base) if example else "",
    )
    return None if found.over else found


def sentence(states: dict[str, int], summary: traffic.Summary | None) -> str:
    """How it goes, in a line: how many models answer, how much is called, how much of it fails."""
    total, ready = sum(states.values()), states.get("ready", 0)
    answering = ngettext("%(ready)s of %(n)s model answers", "%(ready)s of %(n)s models answer", total)
    found = [answering % {"ready": f"{ready:,}", "n": f"{total:,}"}]
    if summary is not None:
        found.append(gettext("%(rate)s calls/s") % {"rate": f"{summary.calls_per_s:,.1f}"})
    if summary is not None and summary.error_percent is not None:
        found.append(gettext("%(share)s %% fail") % {"share": f"{summary.error_percent:.1f}"})
    return gettext("; ").join(found)


def shares(states: dict[str, int]) -> list[dict[str, Any]]:
    """Models by state as parts of a bar that is 1000 wide."""
    total = sum(states.values()) or 1
    found, start = [], 0.0
    for state, count in states.items():
        width = 1000 * count / total
        found.append({"state": state, "count": count, "x": f"{start:.1f}", "width": f"{width:.1f}"})
        start += width
    return found


def running(user: Any) -> list[Job]:
    """Jobs that are under way or wait for their turn."""
    return list(jobs.visible(user).filter(state__in=[JobState.RUNNING, JobState.QUEUED])[:SHOWN_NEEDS])


def needs(user: Any, states: dict[str, int], fleet: FleetNow | None) -> list[dict[str, str]]:
    """What waits for a person, worst first."""
    of_versions = [*emergencies(user), *updates(user), *paused_rollouts(user)]
    of_fleet = fleet_overview.needs(user, fleet) if fleet is not None else []
    found = [*failing_calls(user), *of_fleet, *of_versions, *silent_models(user, states), *failed_jobs(user)]
    if sum(states.values()) and access.can(user, "key.create") and not callers.listing(user).exists():
        what, more = gettext("No application can call yet"), gettext("There is no API key.")
        found.append(need("queued", what, more, reverse("keys"), gettext("Make a key")))
    return found


def failing_calls(user: Any) -> list[dict[str, str]]:
    """That too many calls fail, with the model that fails most."""
    summary = traffic.summary(user)
    share = summary.failed_percent if summary else None
    if summary is None or share is None or share < ALARMING_PERCENT or summary.failed < ALARMING_CALLS:
        return []
    more = ", ".join(f"{one.name}: {one.cause}" for one in traffic.failing(user).rows[:1])
    since = {"status": "failed", "since": summary.buckets[0].at.isoformat(timespec="seconds")}
    what = gettext("%(share)s %% of the calls of the last 15 minutes failed") % {"share": f"{share:.1f}"}
    return [need("failed", what, more, f"{reverse('calls')}?{urlencode(since)}")]


def updates(user: Any) -> list[dict[str, str]]:
    """That updates wait for a decision, with the most urgent one."""
    if not access.can(user, "update.read"):
        return []
    count = queue.waiting(user)
    if not count:
        return []
    first = queue.listing(user, {}, 1).rows[0]
    what = ngettext("%(n)d update waits for a decision", "%(n)d updates wait for a decision", count) % {"n": count}
    return [need("review", what, f"{first.models[0]}: {reading.headline(first.update)}", reverse("reviews"))]


def paused_rollouts(user: Any) -> list[dict[str, str]]:
    """That rollouts stand still until a person looks, with the reason of each."""
    if not access.can(user, "update.read"):
        return []
    return [
        need(
            "paused",
            gettext("The rollout of %(model)s is paused") % {"model": row.update.model.name},
            told(row.update.reason),
            reverse("rollout", args=[row.update_id]),
        )
        for row in rollouts.paused(user)[:SHOWN_NEEDS]
    ]


def emergencies(user: Any) -> list[dict[str, str]]:
    """That somebody approved alone, until another person has looked at it."""
    if not access.can(user, "update.read"):
        return []
    return [
        need(
            "failed",
            gettext("Approved in an emergency"),
            f"{row.model.name}: {row.reason}",
            reverse("review", args=[row.pk]),
        )
        for row in queue.emergencies(user)
    ]


def silent_models(user: Any, states: dict[str, int]) -> list[dict[str, str]]:
    """That models do not answer, with the first of their names."""
    count = states.get("unreachable", 0)
    if not count:
        return []
    names = catalog.newest_in_state(user, "unreachable", 3)
    what = ngettext("%(n)d model does not answer", "%(n)d models do not answer", count) % {"n": count}
    more = ", ".join(names) + (" …" if count > 3 else "")
    return [need("unreachable", what, more, reverse("models") + "?state=unreachable")]


def failed_jobs(user: Any) -> list[dict[str, str]]:
    """Jobs of the last day that failed, wholly or in part."""
    wrong = job_outcomes.WHERE[job_outcomes.FAILED] | job_outcomes.WHERE[job_outcomes.PARTLY_FAILED]
    failed = jobs.visible(user).filter(wrong, finished_at__gte=timezone.now() - RECENT).exclude(title=probing.RECOVERY)
    return [
        need(job.outcome, job_words(job), job.title or str(job.pk), reverse("job", args=[job.pk]))
        for job in failed[:SHOWN_NEEDS]
    ]


def job_words(job: Job) -> str:
    """What went wrong with a job, in a line."""
    kind = words.word("kind", job.kind)
    if job.state == JobState.FAILED:
        return gettext("%(kind)s failed") % {"kind": kind}
    counts = {name: int(job.progress.get(name) or 0) for name in ("failed", "total")}
    return gettext("%(kind)s: %(failed)d of %(total)d failed") % {"kind": kind, **counts}


def calm(states: dict[str, int]) -> list[str]:
    """What was looked at, for a reader whom nothing waits for."""
    ready, probing_now, disabled = (states.get(state, 0) for state in ("ready", "probing", "disabled"))
    text = ngettext("%(n)d model answered its last probe.", "%(n)d models answered their last probe.", ready)
    found = [text % {"n": ready}]
    if probing_now:
        text = ngettext("%(n)d model is being probed.", "%(n)d models are being probed.", probing_now)
        found.append(text % {"n": probing_now})
    if disabled:
        text = ngettext("%(n)d model is disabled on purpose.", "%(n)d models are disabled on purpose.", disabled)
        found.append(text % {"n": disabled})
    return [*found, gettext("No job failed in the last 24 hours.")]
