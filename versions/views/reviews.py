"""Pages of updates: the queue, one update to decide on, and the decisions."""

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext

from controlplane.base import access
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid, Missing, Refused
from controlplane.base.web.doors import PersonRequest, go, page, page_of, request_id
from controlplane.base.web.telling import told
from registry.catalog import verbs as catalog
from registry.specfile import file as spec_file
from registry.specfile.rules import SPEC_WORDS
from versions import judging, proposing
from versions.models import Update, UpdateState
from versions.objects import is_uuid
from versions.review import decisions, queue, reading, testing
from versions.review.decisions import Digests
from versions.review.trail import trail

TABS = ("", "moving", "done", "stopped", "all")
_DEFER_DAYS = (1, 3, 7, 30)


@page("update.read")
def reviews(request: PersonRequest) -> HttpResponse:
    """The queue: what waits for a person, equal changes once, the most urgent first."""
    wanted = {name: request.GET.get(name, "").replace("\x00", "").strip()[:200] for name in queue.FILTERS}
    listing = queue.listing(request.user, wanted, page_of(request))
    entries = [(entry, reading.headline(entry.update), reading.noticing(entry.update)) for entry in listing.rows]
    context = {
        "listing": listing,
        "entries": entries,
        "wanted": wanted,
        "filtered": any(value for name, value in wanted.items() if name != "state"),
        "tabs": [(name, _tab_words()[name]) for name in TABS],
        "waiting": queue.waiting(request.user),
        "kept": {name: wanted[name] for name in ("model", "fingerprint", "origin") if wanted[name]},
    }
    return render(request, "versions/reviews.html", context)


@page("update.read")
def review(request: PersonRequest, update_id: uuid.UUID) -> HttpResponse:
    """One update with everything that a decision needs; the first four parts fit on a screen."""
    update = queue.get(request.user, update_id)
    decisions.saw(request.user, update)
    before, after = queue.beside(request.user, update)
    rows = reading.rows(update)
    mine = request.user.pk in (update.author_id, update.plan_author_id)
    context = {
        "update": update,
        "rows": rows,
        "serious": [row for row in rows if row.serious],
        "headline": reading.headline(update),
        "noticing": reading.noticing(update),
        "hurt": reading.hurt(update),
        "plan": reading.steps_in_words(update.plan),
        "digests": decisions.digests_of(update),
        "tally": decisions.tally(update) if update.state == UpdateState.REVIEW else None,
        "equal": [(other, decisions.digests_of(other)) for other in queue.equal_to(request.user, update)],
        "trail": trail(request.user, update),
        "before": before,
        "after": after,
        "may_decide": update.state == UpdateState.REVIEW and access.can(request.user, "review.approve") and not mine,
        "own": mine,
        "defer_days": _DEFER_DAYS,
        "ahead": testing.rollout_ahead(update.model),
        "tested": testing.tested(update),
        "adaptable": update.state == UpdateState.REVIEW and access.can(request.user, "update.adapt"),
        "adapted_text": spec_file.to_yaml([update.release.spec]) if update.release else "",
        "approvals": update.approvals.select_related("user").order_by("at"),
    }
    return render(request, "versions/review.html", context)


@page("update.read", "POST")
def review_decide(request: PersonRequest, update_id: uuid.UUID, decision: str) -> HttpResponse:
    """Do what a button of the page says, bound to the digests that the page showed."""
    update = queue.get(request.user, update_id)
    try:
        words = _DECISIONS[decision](request, update)
    except KeyError as error:
        raise Missing("decision", Sentence("there is no decision {decision}", decision=repr(decision[:40]))) from error
    except (Refused, access.Forbidden) as refusal:
        text = told(refusal.message) if isinstance(refusal, Refused) else told(refusal.args[0])
        messages.error(request, text)
        return go(request, reverse("review", args=[update.pk]))
    messages.success(request, words)
    return go(request, reverse("review", args=[update.pk]))


@page("review.approve", "POST")
def reviews_equal(request: PersonRequest) -> HttpResponse:
    """Approve the same change of several models at once, each bound to its own digests."""
    seen = {}
    for line in request.POST.getlist("seen")[: decisions.MOST_AT_ONCE + 1]:
        parts = line.split(" ")
        if len(parts) != 4 or not is_uuid(parts[0]):
            raise Invalid("seen", Sentence("the form does not say what was seen; load the page again"))
        seen[uuid.UUID(parts[0])] = Digests(parts[1], parts[2], "" if parts[3] == "-" else parts[3])
    fingerprint = request.POST.get("fingerprint", "")
    count, refused = decisions.approve_equal(request.user, fingerprint, seen, request_id=request_id(request))
    if count:
        words = ngettext("%(n)d update approved.", "%(n)d updates approved.", count) % {"n": count}
        messages.success(request, words)
    for reason in list(dict.fromkeys(refused.values()))[:3]:
        messages.error(request, told(reason))
    return go(request, f"{reverse('reviews')}?{urlencode({'fingerprint': fingerprint, 'state': 'all'})}")


@page("update.propose", "POST")
def update_propose(request: PersonRequest, name: str) -> HttpResponse:
    """Propose an edited spec instead of saving it; what is wrong with it is shown beside the text."""
    model = catalog.get(request.user, name)
    text = request.POST.get("text", "")
    parsed = spec_file.parse(text, "spec.yaml")
    errors: list[Any] = [*parsed.errors, *(error for row in parsed.rows for error in row.errors)]
    problem = "" if errors or len(parsed.rows) == 1 else Sentence("expected exactly one model here")
    if not errors and not problem:
        try:
            update = proposing.propose_by_hand(request.user, model.name, parsed.rows[0].document)
        except Refused as refusal:
            problem, errors = refusal.message, refusal.detail if isinstance(refusal.detail, list) else []
        else:
            messages.success(request, gettext("Proposed. It is judged and tested now."))
            return go(request, reverse("review", args=[update.pk]))
    digest = request.POST.get("digest", "")
    context = {"model": model, "text": text, "digest": digest, "errors": errors, "problem": problem, **SPEC_WORDS}
    return render(request, "registry/model_edit.html", context, status=422)


def _approve(request: PersonRequest, update: Update) -> str:
    chosen = [item for item in request.POST.getlist("finding") if item]
    moved = decisions.approve(
        request.user, update.pk, _seen(request), chosen, reason=_reason(request), request_id=request_id(request)
    )
    if moved.state == UpdateState.APPROVED:
        return gettext("Approved. The rollout starts by itself.")
    return gettext("Your approval counts; another person or other findings are still open.")


def _reject(request: PersonRequest, update: Update) -> str:
    decisions.reject(request.user, update.pk, _seen(request), _reason(request), request_id=request_id(request))
    return gettext("Rejected. The release that serves now goes on serving.")


def _emergency(request: PersonRequest, update: Update) -> str:
    decisions.approve_in_emergency(
        request.user, update.pk, _seen(request), _reason(request), request_id=request_id(request)
    )
    return gettext("Approved in an emergency. Everybody sees it until another person has looked at it.")


def _looked(request: PersonRequest, update: Update) -> str:
    decisions.look_at_emergency(request.user, update.pk, _reason(request), request_id=request_id(request))
    return gettext("Noted.")


def _defer(request: PersonRequest, update: Update) -> str:
    given = request.POST.get("days", "")
    days = int(given) if given.isascii() and given.isdigit() and len(given) < 4 else 0
    decisions.defer(request.user, update.pk, timezone.now() + timedelta(days=days), request_id=request_id(request))
    return ngettext("Deferred by %(n)d day.", "Deferred by %(n)d days.", days) % {"n": days}


def _ask(request: PersonRequest, update: Update) -> str:
    decisions.ask_owner(request.user, update.pk, _reason(request), request_id=request_id(request))
    return gettext("Asked. The question stands in the trail.")


def _reopen(request: PersonRequest, update: Update) -> str:
    decisions.reopen(request.user, update.pk, request_id=request_id(request))
    return gettext("In review again.")


def _adapt(request: PersonRequest, update: Update) -> str:
    parsed = spec_file.parse(request.POST.get("text", ""), "spec.yaml")
    errors = [*parsed.errors, *(error for row in parsed.rows for error in row.errors)]
    if errors or len(parsed.rows) != 1:
        first = errors[0].placed if errors else Sentence("expected exactly one model here")
        raise Invalid("spec_invalid", first)
    judging.edit(request.user, update.pk, parsed.rows[0].document, request_id=request_id(request))
    return gettext("Your adaptation is judged and tested now; approvals given so far are void.")


_DECISIONS: dict[str, Any] = {
    "adapt": _adapt,
    "approve": _approve,
    "reject": _reject,
    "emergency": _emergency,
    "looked-at": _looked,
    "defer": _defer,
    "ask": _ask,
    "reopen": _reopen,
}


def _seen(request: PersonRequest) -> Digests:
    return Digests(*(request.POST.get(name, "") for name in ("old", "new", "plan")))


def _reason(request: PersonRequest) -> str:
    return request.POST.get("reason", "")


def _tab_words() -> dict[str, str]:
    return {
        "": gettext("Waiting for a person"),
        "moving": gettext("On their way"),
        "done": gettext("Went live"),
        "stopped": gettext("Stopped"),
        "all": gettext("Every update"),
    }
