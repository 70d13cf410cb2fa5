"""Template tags and filters of the console; loaded in every template."""

import json
from datetime import datetime
from typing import Any

from django import template
from django.utils import formats, timezone, translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from controlplane.base import access
from controlplane.base.web import badges, icons, telling, words
from controlplane.base.web.navigation import NavigationPlace

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86400
TONES = {
    **{"done": "good", "partly_failed": "warn", "failed": "bad"},
    **{"new": "good", "changed": "accent"},
    **{"better": "good", "worse": "warn"},
    **{"open": "queued", "used": "good"},
    **{"breaking": "bad", "review": "warn", "compatible": "good"},
    **{"kept": "good", "doubtful": "warn", "broken": "bad"},
}
"""The colour family of how a job ended, of what an import does, of who won, of an invitation, of a
verdict, of a guard line."""


@register.simple_tag
def icon(name: str, size: int = 16) -> SafeString:
    """The icon `name`, hidden from screen readers: words stand beside it."""
    return format_html(
        '<svg width="{0}" height="{0}" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5"'
        ' stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">{1}</svg>',
        size,
        icons.PATHS[name],
    )


@register.simple_tag
def state(value: str) -> SafeString:
    """A status as dot and word."""
    return format_html('<span class="state is-{}">{}</span>', value, words.state(value))


@register.simple_tag
def left(moment: datetime) -> SafeString:
    """How long a deadline is away, exact on hover; what is over is said to be."""
    seconds = int((moment - timezone.now()).total_seconds())
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>',
        moment.isoformat(timespec="seconds"),
        formats.date_format(moment, "Y-m-d H:i:s") + " UTC",
        format_html(' class="alarm"') if seconds < DAY // 2 else "",
        remaining(seconds),
    )


@register.filter
def words_of(text: str) -> list[str]:
    """The words of a text, to loop over."""
    return text.split()


@register.filter
def word(value: object, family: str) -> str:
    """The reader's word for a stored value, for example `model.type|word:"type"`; itself if there is none."""
    return words.word(family, str(value))


@register.filter
def meaning(fact: Any) -> str:
    """The text of a fact that is written in both languages (its `zh` and `en`), in the reader's."""
    return str(fact.zh if (translation.get_language() or "").startswith("zh") else fact.en)


@register.filter
def told(value: object) -> str:
    """A sentence in the reader's language; any other text as it is."""
    return telling.told(value)


@register.filter
def allowed(user: Any, verb: str) -> bool:
    """Whether the signed-in person may do `verb`."""
    return access.can(user if getattr(user, "is_authenticated", False) else None, verb)


@register.simple_tag
def ago(moment: datetime | None) -> SafeString | str:
    """A moment as "3 min ago", exact on hover."""
    if moment is None:
        return "–"
    seconds = max(0, int((timezone.now() - moment).total_seconds()))
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        moment.isoformat(timespec="seconds"),
        formats.date_format(moment, "Y-m-d H:i:s") + " UTC",
        elapsed(seconds),
    )


@register.simple_tag
def age(moment: datetime | None = None, pushed: bool = False) -> SafeString:
    """How old figures are, counted on by the page's script; it says "Live" of those that are pushed and fresh.

    Without `moment` they were read for this very page.
    """
    moment = moment or timezone.now()
    seconds = max(0, int((timezone.now() - moment).total_seconds()))
    since = gettext("%(n)d s ago") % {"n": seconds} if seconds < MINUTE else elapsed(seconds)
    return format_html(
        '<time class="state is-off" datetime="{}" data-age="{}">{}</time>',
        moment.isoformat(),
        "pushed" if pushed else "",
        gettext("as of %(age)s") % {"age": since},
    )


@register.simple_tag
def clock(moment: datetime) -> SafeString:
    """A moment of today or lately as HH:MM:SS, UTC until the page's script shows the reader's own time."""
    return format_html(
        '<time datetime="{}" data-clock>{}</time>', moment.isoformat(timespec="milliseconds"), f"{moment:%H:%M:%S}"
    )


@register.simple_tag
def moment(value: datetime) -> SafeString:
    """A moment as date and time to the millisecond, UTC."""
    exact = value.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", " UTC")
    return format_html('<time datetime="{}">{}</time>', value.isoformat(timespec="milliseconds"), exact)


def elapsed(seconds: int) -> str:
    """`seconds` ago, in the reader's words."""
    if seconds < MINUTE:
        return gettext("just now")
    if seconds < HOUR:
        return ngettext("%(n)d min ago", "%(n)d min ago", seconds // MINUTE) % {"n": seconds // MINUTE}
    if seconds < DAY:
        return ngettext("%(n)d h ago", "%(n)d h ago", seconds // HOUR) % {"n": seconds // HOUR}
    return ngettext("%(n)d day ago", "%(n)d days ago", seconds // DAY) % {"n": seconds // DAY}


def remaining(seconds: int) -> str:
    """`seconds` from now, in the reader's words."""
    if seconds <= 0:
        return gettext("over")
    if seconds < HOUR:
        return ngettext("%(n)d min left", "%(n)d min left", seconds // MINUTE) % {"n": seconds // MINUTE}
    if seconds < 3 * DAY:
        return ngettext("%(n)d h left", "%(n)d h left", seconds // HOUR) % {"n": seconds // HOUR}
    return ngettext("%(n)d day left", "%(n)d days left", seconds // DAY) % {"n": seconds // DAY}


@register.inclusion_tag("base/parts/badge.html")
def badge(place: NavigationPlace) -> dict[str, object]:
    """How much waits at a place, if this process knows it; hidden if it is nothing."""
    assert place.badge is not None
    counted, words_ = badges.COUNTS.known().get(place.name, 0), str(place.badge.words)
    return {"name": place.name, "count": counted, "words": words_, "said": words_.replace("{n}", f"{counted:,}")}


@register.filter
def count(value: float | None) -> str:
    """A whole number with group separators, or a dash."""
    return "–" if value is None else f"{int(value):,}"


@register.filter
def short(value: float) -> str:
    """A number for the axis of a chart: 800, 12k, 1.5M."""
    for unit, step in (("M", 1e6), ("k", 1e3)):
        if value >= step * 10 or (value >= step and unit == "M"):
            return f"{value / step:g}{unit}"
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"


@register.filter
def ms(value: float | None) -> str:
    """Milliseconds as people read them: 38 ms, 1.24 s."""
    if value is None:
        return "–"
    if value < 1000:
        return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"
    return f"{value / 1000:.2f} s" if value < 60_000 else f"{value / 60_000:.1f} min"


@register.filter
def decimal(value: float | None, places: int = 1) -> str:
    """A number with `places` decimals, or a dash."""
    return "–" if value is None else f"{value:,.{places}f}"


@register.filter
def plain(value: Any) -> str:
    """A number without needless zeros: 8192 for 8192.0; ∞ if there is none."""
    return "∞" if value is None else f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else f"{value}"


@register.filter
def size(value: int | None) -> str:
    """Bytes in decimal units, as specs write them."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 1000)):
        if value is not None and value >= step:
            return f"{value / step:g} {unit}"
    return "–" if value is None else f"{value} B"


@register.filter
def kwh(joules: float) -> str:
    """Joules as electricity is paid: 0.42 kWh, 1,204 kWh."""
    value = joules / 3.6e6
    return f"{value:,.0f} kWh" if value >= 100 else f"{value:.2g} kWh" if value < 1 else f"{value:.1f} kWh"


@register.filter
def as_json(value: object) -> str:
    """Indented JSON for reading, not for scripts."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@register.filter
def get(mapping: Any, key: object) -> Any:
    """`mapping[key]`, or nothing."""
    return mapping.get(key) if hasattr(mapping, "get") else None


@register.filter
def tone(value: str) -> str:
    """The colour family of a stored value; nothing if it has none."""
    return TONES.get(value, "")


@register.filter
def status_tone(status: int) -> str:
    """The colour family of an HTTP status."""
    return "good" if status < 400 else "warn" if status < 500 else "bad"


@register.simple_tag(takes_context=True)
def filters_with(context: template.Context, name: str, value: str) -> str:
    """The address' query with `name` set to `value` (dropped if empty), from the first page."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    query.pop(name, None)
    if value:
        query[name] = value
    return str(query.urlencode())


@register.simple_tag(takes_context=True)
def filters_toggled(context: template.Context, name: str, value: str) -> str:
    """The address' query with `value` among those of `name`, or without it if it is there, from the first page."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    values = [item.strip() for item in query.getlist(name) if item.strip()]
    query.setlist(name, [item for item in values if item != value] if value in values else [*values, value])
    return str(query.urlencode())


@register.simple_tag
def progress_value(job: Any) -> int:
    """How many steps of a job are over, failed ones included."""
    progress = job.progress or {}
    return int(progress.get("done") or 0) + int(progress.get("failed") or 0)
