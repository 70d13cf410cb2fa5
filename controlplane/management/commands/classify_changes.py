"""`manage.py classify_changes`: JSON lines of pairs in, JSON lines of verdicts out."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from versions.diff.lines import answers
from versions.diff.policy import DiffPolicy, from_mapping


class Command(BaseCommand):
    """Reads standard input line by line and answers each at once; needs no store. A bad line is answered too."""

    help = (
        "Judge pairs of interface descriptions. Each input line is a JSON object "
        "{id, kind, direction, old, new}; each output line {id, verdict, findings, adaptable, plan}."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--policy", default="{}", help="policy knobs as a JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            policy: DiffPolicy = from_mapping(json.loads(options["policy"]))
        except ValueError as error:
            raise CommandError(f"--policy: {error}") from error
        for line in answers(sys.stdin, policy):
            self.stdout.write(line)
            self.stdout.flush()
