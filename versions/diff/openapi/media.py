"""Media types: which one speaks for which, ranges and parameters included."""

from collections.abc import Iterable

WITHOUT_FORCE = ("charset=utf-8", "boundary=")
"""Parameters that say nothing about what is sent."""


def written(media: object) -> str:
    """A media type in lower case, its parameters in order."""
    plain, *parameters = str(media).lower().replace(" ", "").replace('"', "").split(";")
    return ";".join([plain, *sorted(part for part in parameters if part)])


def covering(media: str, names: Iterable[str]) -> str | None:
    """The media type or range that speaks for a media type; the one that says most about it if several do."""
    found = [name for name in names if _covers(name, media)]
    return max(
        found, key=lambda name: (name == media, "*" not in name, "/*" in name and "*/" not in name), default=None
    )


def specialised(media: str, names: Iterable[str]) -> str | None:
    """A media type with the same structured suffix: application/problem+json for application/json."""
    group, _, syntax = _plain(media).partition("/")
    return next((n for n in names if _plain(n).startswith(group) and _plain(n).endswith(f"+{syntax}")), None)


def _covers(name: str, media: str) -> bool:
    plain, asked = _plain(media), _plain(name)
    return asked in (plain, plain.split("/")[0] + "/*", "*/*") and _parameters(name) <= _parameters(media)


def _plain(media: str) -> str:
    return media.split(";")[0]


def _parameters(media: str) -> set[str]:
    return {part for part in media.split(";")[1:] if not part.startswith(WITHOUT_FORCE)}
