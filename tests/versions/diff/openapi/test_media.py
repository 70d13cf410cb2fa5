"""Media types: which one speaks for which."""

import pytest

from versions.diff.openapi.media import covering, specialised, written


@pytest.mark.parametrize(
    ("media", "plain"),
    [
        ("Application/JSON", "application/json"),
        ("text/plain; charset=UTF-8", "text/plain;charset=utf-8"),
        ('a/b; z=1; a="2"', "a/b;a=2;z=1"),
        ("a/b;", "a/b"),
        (7, "7"),
    ],
)
def test_a_media_type_is_written_one_way(media: object, plain: str) -> None:
    assert written(media) == plain


@pytest.mark.parametrize(
    ("media", "names", "name"),
    [
        ("application/json", ["application/json"], "application/json"),
        ("application/json", ["*/*"], "*/*"),
        ("application/json", ["*/*", "application/*"], "application/*"),
        ("application/json", ["application/*", "application/json"], "application/json"),
        ("application/json", ["text/*", "text/plain"], None),
        ("text/plain;charset=utf-8", ["text/plain"], "text/plain"),
        ("text/plain", ["text/plain;charset=utf-8"], "text/plain;charset=utf-8"),
        ("application/json", ["application/json;version=2"], None),
        ("application/json;v=1", ["application/json"], "application/json"),
        ("application/json;v=1", ["application/json;v=2"], None),
        ("multipart/form-data;boundary=x", ["multipart/form-data"], "multipart/form-data"),
        ("application/*", ["application/json"], None),
        ("*/*", ["*/*"], "*/*"),
        ("application/json", [], None),
    ],
)
def test_what_speaks_for_a_media_type(media: str, names: list[str], name: str | None) -> None:
    assert covering(media, names) == name


@pytest.mark.parametrize(
    ("media", "names", "name"),
    [
        ("application/json", ["application/problem+json"], "application/problem+json"),
        ("application/json", ["application/xml"], None),
        ("application/json", ["text/x+json"], None),
        ("application/xml", ["application/atom+xml;charset=utf-8"], "application/atom+xml;charset=utf-8"),
    ],
)
def test_a_media_type_with_the_same_syntax_under_another_name(media: str, names: list[str], name: str | None) -> None:
    assert specialised(media, names) == name
