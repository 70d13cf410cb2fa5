"""`manage.py prepare`: everything between a running database and programs that may start, in one Django process."""

import hashlib
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from redis.backoff import NoBackoff
from redis.retry import Retry

from controlplane.base import advisory_locks

UNUSED_STATIC = ["django_htmx/ext/*", "rest_framework/*"]


class Command(BaseCommand):
    """Migrates the database, collects static files, seeds what a first run needs; skips what is done already."""

    help = "Bring the database and the static files up to date."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Passed on to first_run."""
        parser.add_argument("--practice", default="", metavar="HOST:PORT")
        parser.add_argument("--practice-models", type=int, default=0)
        parser.add_argument("--practice-gpus", type=int, default=0)
        parser.add_argument("--practice-traffic", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, with a line for each step."""
        reach_stores()
        self._say(migrate())
        self._say(collect())
        call_command("first_run", practice=options["practice"], practice_models=options["practice_models"], verbosity=0)
        call_command(
            "furnish",
            practice=options["practice"],
            models=options["practice_models"],
            gpus=options["practice_gpus"],
            traffic=options["practice_traffic"],
        )

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def reach_stores() -> None:
    """Raise CommandError naming the store that does not answer, without its password."""
    given, address = settings.DATABASES["default"], urlsplit(settings.REDIS_URL)
    try:
        connection.ensure_connection()
    except OperationalError as problem:
        where = f"{given['HOST']}:{given['PORT']}/{given['NAME']}"
        raise CommandError(f"PostgreSQL at {where} cannot be used (DATABASE_URL): {problem}".strip()) from problem
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=3, retry=Retry(NoBackoff(), 0)).ping()
    except (redis.RedisError, ValueError) as problem:
        where = f"{address.hostname}:{address.port}"
        raise CommandError(f"Redis at {where} cannot be used (REDIS_URL): {problem}") from problem


def migrate() -> str:
    """Apply what is missing, one process at a time; what was done, in words."""
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", [advisory_locks.MIGRATING])
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_unlock(%s)", [advisory_locks.MIGRATING])
    if not plan:
        return "database: up to date"
    return f"database: {len(plan)} migrations applied ({time.monotonic() - began:.1f} s)"


def collect() -> str:
    """Collect static files if one of them changed since; what was done, in words."""
    began = time.monotonic()
    print_now, stamp = fingerprint(), settings.STATIC_ROOT / ".fingerprint"
    if stamp.exists() and stamp.read_text() == print_now:
        return "static files: up to date"
    call_command("collectstatic", verbosity=0, interactive=False, skip_checks=True, ignore_patterns=UNUSED_STATIC)
    stamp.write_text(print_now)
    return f"static files: collected ({time.monotonic() - began:.1f} s)"


def fingerprint() -> str:
    """A digest of every static file's name, size and time of change."""
    digest = hashlib.sha256(str(settings.STORAGES).encode())
    for finder in finders.get_finders():
        for name, storage in finder.list(None):
            stat = Path(storage.path(name)).stat()
            digest.update(f"{name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()
