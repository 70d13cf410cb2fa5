"""What an app says of itself in its module `declared`, which is read at the start: a new page edits its own app."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.functional import Promise

from controlplane.base import events, saved_views, streams
from controlplane.base.audit import naming
from controlplane.base.jobs import kinds
from controlplane.base.jobs.kinds import JobKind
from controlplane.base.streams import LiveStream
from controlplane.base.web import badges, navigation, words
from controlplane.base.web.navigation import NavigationPlace


@dataclass(frozen=True)
class AppDeclaration:
    """An app's places in the navigation, and what the floor shows of its objects and jobs.

    `topics`: live topics, with the verb that hears them. `streams`: tables that pages watch. `lists`: names of pages
    whose columns and filters people keep. `objects`: how the audit log finds names. `words`: the reader's words for
    stored values, by family.
    """

    places: tuple[NavigationPlace, ...] = ()
    topics: Mapping[str, str] = field(default_factory=dict)
    streams: tuple[LiveStream, ...] = ()
    job_kinds: tuple[JobKind, ...] = ()
    lists: tuple[str, ...] = ()
    objects: Mapping[str, naming.Find] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str | Promise]] = field(default_factory=dict)


def declare(app: AppDeclaration) -> None:
    """Hand each part to the module that keeps it. Raises ValueError if a word or a letter has two meanings."""
    navigation.add(app.places)
    events.add_topics(app.topics)
    events.add_topics({f"{badges.TOPIC}{one.name}": one.verb for one in app.places if one.badge is not None})
    streams.add(app.streams)
    kinds.add(app.job_kinds)
    saved_views.add_lists(app.lists)
    naming.declare(app.objects)
    words.add(app.words)
    words.add({"kind": {kind.name: kind.words for kind in app.job_kinds}})
