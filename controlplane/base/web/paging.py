"""One page of a long list: the only place that counts pages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from django.db.models import QuerySet

SIZE = 50


@dataclass(frozen=True)
class Page:
    """Rows of one page. `total` counts every match; pages count from 1 and have at most `size` rows."""

    rows: list[Any]
    total: int
    page: int
    pages: int
    size: int

    @property
    def before(self) -> int:
        """The page before this one."""
        return self.page - 1

    @property
    def after(self) -> int:
        """The page after this one."""
        return self.page + 1

    def showing(self, rows: list[Any]) -> Self:
        """The same page with what its rows are shown as."""
        return replace(self, rows=rows)


def page_of_rows(rows: QuerySet[Any], number: int, size: int = SIZE, total: int | None = None) -> Page:
    """Page `number` of `rows`; beyond the end it is the last. Two queries, or one if `total` is known."""
    return _page(rows, rows.count() if total is None else total, number, size)


def page_of_list(rows: Sequence[Any], number: int, size: int = SIZE) -> Page:
    """Page `number` of rows that are in memory; beyond the end it is the last."""
    return _page(rows, len(rows), number, size)


def _page(rows: QuerySet[Any] | Sequence[Any], total: int, number: int, size: int) -> Page:
    pages = max(1, -(-total // size))
    number = min(max(number, 1), pages)
    return Page(list(rows[(number - 1) * size : number * size]), total, number, pages, size)
