"""Pages of long lists: never beyond the ends, and no query more than needed."""

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries

from controlplane.base.models import User
from controlplane.base.web.paging import page_of_list, page_of_rows


@pytest.mark.parametrize(
    ("asked", "page", "rows"), [(0, 1, [0, 1, 2]), (2, 2, [3, 4, 5]), (3, 3, [6]), (99, 3, [6]), (-7, 1, [0, 1, 2])]
)
def test_a_page_beyond_an_end_is_the_one_at_it(asked: int, page: int, rows: list[int]) -> None:
    found = page_of_list(range(7), asked, 3)
    assert (found.page, found.rows, found.pages, found.total, found.size) == (page, rows, 3, 7, 3)
    assert (found.before, found.after) == (page - 1, page + 1)


def test_an_empty_list_has_one_empty_page() -> None:
    found = page_of_list([], 4)
    assert (found.page, found.pages, found.rows) == (1, 1, [])


def test_rows_are_counted_unless_the_count_is_known(
    person: Callable[..., User], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    names = [person("viewer", f"v{number}").username for number in range(5)]
    rows = User.objects.order_by("username").values_list("username", flat=True)
    with django_assert_num_queries(2):
        assert page_of_rows(rows, 2, 2).rows == names[2:4]
    with django_assert_num_queries(1):
        assert page_of_rows(rows, 9, 2, total=4).rows == names[2:4]


def test_a_page_is_shown_as_something_else_with_its_place_kept() -> None:
    found = page_of_list("abcd", 2, 2).showing(["C", "D"])
    assert (found.rows, found.page, found.total) == (["C", "D"], 2, 4)
