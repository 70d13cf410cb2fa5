"""The navigation: every app declares its places, and the floor puts them in order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.base import access


class PlaceGroup(IntEnum):
    """A group of places, in the order of the navigation."""

    MAIN = 0
    VERSIONS = 1
    ROUTING = 2
    ACCESS = 3
    INSTALLATION = 4


TITLES: dict[PlaceGroup, str | Promise] = {
    PlaceGroup.MAIN: "",
    PlaceGroup.VERSIONS: _("Versions"),
    PlaceGroup.ROUTING: _("Routing"),
    PlaceGroup.ACCESS: _("Access"),
    PlaceGroup.INSTALLATION: _("Installation"),
}


@dataclass(frozen=True)
class NavigationBadge:
    """How much waits at a place: `count` asks, in one query; `words` says it, with {n}."""

    count: Callable[[], int]
    words: str | Promise


@dataclass(frozen=True)
class NavigationPlace:
    """A place in the navigation. `name` names its page and its icon.

    `order` counts within the group. `letter` is the key that opens the place after `g`. Pages whose name begins with
    `pages` belong to the place; without it the page of its own name does.
    """

    name: str
    words: str | Promise
    verb: str
    letter: str
    group: PlaceGroup
    order: int
    pages: str = ""
    badge: NavigationBadge | None = None


@dataclass(frozen=True)
class NavigationGroup:
    """Places under one title, which is empty for the first group."""

    title: str | Promise
    places: tuple[NavigationPlace, ...]


_places: dict[str, NavigationPlace] = {}


def add(places: Iterable[NavigationPlace]) -> None:
    """Keep places that an app declares. Raises ValueError if a letter is taken."""
    for place in places:
        taken = [one.name for one in _places.values() if one.letter == place.letter and one.name != place.name]
        if taken:
            raise ValueError(f"the letter {place.letter} of {place.name} is {taken[0]}'s")
        _places[place.name] = place


def every() -> tuple[NavigationPlace, ...]:
    """Every place that an app declared."""
    return tuple(_places.values())


def navigation(user: Any) -> tuple[NavigationGroup, ...]:
    """Groups of places that `user` may open."""
    shown = sorted((one for one in _places.values() if access.can(user, one.verb)), key=lambda one: one.order)
    groups = (NavigationGroup(TITLES[group], tuple(one for one in shown if one.group == group)) for group in PlaceGroup)
    return tuple(group for group in groups if group.places)


def place_of(page: str) -> str:
    """The place that the page of this name belongs to: model-new to models, lab-race to lab; else the name itself."""
    found = (one.name for one in _places.values() if one.pages and page.startswith(one.pages))
    return next(found, page)
