"""What verbs, specs and transports say in English, told again in the reader's language: at the edge, for pages alone.

Programs read the same English from every door (REST, /v1, the command line, the log), and texts are stored as they
were said. A page passes them through `retell`, which finds the sentence in the phrase book of the language
(templates/locale/<locale>/phrases.yaml) and carries its varying parts over. What is in no book, such as an upstream's
own words, stays as it is.
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import yaml
from django.conf import settings
from django.utils.translation import get_language, to_locale

HOLE = "{}"
LONGEST = 4000
"""Characters of a text that is looked up; longer ones stay as they are."""
_HOLE = re.compile(r"\{(\d)\}")
_PLACES = re.compile(r"(?:\S+: )+")
"""Where an error is, in front of it: `fleet.yaml:4: models[0].type: `."""
_JOINTS = ("; ", " | ")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence: its fixed pieces, between which parts vary, and the sentence that is told instead."""

    pieces: tuple[str, ...]
    told: str

    def parts(self, text: str) -> tuple[str, ...] | None:
        """The varying parts of `text`, or None if it is another sentence. Linear in the text's length."""
        first, last = self.pieces[0], self.pieces[-1]
        if len(self.pieces) == 1:
            return () if text == first else None
        end = len(text) - len(last)
        if not text.startswith(first) or not text.endswith(last) or end < len(first):
            return None
        found, start = [], len(first)
        for piece in self.pieces[1:-1]:
            place = text.find(piece, start, end)
            if place < 0:
                return None
            found.append(text[start:place])
            start = place + len(piece)
        return (*found, text[start:end])

    def filled(self, parts: Sequence[str]) -> str:
        """The other sentence with these parts in it."""
        return _HOLE.sub(lambda hole: parts[int(hole[1])], self.told)


def retell(text: str) -> str:
    """`text` in the active language; itself if no phrase fits, or where the language is English."""
    phrases = book(to_locale(get_language() or "en"))
    return _told(text, phrases) if phrases and len(text) <= LONGEST else text


@functools.lru_cache(maxsize=8)
def book(locale: str) -> tuple[Phrase, ...]:
    """Every phrase of a locale, the most particular first; empty for a locale without a book."""
    path = settings.BASE_DIR / "templates/locale" / locale / "phrases.yaml"
    if not path.is_file():
        return ()
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = [Phrase(tuple(_lowered(english).split(HOLE)), told) for english, told in entries.items()]
    return tuple(sorted(found, key=lambda phrase: (-sum(map(len, phrase.pieces)), len(phrase.pieces))))


@functools.lru_cache(maxsize=4096)
def _told(text: str, phrases: tuple[Phrase, ...]) -> str:
    place = _PLACES.match(text)
    if place:
        rest = _told(text[place.end() :], phrases)
        if rest != text[place.end() :]:
            return place[0] + rest
    for candidate in (text, _lowered(text)):
        for phrase in phrases:
            parts = phrase.parts(candidate)
            if parts is not None:
                return phrase.filled([_told(part, phrases) if " " in part else part for part in parts])
    for joint in _JOINTS:
        if joint in text:
            return joint.join(_told(piece, phrases) for piece in text.split(joint))
    return text


def _lowered(text: str) -> str:
    """`text` with a small first letter: a sentence may stand alone or inside another one."""
    return text[:1].lower() + text[1:]
