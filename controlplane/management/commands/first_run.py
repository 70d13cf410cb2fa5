"""`manage.py first_run`: what a new installation needs before anybody can sign in or call."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from controlplane.base import accounts, config
from controlplane.base.audit import chain as audit
from controlplane.base.models import Role, SetupLink, User
from controlplane.base.refusals import Missing
from controlplane.base.secrets import key_hash
from controlplane.services.files import write_private
from registry.access import callers
from registry.models import ApiKey

ACCOUNT = "first-run"
LINK_LIVES = timedelta(days=1)


class Command(BaseCommand):
    """Seeds the egress list, a service account with an API key, and the set-up link while there is no admin.

    What a script needs to go on is written to `$DATA_DIR/first-run.json`, mode 600, and printed. Running it again
    changes nothing that still holds, and brings back nothing that a person took away.
    """

    help = "Seed what a new installation needs and write $DATA_DIR/first-run.json."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """HOST:PORT and size of the practice fleet, when there is one."""
        parser.add_argument("--practice", default="", metavar="HOST:PORT")
        parser.add_argument("--practice-models", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        file = settings.DATA_DIR / "first-run.json"
        before = read(file)
        with transaction.atomic():
            allow(options["practice"], before.get("practice_address", ""))
            written = {
                "base_url": f"http://127.0.0.1:{settings.PORT}",
                "setup_link": link(before.get("setup_link") or ""),
                "api_key": key(before.get("api_key", "")),
                "practice_models": options["practice_models"],
                "practice_address": options["practice"] or before.get("practice_address", ""),
            }
        text = json.dumps(written, indent=1)
        write_private(file, text + "\n")
        if options["verbosity"]:
            self.stdout.write(text)


def read(file: Path) -> dict[str, Any]:
    """What an earlier run wrote; empty if that is gone or damaged."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def allow(practice: str, allowed_before: str) -> None:
    """Let the data plane reach public addresses and the practice fleet; an entry that an admin removed stays away."""
    entries = config.egress_allow()
    if not entries and not allowed_before:
        entries = ("public",)
    if practice and practice != allowed_before:
        entries = (*(entry for entry in entries if entry != allowed_before), practice)
    config.store_egress_allow(None, entries)


def link(known: str) -> str | None:
    """Address at which the first admin's account is made; None once there is an admin."""
    if accounts.has_admin():
        return None
    token = known.rpartition("/")[2]
    try:
        accounts.open_setup_link(token)
    except Missing:
        SetupLink.objects.filter(created_by=None, used_at=None).delete()
        token = accounts.setup_link(Role.ADMIN, None, LINK_LIVES)
    return f"http://127.0.0.1:{settings.PORT}/set-up/{token}"


def key(known: str | None) -> str | None:
    """The API key of the service account: the known one, a new one if there was none, None if it was revoked."""
    if known is None:
        return None
    user, made = User.objects.get_or_create(username=ACCOUNT, defaults={"role": Role.ENGINEER, "password": "!"})
    if made:
        audit.record(None, "user.create", "user", user.pk, {"name": ACCOUNT, "role": user.role})
    if known and ApiKey.objects.filter(key_hash=key_hash(known, settings.KEY_PEPPER)).exists():
        return known if callers.actor_of(known) else None
    return callers.create(user, "first run", ["call", "read", "manage"])[1] if user.is_active else None
