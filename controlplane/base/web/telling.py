"""Sentences in the reader's language: at the edge, for pages alone."""

from django.utils.translation import gettext

from controlplane.base.messages import Sentence
from controlplane.base.web.retelling import retell


def told(value: object) -> str:
    """`value` in the active language if it is a sentence; any other text, such as an upstream's words, as it is."""
    if isinstance(value, Sentence):
        return value.told(gettext, retell)
    return retell(str(value))
