"""`manage.py collect`: the collecting process of telemetry."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from routing.scraping.collector import Collector

TURN_SECONDS = 0.001
"""How long the thread that reads a large answer may keep the loop waiting: it has hundreds of turns a second."""


class Command(BaseCommand):
    """Runs until it is asked to end. A second one waits, and takes over within seconds if the first is gone."""

    help = "Scrape telemetry endpoints and send what they say to the store."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Collect; the file that READY_FILE names says that it runs."""
        if ready := os.environ.get("READY_FILE"):
            Path(ready).touch()
        sys.setswitchinterval(TURN_SECONDS)
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(_until_asked())


async def _until_asked() -> None:
    loop, work = asyncio.get_running_loop(), asyncio.create_task(Collector().run())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    await work
