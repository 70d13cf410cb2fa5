"""The reader's words for the badge of a page that watches a live table (static/js/feed.js)."""

from django.utils.translation import gettext


def live_words() -> dict[str, str]:
    """Words by the names that the script uses."""
    return {
        "stale": gettext("stale"),
        "pause": gettext("Pause"),
        "resume": gettext("Resume"),
        "live": gettext("Live"),
        "paused": gettext("Paused"),
        "old": gettext("Stale: last news {age} ago"),
        "some_old": gettext("{n} of {all} sources are stale"),
        "waiting": gettext("Waiting for telemetry"),
    }
