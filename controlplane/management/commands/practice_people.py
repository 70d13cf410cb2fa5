"""`manage.py practice_people`: the people of a practice month, on the installation that the month is played on."""

import json
import sys
import threading
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from controlplane.practice import reviewers

PAUSE = 0.5


class Command(BaseCommand):
    """`set-up` makes accounts, keys and sources and prints them; `review` decides until its input closes.

    `import` saves specs as they come, one JSON document a line, as a team without reviews does.
    """

    help = "Play the people of a practice month: set-up FILE, review, or import."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do."""
        parser.add_argument("what", choices=("set-up", "review", "import", "counts"))
        parser.add_argument("--keys", type=int, default=6)
        parser.add_argument("--sources", type=Path, help="JSON: model name to address of its description")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        if options["what"] == "set-up":
            sources = json.loads(options["sources"].read_text()) if options["sources"] else {}
            self._say(reviewers.set_up(options["keys"], sources))
        elif options["what"] == "import":
            for line in sys.stdin:
                self._say({"saved": reviewers.save(json.loads(line))})
        elif options["what"] == "review":
            reading = threading.Thread(target=sys.stdin.read, daemon=True)
            reading.start()
            while reading.is_alive():
                reviewers.decide()
                time.sleep(PAUSE)
        else:
            self._say(reviewers.counts())

    def _say(self, what: Any) -> None:
        self.stdout.write(json.dumps(what))
        self.stdout.flush()
