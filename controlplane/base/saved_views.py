"""Lists as an account keeps them: which columns, how dense, and named views of filter, order and columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.db import IntegrityError, transaction
from django.http import QueryDict

from controlplane.base import access
from controlplane.base.messages import Sentence
from controlplane.base.models import SavedView, User
from controlplane.base.refusals import Conflict, Invalid, Missing

MOST_VIEWS, LONGEST_NAME, LONGEST_QUERY, MOST_COLUMNS = 30, 60, 4000, 40
_NOT_FILTER = ("page", "view")
_lists: list[str] = []
"""Lists that can be kept, by the name of their page."""


def add_lists(names: Iterable[str]) -> None:
    """Keep the lists that an app declares."""
    _lists.extend(name for name in names if name not in _lists)


@dataclass(frozen=True)
class Column:
    """A column that a list offers. `order` is what a click on its head sorts by, `now` the order in force.

    Without a choice of the account's own it is there if it is `shown`; a `fixed` one always is.
    """

    name: str
    word: str
    hint: str = ""
    shown: bool = True
    fixed: bool = False
    number: bool = False
    order: str = ""
    now: str = ""


@dataclass(frozen=True)
class Kept:
    """A list as one account sees it now. `offered` pairs each column with whether it is shown."""

    place: str
    query: str
    offered: Sequence[tuple[Column, bool]]
    chosen: bool
    dense: bool
    views: Sequence[SavedView]
    current: SavedView | None

    @property
    def columns(self) -> list[Column]:
        """The columns that are shown, in the list's own order."""
        return [column for column, shown in self.offered if shown]

    @property
    def shown(self) -> frozenset[str]:
        """Their names."""
        return frozenset(column.name for column in self.columns)

    @property
    def changed(self) -> bool:
        """Whether the address asks for something else than the view that it names."""
        return self.current is not None and self.current.query != self.query


def kept(user: User, place: str, address: QueryDict, columns: Iterable[Column]) -> Kept:
    """The list `place` as `user` keeps it; `view` in the address names one of the views. One query."""
    rows = list(SavedView.objects.filter(user=user, place=place).order_by("name"))
    views = [row for row in rows if row.name]
    current = next((row for row in views if str(row.pk) == address.get("view")), None)
    layout = current or next((row for row in rows if not row.name), None)
    names = set(layout.columns) if layout else set()
    offered = [(column, column.fixed or (column.name in names if names else column.shown)) for column in columns]
    dense = layout is not None and layout.dense
    return Kept(place, canonical(address), offered, bool(names), dense, views, current)


def ordered(column: Column, sort: str) -> Column:
    """`column` with the order in force, if the list is ordered by it."""
    now = {column.order: "ascending", f"-{column.order}": "descending"}.get(sort, "") if column.order else ""
    return replace(column, now=now, order=f"-{column.order}" if now == "ascending" else column.order)


def canonical(address: QueryDict) -> str:
    """The filter and order in an address, always written the same way."""
    pairs = [(name, value) for name, values in address.lists() for value in values]
    return urlencode(sorted((name, value) for name, value in pairs if value and name not in _NOT_FILTER))


def save(user: User, place: str, name: str, query: str, like: str = "") -> SavedView:
    """A new view with the columns now in force: those of the view `like`, else the list's. Raises Invalid, Conflict."""
    access.require(user, "profile.change")
    name, query = _checked_name(name), _checked_query(query)
    rows = SavedView.objects.filter(user=user, place=_checked_place(place))
    if rows.exclude(name="").count() >= MOST_VIEWS:
        raise Conflict(
            "too_many_views",
            Sentence("there are {most} views of this list already; delete one first", most=MOST_VIEWS),
        )
    layout = rows.filter(pk=like).first() if _is_id(like) else rows.filter(name="").first()
    columns, dense = (layout.columns, layout.dense) if layout else ([], False)
    view = SavedView(user=user, place=place, name=name, query=query, columns=columns, dense=dense)
    return _written(view)


def change(user: User, view_id: int, name: str | None = None, query: str | None = None) -> SavedView:
    """Another name or filter for one's own view. Raises Missing, Invalid, Conflict."""
    view = _own(user, view_id)
    view.name = view.name if name is None else _checked_name(name)
    view.query = view.query if query is None else _checked_query(query)
    return _written(view)


def delete(user: User, view_id: int) -> SavedView:
    """Forget one's own view. Raises Missing."""
    view = _own(user, view_id)
    SavedView.objects.filter(pk=view.pk).delete()
    return view


def lay_out(user: User, place: str, columns: Sequence[str], dense: bool, view: str = "") -> None:
    """Keep columns (none: the standard ones) and density, of the view `view` or of the list. Raises Invalid."""
    access.require(user, "profile.change")
    names = list(dict.fromkeys(columns))
    if len(names) > MOST_COLUMNS or not all(name.isidentifier() and len(name) <= 32 for name in names):
        raise Invalid(
            "columns",
            Sentence("columns are {names}; expected names of columns of this list", names=repr(", ".join(names)[:60])),
        )
    rows = SavedView.objects.filter(user=user, place=_checked_place(place))
    if not (_is_id(view) and rows.filter(pk=view).update(columns=names, dense=dense)):
        wanted = {"columns": names, "dense": dense}
        SavedView.objects.update_or_create(user=user, place=place, name="", defaults=wanted)


def _own(user: User, view_id: int) -> SavedView:
    access.require(user, "profile.change")
    view = SavedView.objects.filter(user=user, pk=view_id).exclude(name="").first()
    if view is None:
        raise Missing(
            "view", Sentence("there is no view {view_id} of yours; it may have been deleted", view_id=view_id)
        )
    return view


def _written(view: SavedView) -> SavedView:
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        raise Conflict(
            "view_exists",
            Sentence("a view of this list is called {view} already; choose another", view=repr(view.name)),
        ) from error
    return view


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 18


def _checked_place(place: str) -> str:
    if place not in _lists:
        raise Invalid(
            "list", Sentence("list {place} is none of {places}", place=repr(place[:40]), places=", ".join(_lists))
        )
    return place


def _checked_name(name: str) -> str:
    name = " ".join(name.replace("\x00", "").split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise Invalid(
            "view_name",
            Sentence(
                "the name has {count} characters; expected 1 to {most}",
                count=len(name),
                most=LONGEST_NAME,
            ),
        )
    return name


def _checked_query(query: str) -> str:
    text = canonical(QueryDict(query.replace("\x00", "").lstrip("?")))
    if len(text) > LONGEST_QUERY:
        raise Invalid(
            "view_query",
            Sentence(
                "the filter has {count} characters; at most {most} can be kept",
                count=len(text),
                most=LONGEST_QUERY,
            ),
        )
    return text
