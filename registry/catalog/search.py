"""The model list: filtered, counted by facet, sorted and paged on the server."""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet, Value
from django.db.models.functions import Lower
from django.http import QueryDict

from controlplane.base import access
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid
from controlplane.base.web.paging import Page, page_of_rows
from controlplane.base.web.patience import at_most
from registry.models import Model, ModelState

MAX_QUERY = 200
MAX_PAGE = 500
MAX_VALUES = 50
SORTS = ("name", "type", "protocol", "state", "owner", "endpoint", "probe_ms", "probed_at", "created_at", "updated_at")
FACETS = ("type", "protocol", "state", "tag", "owner")
SECONDS = 2.0


@dataclass(frozen=True)
class ModelFilter:
    """What is asked for. `q` is looked for in name, endpoint and owner; empty means any.

    A facet accepts each of its values, none named means any; a model has to fit every facet.
    """

    q: str = ""
    type: tuple[str, ...] = ()
    protocol: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing(Page):
    """One page of models. `facets` counts each value with the other filters applied, most frequent first."""

    sort: str
    facets: dict[str, list[tuple[str, int]]]


def list_query(given: QueryDict) -> str:
    """The part of an address that says what the list shows: filter, order and view; with its question mark."""
    names = ("q", *FACETS, "sort", "view")
    query = urlencode([(name, value) for name in names for value in given.getlist(name) if value])
    return f"?{query}" if query else ""


def search(
    actor: access.Actor | None, filter: ModelFilter = ModelFilter(), sort: str = "name", page: int = 1, size: int = 50
) -> Listing:
    """The page `page` (from 1; beyond the end gives the last) of matching models. Raises Forbidden, Invalid.

    Two queries, whatever the number of models; each is cut off after two seconds.
    """
    access.require(actor, "model.read")
    wanted = checked(filter)
    column = checked_sort(sort)
    size = min(max(size, 1), MAX_PAGE)
    with at_most(SECONDS):
        groups = _groups(wanted)
        total = sum(count for group, count in groups if _fits(group, wanted, ""))
        rows = _matching(wanted).select_related("release").defer("release__spec", "sought").order_by(column, "name")
        shown = page_of_rows(rows, page, size, total)
    facets = {name: _facet(name, groups, wanted) for name in FACETS}
    return Listing(**vars(shown), sort=sort, facets=facets)


def matching_ids(actor: access.Actor | None, filter: ModelFilter) -> list[int]:
    """Ids of every matching model, for "select all matching". Raises Forbidden, Invalid."""
    access.require(actor, "model.read")
    return list(_matching(checked(filter)).order_by("name").values_list("id", flat=True))


def counts_by_state(actor: access.Actor | None) -> dict[str, int]:
    """How many models are in each state; every state is listed. Raises Forbidden."""
    access.require(actor, "model.read")
    found = dict(Model.objects.values_list("state").annotate(n=Count("id")).order_by())
    return {state: found.get(state, 0) for state in ModelState.values}


def newest_in_state(actor: access.Actor | None, state: str, most: int) -> list[str]:
    """Names of models in a state, those that changed last first. Raises Forbidden."""
    access.require(actor, "model.read")
    rows = Model.objects.filter(state=state).order_by("-updated_at", "name")
    return list(rows.values_list("name", flat=True)[:most])


def count_tagged(actor: access.Actor | None, tag: str) -> int:
    """How many models carry `tag`. Raises Forbidden."""
    access.require(actor, "model.read")
    return Model.objects.filter(tags__contains=[tag]).count()


def checked_sort(sort: str) -> str:
    """`sort` as a column, "-" in front for descending. Raises Invalid."""
    if sort.removeprefix("-") not in SORTS:
        raise Invalid(
            "sort",
            Sentence(
                "sort {sort} is none of {sorts} (with - in front for descending)",
                sort=repr(sort[:40]),
                sorts=", ".join(SORTS),
            ),
        )
    return sort


def _matching(wanted: ModelFilter) -> QuerySet[Model]:
    columns = {name: "tags__overlap" if name == "tag" else f"{name}__in" for name in FACETS}
    chosen = {column: list(values) for name, column in columns.items() if (values := getattr(wanted, name))}
    return Model.objects.filter(_words(wanted.q), **chosen)


def _words(q: str) -> Q:
    found = Q()
    for word in q.split()[:8]:
        found &= Q(sought__contains=Lower(Value(word)))
    return found


def _groups(wanted: ModelFilter) -> list[tuple[dict[str, Any], int]]:
    columns = ("type", "protocol", "state", "tags", "owner")
    rows = Model.objects.filter(_words(wanted.q)).values_list(*columns).annotate(n=Count("id")).order_by()
    return [(dict(zip(columns, row[:-1], strict=True)), row[-1]) for row in rows]


def _fits(group: dict[str, Any], wanted: ModelFilter, ignored: str) -> bool:
    for name in FACETS:
        values = getattr(wanted, name)
        if values and name != ignored and not set(values).intersection(_values(group, name)):
            return False
    return True


def _values(group: dict[str, Any], facet: str) -> list[str]:
    return group["tags"] if facet == "tag" else [group[facet]]


def _facet(name: str, groups: list[tuple[dict[str, Any], int]], wanted: ModelFilter) -> list[tuple[str, int]]:
    counts: Counter[str] = Counter()
    for group, count in groups:
        if _fits(group, wanted, name):
            counts.update(dict.fromkeys(_values(group, name), count))
    counts.pop("", None)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:50]


def checked(filter: ModelFilter) -> ModelFilter:
    """`filter` with texts that the database can compare. Raises Invalid for a text too long or too many values."""
    chosen = {name: getattr(filter, name) for name in FACETS}
    for name, values in chosen.items():
        if len(values) > MAX_VALUES:
            message = Sentence(
                "the filter {name} has {count} values; at most {most} are allowed",
                name=name,
                count=len(values),
                most=MAX_VALUES,
            )
            raise Invalid("too_many_values", message)
    clean = {name: tuple(_comparable(name, value) for value in values) for name, values in chosen.items()}
    return ModelFilter(_comparable("q", filter.q), **clean)


def _comparable(name: str, text: str) -> str:
    if len(text) > MAX_QUERY:
        message = Sentence(
            "the filter {name} has {count} characters; at most {most} are allowed",
            name=name,
            count=len(text),
            most=MAX_QUERY,
        )
        raise Invalid("query_too_long", message)
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
