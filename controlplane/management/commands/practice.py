"""`manage.py practice`: the practice fleet (emulated), and the practice month on it."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Becomes `python -m registry.emulators`, which needs neither Django nor a database, so that the fleet stays
    small.
    """

    help = "Serve the practice fleet (emulated), or print its spec file with --specs; `practice month` plays a month."
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """`practice month …` becomes a program of its own, which starts whole installations."""
        if argv[2:3] == ["month"]:
            os.execv(sys.executable, [sys.executable, "-m", "controlplane.practice.month", *argv[3:]])  # noqa: S606
        super().run_from_argv(argv)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8001)
        parser.add_argument("--size", type=int, default=500)
        parser.add_argument("--specs", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        command = [sys.executable, "-m", "registry.emulators"]
        command += [f"--{name}={options[name]}" for name in ("host", "port", "size")]
        os.execv(sys.executable, command + ["--specs"] * options["specs"])  # noqa: S606
