"""Accounts: one-time links make them, admins change them, their owners choose language and theme."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from controlplane.base import access, revision
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence
from controlplane.base.models import Role, SetupLink, Theme, User
from controlplane.base.refusals import Conflict, Invalid, Missing
from controlplane.base.secrets import token_hash

INVITATION = timedelta(days=3)
INVITATIONS_LISTED = timedelta(days=30)
MOST_GUESSES, GUESSES_WITHIN = 60, timedelta(minutes=15)


@transaction.atomic
def setup_link(role: str, actor: access.Actor | None, ttl: timedelta | None, name: str = "") -> str:
    """A one-time token for one account with `role`; `name` says whom it is for. Without an actor only while there is
    no admin.
    """
    if actor is not None:
        access.require(actor, "user.invite")
    elif has_admin():
        raise Conflict(
            "admin_exists", Sentence("an admin exists already: sign in and invite others under Settings > People")
        )
    checked_role(role)
    token = secrets.token_urlsafe(32)
    link = SetupLink.objects.create(
        token_hash=token_hash(token),
        name=checked_invitee(name),
        role=role,
        created_by=actor if isinstance(actor, User) else None,
        expires_at=timezone.now() + ttl if ttl is not None else None,
    )
    audit.record(actor, "user.invite", "setup_link", link.pk, {"name": link.name, "role": role})
    return token


def invite(actor: access.Actor, role: str, name: str = "") -> str:
    """A token for somebody new, good for three days. Raises Forbidden, Invalid."""
    access.require(actor, "user.invite")
    return setup_link(role, actor, INVITATION, name)


def invitations(actor: access.Actor | None) -> QuerySet[SetupLink]:
    """Invitations, newest first; those that ended are listed for a month. Raises Forbidden."""
    access.require(actor, "user.read")
    since = timezone.now() - INVITATIONS_LISTED
    return SetupLink.objects.select_related("created_by").filter(created_at__gt=since).order_by("-created_at")


def open_links(now: datetime) -> QuerySet[SetupLink]:
    """Links that can still be used."""
    running = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    return SetupLink.objects.filter(running, used_at__isnull=True, withdrawn_at__isnull=True)


@transaction.atomic
def withdraw(actor: access.Actor | None, link_id: int, request_id: str = "") -> SetupLink:
    """End an invitation that nobody has used. Raises Forbidden, Missing."""
    access.require(actor, "user.invite")
    if not open_links(timezone.now()).filter(pk=link_id).update(withdrawn_at=timezone.now()):
        raise Missing(
            "setup_link",
            Sentence("there is no open invitation {link_id}; it was used, withdrawn or has expired", link_id=link_id),
        )
    link = SetupLink.objects.get(pk=link_id)
    audit.record(actor, "user.withdraw", "setup_link", link.pk, {"name": link.name, "role": link.role}, request_id)
    return link


def open_setup_link(token: str) -> SetupLink:
    """The unused, unexpired link of `token`. Raises Missing."""
    link = open_links(timezone.now()).filter(token_hash=_hash(token)).first()
    if link is None:
        raise Missing(
            "setup_link", Sentence("this set-up link was used already or has expired; ask an admin for a new one")
        )
    return link


@transaction.atomic
def use_setup_link(token: str, username: str, password: str, language: str = "en") -> User:
    """Make the account that the link promises; the link works once. Raises Missing, Invalid, Conflict."""
    link = open_setup_link(token)
    if not open_links(timezone.now()).filter(pk=link.pk).update(used_at=timezone.now()):
        raise Missing("setup_link", Sentence("this set-up link was used already; ask an admin for a new one"))
    user = User(username=username, role=link.role, language=checked_language(language))
    _check_account(user, password)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise Conflict(
            "username_taken", Sentence("the name {username} is taken; choose another", username=repr(username))
        ) from error
    audit.record(user, "user.create", "user", user.pk, {"name": username, "role": user.role, "link": link.pk})
    return user


def listing(actor: access.Actor | None) -> QuerySet[User]:
    """Every account, by name. Raises Forbidden."""
    access.require(actor, "user.read")
    return User.objects.order_by("username")


def people(actor: access.Actor | None) -> QuerySet[User]:
    """Accounts that somebody signs in to, by name. Raises Forbidden."""
    return listing(actor).exclude(pk__in=programs())


def programs() -> QuerySet[User]:
    """Accounts that nobody can sign in to, as the one that the first run's key acts for."""
    return User.objects.filter(password__startswith=UNUSABLE_PASSWORD_PREFIX).order_by("username")


def admins() -> list[str]:
    """Names of the people whom one asks for what only an admin may do."""
    people = User.objects.filter(role="admin", is_active=True, last_login__isnull=False)
    return list(people.order_by("username").values_list("username", flat=True))


def find(actor: access.Actor | None, user_id: int) -> User:
    """One account. Raises Forbidden, Missing."""
    found = listing(actor).filter(pk=user_id).first()
    if found is None:
        raise Missing("user", Sentence("there is no account {user_id}", user_id=user_id))
    return found


@transaction.atomic
def change_role(actor: access.Actor | None, user_id: int, role: str, request_id: str = "") -> User:
    """Give an account another role; the last admin keeps theirs. Raises Forbidden, Missing, Invalid, Conflict."""
    access.require(actor, "user.change")
    checked_role(role)
    user = _locked(user_id)
    if user.role == role:
        return user
    _keep_an_admin(user)
    before, user.role = user.role, role
    user.save(update_fields=["role"])
    revision.bump()
    detail = {"name": user.username, "role": {"from": before, "to": role}}
    audit.record(actor, "user.change", "user", user.pk, detail, request_id)
    return user


@transaction.atomic
def deactivate(actor: access.Actor | None, user_id: int, request_id: str = "") -> User:
    """Shut an account out; its keys stop with it. Raises Forbidden, Missing, Conflict."""
    access.require(actor, "user.change")
    user = _locked(user_id)
    if user.is_active:
        _keep_an_admin(user)
        _set_active(actor, user, "user.deactivate", request_id)
    return user


@transaction.atomic
def activate(actor: access.Actor | None, user_id: int, request_id: str = "") -> User:
    """Let an account in again. Raises Forbidden, Missing."""
    access.require(actor, "user.change")
    user = _locked(user_id)
    if not user.is_active:
        _set_active(actor, user, "user.activate", request_id)
    return user


def change_profile(user: User, language: str, theme: str) -> User:
    """The owner's own language and theme. Raises Forbidden, Invalid."""
    access.require(user, "profile.change")
    if theme not in Theme.values:
        raise Invalid(
            "theme",
            Sentence("theme {theme} is none of {values}", theme=repr(theme[:40]), values=", ".join(Theme.values)),
        )
    user.language, user.theme = checked_language(language), theme
    user.save(update_fields=["language", "theme"])
    return user


@transaction.atomic
def change_password(user: User, old: str, new: str) -> User:
    """The owner's own password. Raises Forbidden, Invalid."""
    access.require(user, "profile.change")
    if not user.check_password(old):
        raise Invalid("password", Sentence("the current password is not right"))
    _check_account(user, new)
    user.set_password(new)
    user.save(update_fields=["password"])
    audit.record(user, "user.password", "user", user.pk, {"name": user.username})
    return user


def guessed_too_often(username: str) -> bool:
    """Whether so many wrong passwords were tried for this name lately, from wherever, that nobody may try now.

    Slower than the limit of a name and an address together, because who guesses can shut the owner out with it.
    """
    lately = timezone.now() - GUESSES_WITHIN
    tried = AccessAttempt.objects.filter(username=username, attempt_time__gt=lately)
    return (tried.aggregate(tries=Sum("failures_since_start"))["tries"] or 0) >= MOST_GUESSES


def has_admin() -> bool:
    """Whether somebody can administer this installation."""
    return User.objects.filter(role=Role.ADMIN, is_active=True).exists()


def checked_role(role: str) -> str:
    """`role` if it is one. Raises Invalid."""
    if role not in Role.values:
        raise Invalid(
            "role",
            Sentence("role {role} is none of {values}", role=repr(str(role)[:40]), values=", ".join(Role.values)),
        )
    return role


def checked_invitee(name: str) -> str:
    """`name` if it can stand in a table. Raises Invalid."""
    text = name.strip()
    if len(text) > 150 or not (text.isprintable() or not text):
        raise Invalid(
            "name", Sentence("the name {name} must be at most 150 printable characters", name=repr(name[:60]))
        )
    return text


def checked_language(language: str) -> str:
    """`language` if the console speaks it. Raises Invalid."""
    known = [code for code, _ in settings.LANGUAGES]
    if language not in known:
        raise Invalid(
            "language",
            Sentence(
                "language {language} is none of {known}", language=repr(str(language)[:40]), known=", ".join(known)
            ),
        )
    return language


def _check_account(user: User, password: str) -> None:
    found: list[dict[str, str]] = []
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        found += [{"path": path, "message": text} for path, texts in error.message_dict.items() for text in texts]
    try:
        validate_password(password, user)
    except ValidationError as error:
        found += [{"path": "password", "message": text} for text in error.messages]
    if found:
        raise Invalid("account", " ".join(error["message"] for error in found), found)


def _locked(user_id: int) -> User:
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise Missing("user", Sentence("there is no account {user_id}", user_id=user_id))
    return user


def _keep_an_admin(user: User) -> None:
    others = User.objects.select_for_update().filter(role=Role.ADMIN, is_active=True).exclude(pk=user.pk)
    if user.role == Role.ADMIN and user.is_active and not list(others):
        raise Conflict(
            "last_admin",
            Sentence("{username} is the last admin; make somebody else admin first", username=user.username),
        )


def _set_active(actor: Any, user: User, verb: str, request_id: str) -> None:
    user.is_active = not user.is_active
    user.save(update_fields=["is_active"])
    revision.bump()
    audit.record(actor, verb, "user", user.pk, {"name": user.username}, request_id)


def _hash(token: str) -> str:
    return token_hash(token.encode("utf-8", "replace").decode())
