"""The model list on the server: every filter, every facet and every order, and what cannot be asked for."""

from collections.abc import Callable
from typing import Any

import pytest

from controlplane.base import access
from controlplane.base.models import User
from controlplane.base.refusals import Invalid
from registry.catalog.search import (
    FACETS,
    MAX_PAGE,
    MAX_QUERY,
    MAX_VALUES,
    SORTS,
    ModelFilter,
    count_tagged,
    counts_by_state,
    matching_ids,
    search,
)
from registry.models import Model
from tests.site import write_models

pytestmark = pytest.mark.django_db
Person = Callable[..., User]


@pytest.fixture
def viewer(person: Person) -> User:
    """Who reads."""
    return person("viewer")


@pytest.fixture
def thirty(db: None) -> list[Model]:
    """Models of changing type, protocol, state, owner and tags."""
    return write_models(30)


def asked(**wanted: Any) -> ModelFilter:
    """A filter."""
    return ModelFilter(**wanted)


def names(viewer: User, *, sort: str = "name", **wanted: Any) -> list[str]:
    """The names of the models that match."""
    return [row.name for row in search(viewer, ModelFilter(**wanted), sort, 1, 500).rows]


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({}, lambda model: True),
        ({"type": ("llm",)}, lambda model: model.type == "llm"),
        ({"type": ("llm", "tensor")}, lambda model: model.type in ("llm", "tensor")),
        ({"protocol": ("ollama",)}, lambda model: model.protocol == "ollama"),
        ({"state": ("disabled",)}, lambda model: model.state == "disabled"),
        ({"owner": ("team-1", "team-2")}, lambda model: model.owner in ("team-1", "team-2")),
        ({"tag": ("tag-1",)}, lambda model: "tag-1" in model.tags),
        (
            {"tag": ("tag-1", "tag-2"), "type": ("llm",)},
            lambda model: model.type == "llm" and model.tags[0] in ("tag-1", "tag-2"),
        ),
        ({"q": "chat"}, lambda model: model.name.startswith("chat")),
        ({"q": "CHAT team-0"}, lambda model: model.name.startswith("chat") and model.owner == "team-0"),
        ({"q": "10.0.3.7"}, lambda model: model.endpoint == "http://10.0.3.7:8000"),
        ({"q": "%"}, lambda model: False),
        ({"q": "_"}, lambda model: False),
        ({"type": ("nothing",)}, lambda model: False),
    ],
)
def test_a_filter_finds_what_fits(viewer: User, thirty: list[Model], wanted: dict[str, Any], fits: Any) -> None:
    expected = sorted(model.name for model in thirty if fits(model))
    assert names(viewer, **wanted) == expected
    found = matching_ids(viewer, ModelFilter(**wanted))
    assert sorted(found) == sorted(model.pk for model in thirty if fits(model))


@pytest.mark.parametrize("sort", [*SORTS, *(f"-{sort}" for sort in SORTS)])
def test_every_order(viewer: User, thirty: list[Model], sort: str) -> None:
    found = search(viewer, sort=sort, size=500).rows
    values = [getattr(row, sort.removeprefix("-")) for row in found]
    told = [value for value in values if value is not None]
    assert told == sorted(told, reverse=sort.startswith("-"))
    assert len(found) == 30


@pytest.mark.parametrize("sort", ["", "-", "password", "name;", "--name", "release__spec", "NAME"])
def test_an_order_that_there_is_not(viewer: User, sort: str) -> None:
    with pytest.raises(Invalid, match="is none of name, type") as caught:
        search(viewer, sort=sort)
    assert caught.value.code == "sort"


@pytest.mark.parametrize(
    ("page", "size", "shown", "first"),
    [
        (1, 10, 1, "chat-00000"),
        (3, 10, 3, "tensor"),
        (99, 10, 3, "tensor"),
        (0, 10, 1, "chat-00000"),
        (-5, 10, 1, "chat-00000"),
    ],
)
def test_a_page_beyond_the_ends_is_the_nearest(
    viewer: User, thirty: list[Model], page: int, size: int, shown: int, first: str
) -> None:
    found = search(viewer, page=page, size=size)
    assert (found.page, found.pages, found.total, found.size) == (shown, 3, 30, size)
    assert len(found.rows) == 10


@pytest.mark.parametrize(("size", "kept"), [(0, 1), (-3, 1), (7, 7), (10_000, MAX_PAGE)])
def test_a_page_has_at_least_one_row_and_at_most_500(viewer: User, thirty: list[Model], size: int, kept: int) -> None:
    assert search(viewer, size=size).size == kept


def test_pages_together_hold_every_model_once(viewer: User, thirty: list[Model]) -> None:
    found = [row.name for page in range(1, 6) for row in search(viewer, sort="-state", page=page, size=7).rows]
    assert sorted(found) == sorted(model.name for model in thirty)


def test_no_model_is_one_empty_page(viewer: User) -> None:
    found = search(viewer)
    assert (found.rows, found.total, found.page, found.pages) == ([], 0, 1, 1)
    assert found.facets == {name: [] for name in FACETS}


def test_a_facet_counts_what_would_be_found_with_its_other_values(viewer: User, thirty: list[Model]) -> None:
    found = search(viewer, ModelFilter(type=("llm",), state=("ready",)))
    for name, column in (("type", "type"), ("state", "state"), ("owner", "owner")):
        for value, count in found.facets[name]:
            wanted: dict[str, Any] = {"type": ("llm",), "state": ("ready",), name: (value,)}
            assert count == len(names(viewer, **wanted)), (name, value, column)
    assert sum(count for _, count in found.facets["type"]) == len(names(viewer, state=("ready",)))


def test_a_facet_lists_the_most_frequent_first(viewer: User, thirty: list[Model]) -> None:
    counts = [count for _, count in search(viewer).facets["state"]]
    assert counts == sorted(counts, reverse=True)
    Model.objects.update(owner="")
    assert search(viewer).facets["owner"] == []


@pytest.mark.parametrize("facet", FACETS)
def test_a_facet_takes_so_many_values_and_no_more(viewer: User, facet: str) -> None:
    search(viewer, asked(**{facet: tuple(f"v{number}" for number in range(MAX_VALUES))}))
    with pytest.raises(Invalid, match=f"the filter {facet} has {MAX_VALUES + 1} values") as caught:
        search(viewer, asked(**{facet: tuple(f"v{number}" for number in range(MAX_VALUES + 1))}))
    assert caught.value.code == "too_many_values"


@pytest.mark.parametrize("name", ["q", *FACETS])
def test_a_text_has_a_length(viewer: User, name: str) -> None:
    text = "x" * (MAX_QUERY + 1)
    with pytest.raises(Invalid, match=f"the filter {name} has {MAX_QUERY + 1} characters") as caught:
        matching_ids(viewer, asked(**{name: text if name == "q" else (text,)}))
    assert caught.value.code == "query_too_long"


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "'; drop table", "\\", "%_%"])
@pytest.mark.parametrize("name", ["q", "tag", "owner"])
def test_a_text_that_no_database_takes_finds_nothing(viewer: User, thirty: list[Model], name: str, text: str) -> None:
    wanted: dict[str, Any] = {name: text if name == "q" else (text,)}
    assert names(viewer, **wanted) == []


def test_states_and_tags_are_counted(viewer: User, thirty: list[Model]) -> None:
    counted = counts_by_state(viewer)
    assert counted == {
        state: sum(model.state == state for model in thirty)
        for state in ("probing", "ready", "unreachable", "disabled")
    }
    assert count_tagged(viewer, "tag-3") == sum("tag-3" in model.tags for model in thirty)
    assert count_tagged(viewer, "nothing") == 0


def test_nobody_reads_without_an_account(person: Person) -> None:
    person("viewer")
    for verb in (search, counts_by_state):
        with pytest.raises(access.Forbidden):
            verb(None)
    with pytest.raises(access.Forbidden):
        matching_ids(None, ModelFilter())
