"""One page of a long list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

SIZE = 50


@dataclass(frozen=True)
class Page:
    """Rows of one page. `total` counts every match; pages count from 1."""

    rows: list[Any]
    total: int
    page: int
    pages: int

    @property
    def before(self) -> int:
        """The page before this one."""
        return self.page - 1

    @property
    def after(self) -> int:
        """The page after this one."""
        return self.page + 1


def page_of_rows(rows: QuerySet[Any], number: int, size: int = SIZE) -> Page:
    """Page `number` of `rows`; beyond the end it is the last. Two queries."""
    return _page(rows, rows.count(), number, size)


def page_of_list(rows: Sequence[Any], number: int, size: int = SIZE) -> Page:
    """Page `number` of rows that are in memory; beyond the end it is the last."""
    return _page(rows, len(rows), number, size)


def _page(rows: QuerySet[Any] | Sequence[Any], total: int, number: int, size: int) -> Page:
    pages = max(1, -(-total // size))
    number = min(max(number, 1), pages)
    return Page(list(rows[(number - 1) * size : number * size]), total, number, pages)
