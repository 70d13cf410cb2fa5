"""`manage.py furnish`: what the practice of a run needs: emulated GPUs, seats of its models, a key of its callers."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from controlplane.base.models import User
from controlplane.base.secrets import key_hash
from controlplane.practice import gpus
from controlplane.practice.gpus import read
from controlplane.services.files import write_private
from registry.access import callers
from registry.models import ApiKey

ACCOUNT = "first-run"


class Command(BaseCommand):
    """Without --seat before the programs start, with it once models are plugged in and devices are discovered."""

    help = "Register the emulated GPUs of a run, or seat its models on them with --seat."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where the practice fleet is, and how large."""
        parser.add_argument("--practice", default="", metavar="HOST:PORT")
        parser.add_argument("--models", type=int, default=0)
        parser.add_argument("--gpus", type=int, default=0)
        parser.add_argument("--traffic", type=int, default=0)
        parser.add_argument("--seat", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, with a line if there is something to say."""
        note = settings.DATA_DIR / "practice-gpus.json"
        actor = User.objects.filter(username=ACCOUNT, is_active=True).first()
        if actor is None:
            self.stdout.write(f"no practice: the account {ACCOUNT} is shut out")
            return
        if options["seat"]:
            self.stdout.write(gpus.seat(actor, note))
            return
        gpus.register(actor, note, options["practice"], options["models"], options["gpus"])
        if options["traffic"] and options["models"]:
            make_key(actor)


def make_key(actor: User) -> None:
    """The key of the practice callers, made once a database: one that a person revoked is not made again."""
    file = settings.DATA_DIR / "practice-key.json"
    if ApiKey.objects.filter(key_hash=key_hash(read(file).get("api_key", ""), settings.KEY_PEPPER)).exists():
        return
    limits = callers.KeyLimits(models=("practice-*",), max_concurrency=200)
    _, secret = callers.create(actor, callers.PRACTICE, ["call"], limits)
    write_private(file, json.dumps({"api_key": secret}))
