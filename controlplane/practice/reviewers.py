"""The people of a practice month: who makes keys and sources, and two reviewers who decide by what the page says.

They approve an update whose tests are green if what would fail for callers is adapted, and reject it otherwise. A
default that moved fails for nobody. Where a hosted model is about to lose an option that callers use, the engineer
first edits the adaptation, so that another option is sent. They read nothing that the page does not show.
"""

import secrets
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from controlplane.base.models import Change, Role, User
from controlplane.base.refusals import Refused
from registry.access import callers
from registry.catalog import verbs as catalog
from versions import judging, watching
from versions.models import Update, UpdateState
from versions.review import decisions

REVIEWERS = ("practice-reviewer-1", "practice-reviewer-2")
ENGINEER = "practice-engineer"
POLL_SECONDS = 30
MOST_TOLD = 60
VERSIONED = "@v"
HARMLESS = ("default-changed",)
"""Findings for which no call fails."""


def set_up(keys: int, sources: Mapping[str, str]) -> dict[str, Any]:
    """Accounts, callers' keys, and a source for each model's description. Returns keys, source ids and the secret."""
    engineer = _account(ENGINEER, Role.ENGINEER)
    for name in REVIEWERS:
        _account(name, Role.REVIEWER)
    made = [callers.create(engineer, f"practice team {number + 1}", ["call"])[1] for number in range(keys)]
    secret = f"whsec_{secrets.token_hex(24)}"
    found = {}
    for name, address in sources.items():
        draft = {
            "name": f"practice {name}", "kind": "specification", "location": address, "model": name,
            "poll_seconds": POLL_SECONDS, "webhook_secret": secret,
        }  # fmt: skip
        found[name] = watching.create(engineer, draft).pk
    return {"keys": made, "sources": found, "secret": secret}


def decide() -> int:
    """Let each reviewer decide on what waits. Returns how many decisions there were."""
    people = [User.objects.get(username=name) for name in REVIEWERS]
    waiting = Update.objects.filter(state=UpdateState.REVIEW).select_related("model", "base", "release")
    decided = 0
    engineer = User.objects.get(username=ENGINEER)
    for update in waiting:
        edited = adapted_by_hand(update) if update.plan_author_id is None else None
        if edited is not None:
            with suppress(Refused):
                judging.edit(engineer, update.pk, edited)
            continue
        for person in people:
            decided += _decided(person, update)
    return decided


def acceptable(update: Update) -> bool:
    """Whether a reviewer approves: tests are green, and each serious finding that callers notice is adapted."""
    return bool(update.tests.get("green")) and not unadapted(update)


def unadapted(update: Update) -> list[Mapping[str, Any]]:
    """Findings that callers would notice and that nothing adapts."""
    noticed = {finding for row in update.impact.get("hurt", ()) for finding in row["findings"]}
    findings = update.report.get("findings", ())
    return [
        item
        for item in findings
        if item.get("fingerprint") in noticed and not item.get("adaptation") and item.get("key") not in HARMLESS
    ]


def adapted_by_hand(update: Update) -> dict[str, Any] | None:
    """The spec with an option in place of each that is about to go; None if nothing else is to be adapted."""
    lost = [item for item in unadapted(update) if item.get("key") == "enum-value-removed"]
    if not lost or update.base is None or update.release is None or VERSIONED in update.model.endpoint:
        return None
    document: dict[str, Any] = {**update.release.spec, "params": dict(update.release.spec.get("params", {}))}
    for finding in lost:
        name = str(finding.get("path"))
        before, now = update.base.spec["params"].get(name, {}), document["params"].get(name)
        if now is None or not now.get("options"):
            continue
        gone = [option for option in before.get("options", ()) if option not in now["options"]]
        values = {
            **{option: option for option in now["options"]},
            **now.get("values", {}),
            **dict.fromkeys(gone, now["options"][0]),
        }
        document["params"][name] = {**now, "options": [*now["options"], *gone], "values": values}
    return document


def save(document: Mapping[str, Any]) -> str:
    """Save a spec at once, as a team without reviews does. Returns the model's name, or why it was refused."""
    engineer = User.objects.get(username=ENGINEER)
    try:
        catalog.change(engineer, str(document["name"]), document)
    except Refused as refusal:
        return f"refused: {refusal.message}"
    return str(document["name"])


def counts() -> dict[str, Any]:
    """How the updates ended, and how many a person was asked about."""
    states = Counter(Update.objects.values_list("state", flat=True))
    asked_ids = set(Change.objects.filter(verb="update.ask", object_type="update").values_list("object_id", flat=True))
    hot = Update.objects.filter(hot_fix=True, live_at__isnull=False).count()
    stopped = Update.objects.exclude(state__in=[UpdateState.LIVE, UpdateState.SUPERSEDED]).select_related("model")
    told = [
        f"{row.model.name} {row.state} ({row.verdict}, tests {_green(row)}): {row.reason}"
        f" {[item['message'] for item in unadapted(row)]}"
        for row in stopped.order_by("-created_at")
    ]
    reviewed = Update.objects.filter(pk__in=asked_ids).select_related("model")
    why = [
        f"{row.model.name} {row.verdict}, tests {_green(row)}: {row.reason}" for row in reviewed.order_by("-created_at")
    ]
    return {
        "states": dict(states), "reviewed": len(asked_ids), "hot_fixed": hot, "updates": sum(states.values()),
        "stopped": told[:MOST_TOLD], "why_reviewed": why[:MOST_TOLD],
    }  # fmt: skip


def _green(update: Update) -> str:
    return "green" if update.tests.get("green") else "not green"


def _decided(person: User, update: Update) -> int:
    seen = decisions.digests_of(update)
    try:
        if not acceptable(update):
            decisions.reject(person, update.pk, seen, "callers would notice it, and it cannot be adapted")
        else:
            decisions.approve(person, update.pk, seen, reason="what callers notice is adapted")
    except Refused:
        return 0
    return 1


def _account(name: str, role: str) -> User:
    return User.objects.get_or_create(username=name, defaults={"role": role, "password": "!"})[0]
