"""`manage.py collect`: the collecting process of telemetry."""

import asyncio
import contextlib
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from routing.scraping.collector import Collector


class Command(BaseCommand):
    """Runs until it is asked to end. A second one waits, and takes over within seconds if the first is gone."""

    help = "Scrape telemetry endpoints and send what they say to the store."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """A file that says that it runs."""
        parser.add_argument("--ready", type=Path, help="a file to make once it runs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Collect."""
        if options["ready"]:
            options["ready"].touch()
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(_until_asked())


async def _until_asked() -> None:
    loop, work = asyncio.get_running_loop(), asyncio.create_task(Collector().run())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    await work
