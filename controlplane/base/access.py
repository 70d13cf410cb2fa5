"""Who may do what: four roles, one function. Views, API and verbs all ask here; what is not listed is refused."""

from typing import Protocol

from controlplane.base.messages import Sentence

ROLES = ("viewer", "engineer", "reviewer", "admin")

_VIEWER = {
    "overview.read",
    "model.read",
    "job.read",
    "job.cancel",
    "call.read",
    "lab.read",
    "fleet.read",
    "alert.read",
    "update.read",
    "playground.use",
    "profile.change",
}
_ENGINEER = _VIEWER | {
    "model.create",
    "model.change",
    "model.delete",
    "model.probe",
    "model.import",
    "model.detect",
    "lab.run",
    "fleet.change",
    "alert.change",
    "source.read",
    "source.change",
    "source.scan",
    "update.propose",
    "update.adapt",
    "rollout.control",
    "credential.read",
    "credential.create",
    "credential.change",
    "credential.delete",
    "key.read",
    "key.create",
    "key.revoke",
}
_REVIEWER = _ENGINEER | {"audit.read", "review.approve", "rollout.start"}
_ADMIN = _REVIEWER | {
    "settings.read",
    "settings.change",
    "review.emergency",
    "repository.change",
    "user.read",
    "user.invite",
    "user.change",
    "key.read_all",
    "key.revoke_all",
    "job.read_all",
    "job.cancel_all",
}
_OWNED = {"key.read", "key.revoke", "job.read", "job.cancel"}
"""Verbs that without `_all` open an actor's own objects only."""

VERBS: dict[str, frozenset[str]] = {
    "viewer": frozenset(_VIEWER),
    "engineer": frozenset(_ENGINEER),
    "reviewer": frozenset(_REVIEWER),
    "admin": frozenset(_ADMIN),
}

SCOPES: dict[str, frozenset[str]] = {
    "call": frozenset({"job.read", "job.cancel"}),
    "read": frozenset(_VIEWER - {"playground.use", "profile.change", "job.cancel"}),
    "manage": frozenset(_ENGINEER - {"playground.use", "profile.change", "key.create", "key.revoke"}),
}
"""Verbs that each scope of an API key opens in the REST API, within its creator's role. "call" opens /v1 alone."""


class Actor(Protocol):
    """Anyone who acts: a signed-in user, or a key acting for its creator (`scopes` narrows its role)."""

    @property
    def id(self) -> int:
        """The account's id."""

    @property
    def role(self) -> str:
        """One of ROLES."""

    @property
    def is_active(self) -> bool:
        """False for accounts that were shut out."""


class Forbidden(Exception):
    """An actor asked for a verb that its role does not have."""

    def __init__(self, verb: str, role: str) -> None:
        self.verb, self.role = verb, role
        needed = next((name for name in ROLES if verb in VERBS[name]), "nobody")
        self.needed = needed
        super().__init__(
            Sentence(
                "{verb} needs the role {needed}; yours is {role}. Ask an admin to change it.",
                verb=verb,
                needed=needed,
                role=role,
            )
        )


def can(actor: Actor | None, verb: str, obj: object = None) -> bool:
    """Whether `actor` may do `verb` to `obj`. Some verbs need the actor's own object, or VERB_all."""
    if actor is None or not actor.is_active or verb not in VERBS.get(actor.role, frozenset()):
        return False
    scopes = getattr(actor, "scopes", None)
    if scopes is not None and not any(verb in SCOPES.get(scope, ()) for scope in scopes):
        return False
    if verb in _OWNED and obj is not None and not owns(actor, obj):
        return can(actor, f"{verb}_all")
    return True


def owns(actor: object, obj: object) -> bool:
    """Whether `actor` made `obj`. A key owns what it made itself, not what its account or other keys made."""
    key_id = getattr(actor, "key_id", None)
    if key_id is not None and hasattr(obj, "api_key_id"):
        return bool(obj.api_key_id == key_id)
    owner = getattr(obj, "created_by_id", None)
    return owner is not None and owner == getattr(actor, "id", None)


def require(actor: Actor | None, verb: str, obj: object = None) -> None:
    """Raise Forbidden unless `can`."""
    if not can(actor, verb, obj):
        raise Forbidden(verb, actor.role if actor is not None else "anonymous")
