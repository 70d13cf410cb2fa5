"""Collects what pages show into the message catalogue: `python -m tests.catalogue`, which `make messages` calls."""

import os

import django
import polib
from django.core.management import call_command
from django.core.management.commands import makemessages

from registry.protocols.compiler.catalog import PROTOCOLS

IGNORED = [".venv", ".data", "tests"]


class Collector(makemessages.Command):
    """Django's own, which also takes the templates of sentences."""

    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=Sentence"]

    def build_potfiles(self) -> list[str]:
        """Add what protocol documents say."""
        files: list[str] = super().build_potfiles()
        for file in files:
            words = polib.pofile(file)
            words.extend(polib.POEntry(msgid=text) for text in sorted(evidence()) if words.find(text) is None)
            words.save(file)
        return files


def evidence() -> set[str]:
    """What probes of protocol documents say of an answer that fits."""
    return {probe.evidence for document in PROTOCOLS.values() for probe in document.detection if probe.evidence}


def main() -> None:
    """Bring the Chinese catalogue up to date and compile it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    django.setup()
    options = {"no_location": True, "no_obsolete": True, "no_wrap": True, "ignore_patterns": IGNORED}
    call_command(Collector(), locale=["zh_Hans"], **options)
    call_command("compilemessages", ignore_patterns=[".venv"])


if __name__ == "__main__":
    main()
