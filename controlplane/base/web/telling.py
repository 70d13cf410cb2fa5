"""Sentences in the reader's language: at the edge, for pages alone."""

from django.utils.translation import get_language, gettext

from controlplane.base.messages import EITHER, Sentence


def translated(template: str) -> str:
    """A template in the active language; one that begins small inside another sentence is listed with a capital."""
    if template == EITHER:
        return "{zh}" if (get_language() or "").startswith("zh") else template
    here = gettext(template) if template else ""
    if here == template and template[:1].islower():
        listed = template[0].upper() + template[1:]
        other = gettext(listed)
        return template if other == listed else other
    return here


def told(value: object) -> str:
    """`value` in the active language if it is a sentence; any other text, such as an upstream's words, as it is."""
    return value.told(translated) if isinstance(value, Sentence) else str(value)
