"""Imports a YAML file of model specs from a terminal or script."""

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from controlplane.base.jobs import engine
from controlplane.base.jobs import verbs as jobs
from controlplane.base.models import Job, Role, User
from controlplane.base.refusals import Refused
from registry.catalog import importing, probing

HANDLERS: engine.Handlers = {"import": importing.run, "probe": probing.run}
LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 10.0
SHOWN_ERRORS = 200


class Command(BaseCommand):
    """Shows what a file would change; with --apply a worker imports it, or this process if none does."""

    help = (
        "Shows every row of FILE (- for standard input) with its errors and what importing it would do. With --apply "
        "the import runs as a job: a worker takes it, or this process does where none has within 10 s (or at once "
        "with --here), and progress is printed until the last probe."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        parser.add_argument("file", help="a YAML file of model specs, - for standard input")
        parser.add_argument("--apply", action="store_true", help="import instead of only showing what would happen")
        parser.add_argument("--mode", choices=importing.MODES, default="atomic", help="all rows or none, or valid rows")
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
        parser.add_argument(
            "--user", default="", help="the account that imports (default: the first admin or engineer)"
        )
        parser.add_argument("--here", action="store_true", help="run the job in this process, without a worker")

    def handle(self, *args: Any, **options: Any) -> None:
        """Plan, and import if asked. Exits with 1 if a row is invalid or a model does not answer."""
        text, name = _read(options["file"])
        actor = _account(options["user"])
        try:
            report = self._apply(actor, text, name, options) if options["apply"] else self._plan(actor, text, name)
        except Refused as refused:
            detail = refused.detail if isinstance(refused.detail, list) else []
            report = {"ok": False, "error": refused.code, "message": refused.message, "errors": detail}
            self.stderr.write("\n".join(map(str, detail[:SHOWN_ERRORS])) if not options["json"] else "")
            self.stderr.write(refused.message if not options["json"] else "")
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
        if not report["ok"]:
            sys.exit(1)

    def _plan(self, actor: User, text: bytes, name: str) -> dict[str, Any]:
        plan = importing.plan(actor, text, name)
        errors = [*plan.errors, *(error for row in plan.rows for error in row.errors)]
        for error in errors[:SHOWN_ERRORS]:
            self.stderr.write(str(error))
        if len(errors) > SHOWN_ERRORS:
            self.stderr.write(f"… and {len(errors) - SHOWN_ERRORS} more errors")
        self.stdout.write(f"{_counts(plan.counts)} (nothing was written; --apply imports)")
        rows = [{"line": row.line, "name": row.name, "action": row.action} for row in plan.rows]
        return {"ok": not errors, "counts": plan.counts, "rows": rows, "errors": [str(error) for error in errors]}

    def _apply(self, actor: User, text: bytes, name: str, options: dict[str, Any]) -> dict[str, Any]:
        job = importing.start(actor, text, name, options["mode"])
        job = self._wait(job, options)
        if job.state != "succeeded":
            error: dict[str, Any] = job.error or {"message": f"the import was {job.state}"}
            self.stderr.write(error["message"])
            return {"ok": False, "job": str(job.pk), "state": job.state, "error": error}
        result = job.result
        if not options["json"]:
            for item in result["failed"][:SHOWN_ERRORS]:
                self.stderr.write(f"{name}:{item['line']}: {item['name']}: {item['reason']}")
            counts = result["counts"]
            ready = f"{counts['ready']} of {counts['total']} ready in {result['import_s']} s"
            self.stdout.write(f"{_counts(counts)}: {ready} (import start to last probe)")
        return {"ok": not result["failed"], "job": str(job.pk), **result}

    def _wait(self, job: Job, options: dict[str, Any]) -> Job:
        """Print progress until the job is over, running jobs here if nobody else does."""
        begun, shown = time.monotonic(), ""
        while job.state not in jobs.FINAL:
            idle = job.state == "queued" and time.monotonic() - begun > PATIENCE_SECONDS
            if options["here"] or idle:
                engine.work(HANDLERS, Q(pk=job.pk))
            else:
                time.sleep(LOOK_SECONDS)
            job.refresh_from_db()
            line = _progress(job)
            if line != shown and not options["json"]:
                self.stdout.write(line)
                self.stdout.flush()
            shown = line
        return job


def _read(file: str) -> tuple[bytes, str]:
    try:
        return (sys.stdin.buffer.read(), "<stdin>") if file == "-" else (Path(file).read_bytes(), Path(file).name)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from error


def _account(username: str) -> User:
    active = User.objects.filter(is_active=True)
    if username:
        found = active.filter(username=username).first()
    else:
        found = active.filter(role=Role.ADMIN).order_by("pk").first() or active.filter(role=Role.ENGINEER).first()
    if found is None:
        who = f"account {username!r}" if username else "account that may import"
        raise CommandError(f"there is no active {who}; make one with the set-up link, or name one with --user")
    return found


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts[action]} {action}" for action in importing.ACTIONS if counts[action]) or "no rows"


def _progress(job: Job) -> str:
    now = job.progress
    if "done" not in now:
        return f"import {job.state}" + (f", {now['phase']}" if "phase" in now else "")
    rate = f", {now['rate']}/s" if now.get("rate") else ""
    return f"{now['done']} of {now['total']} done, {now['failed']} failed, {now['left']} left{rate}"
