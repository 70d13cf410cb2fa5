"""The people of a practice month: who makes keys and sources, and two reviewers who decide by what the page says.

They approve an update if everything that callers would notice is adapted, or if no caller would notice; else they
reject it. They read nothing that the page does not show.
"""

import secrets
from collections import Counter
from collections.abc import Mapping
from typing import Any

from controlplane.base.models import Change, Role, User
from controlplane.base.refusals import Refused
from registry.access import callers
from registry.catalog import verbs as catalog
from versions import watching
from versions.models import Update, UpdateState
from versions.review import decisions

REVIEWERS = ("practice-reviewer-1", "practice-reviewer-2")
ENGINEER = "practice-engineer"
POLL_SECONDS = 30


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
    for update in waiting:
        for person in people:
            decided += _decided(person, update)
    return decided


def acceptable(update: Update) -> bool:
    """Whether a reviewer approves: no caller would notice, or each serious finding that callers notice is adapted."""
    if not update.callers_hurt:
        return True
    noticed = {finding for row in update.impact.get("hurt", ()) for finding in row["findings"]}
    findings = update.report.get("findings", ())
    return all(item.get("adaptation") for item in findings if item.get("fingerprint") in noticed)


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
    asked = Change.objects.filter(verb="update.ask", object_type="update").values("object_id").distinct().count()
    hot = Update.objects.filter(hot_fix=True, live_at__isnull=False).count()
    return {"states": dict(states), "reviewed": asked, "hot_fixed": hot, "updates": sum(states.values())}


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
