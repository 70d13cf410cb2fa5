"""`manage.py furnish`: what the practice of a run needs: emulated GPUs, seats of its models, a key of its callers."""

import json
import logging
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections
from redis.exceptions import RedisError

from controlplane.base.models import User
from controlplane.base.secrets import key_hash
from controlplane.practice import gpus, moves
from controlplane.practice.gpus import read
from controlplane.services.files import write_private
from registry.access import callers
from registry.models import ApiKey

ACCOUNT = "first-run"
LOOK_S, PAUSE_S = 2.0, 5.0
"""Seconds between two looks of --follow, and after one that failed."""
log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Without --seat before the programs start, with it once models are plugged in and devices are discovered.

    With --follow it runs until it is ended: it seats what is not seated yet, and then moves models between devices.
    """

    help = "Register the emulated GPUs of a run, seat its models on them with --seat, or move them with --follow."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where the practice fleet is, and how large."""
        parser.add_argument("--practice", default="", metavar="HOST:PORT")
        parser.add_argument("--models", type=int, default=0)
        parser.add_argument("--gpus", type=int, default=0)
        parser.add_argument("--traffic", type=int, default=0)
        parser.add_argument("--seat", action="store_true")
        parser.add_argument("--follow", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, with a line if there is something to say."""
        note = settings.DATA_DIR / "practice-gpus.json"
        while options["follow"]:
            time.sleep(look(account(), note))
            close_old_connections()
        actor = account()
        if actor is None:
            self.stdout.write(f"no practice: the account {ACCOUNT} is shut out")
            return
        if options["seat"]:
            self.stdout.write(gpus.seat(actor, note))
            return
        gpus.register(actor, note, options["practice"], options["models"], options["gpus"])
        if options["traffic"] and options["models"]:
            make_key(actor)


def account() -> User | None:
    """For whom the practice acts; None if it is shut out."""
    return User.objects.filter(username=ACCOUNT, is_active=True).first()


def look(actor: User | None, note: Path) -> float:
    """Seat the practice models, or move those that must leave a device; seconds until the next look.

    A store or an emulator that is away is asked again: whoever started this starts it again only if it ends.
    """
    if actor is None:
        return PAUSE_S
    try:
        gpus.seat(actor, note, within=0.0)
        given = read(note)
        if given.get("seated") and given["devices"]:
            moves.follow(moves.door(given["address"]), int(given["models"]), int(given["devices"]))
    except (httpx.HTTPError, DatabaseError, RedisError) as error:
        log.warning("the practice models were not looked after: %s", error)
        return PAUSE_S
    return LOOK_S


def make_key(actor: User) -> None:
    """The key of the practice callers, made once a database: one that a person revoked is not made again."""
    file = settings.DATA_DIR / "practice-key.json"
    if ApiKey.objects.filter(key_hash=key_hash(read(file).get("api_key", ""), settings.KEY_PEPPER)).exists():
        return
    limits = callers.KeyLimits(models=("practice-*",), max_concurrency=200)
    _, secret = callers.create(actor, callers.PRACTICE, ["call"], limits)
    write_private(file, json.dumps({"api_key": secret}))
