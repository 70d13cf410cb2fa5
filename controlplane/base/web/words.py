"""The reader's words for stored values. A value that is not listed is shown as it is.

Here are those of the floor; every app declares its own.
"""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

FAMILIES: dict[str, dict[str, str | Promise]] = {
    "state": {
        "queued": _("Queued"),
        "running": _("Running"),
        "done": _("Done"),
        "partly_failed": _("Partly failed"),
        "failed": _("Failed"),
        "cancelled": _("Cancelled"),
    },
    "role": {
        "viewer": _("Viewer"),
        "engineer": _("Engineer"),
        "reviewer": _("Reviewer"),
        "admin": _("Admin"),
        "anonymous": _("Not signed in"),
    },
    "role_hint": {
        "viewer": _("Reads models, calls and races, uses the playground."),
        "engineer": _("Also onboards models and makes keys."),
        "reviewer": _("Also approves breaking updates and reads the audit log."),
        "admin": _("Also changes settings and people."),
    },
    "theme": {"system": _("System"), "light": _("Light"), "dark": _("Dark")},
    "phase": {
        "done": _("Done"),
    },
    "object": {
        "job": _("Job"),
        "setting": _("Setting"),
        "user": _("Account"),
        "setup_link": _("Invitation"),
    },
    "invitation": {
        "open": _("Open"),
        "used": _("Used"),
        "withdrawn": _("Withdrawn"),
        "expired": _("Expired"),
    },
    "verb": {
        "settings.change": _("setting changed"),
        "user.invite": _("invited"),
        "user.withdraw": _("invitation withdrawn"),
        "user.create": _("account made"),
        "user.change": _("role changed"),
        "user.password": _("password changed"),
        "user.activate": _("let in again"),
        "user.deactivate": _("shut out"),
        "job.cancel": _("job cancelled"),
    },
}


def add(families: Mapping[str, Mapping[str, str | Promise]]) -> None:
    """Add an app's words to their families. Raises ValueError if a value has a word already."""
    for family, words in families.items():
        known = FAMILIES.setdefault(family, {})
        if twice := known.keys() & words.keys():
            raise ValueError(f"the family {family} has words already for {', '.join(sorted(twice))}")
        known.update(words)


def word(family: str, value: str) -> str:
    """The word of `value` in `family`, or the value itself."""
    return str(FAMILIES.get(family, {}).get(value, value))


def state(value: str) -> str:
    """The word of a model's state, or of how a job or a call ended."""
    return word("state", value)
