"""A specification at a URL: a reformat is no change, and what is too large or no document is refused in words."""

import json
from dataclasses import replace

import pytest

from tests.versions.sources.conftest import PlainServer, lines, manifest_of
from versions.kinds import DOORS
from versions.reading import web as web_module
from versions.reading.errors import SourceGone, SourceLimited, SourceMoved, SourceRefused, SourceUnreachable
from versions.reading.interface import SourcePlace
from versions.reading.web import Web, retry_after

DOOR = DOORS["specification"]
SPEC = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/v1/x": {"get": {}}}}


def test_a_reformat_is_no_change(plain_server: PlainServer, web: Web) -> None:
    plain_server.document("/openapi.json", SPEC)
    place = SourcePlace(f"{plain_server.url}/openapi.json")
    first = DOOR.look(place, web)
    assert first is not None
    reading = manifest_of(DOOR, place, web)
    pretty = json.dumps(dict(reversed(SPEC.items())), indent=4).encode()
    plain_server.bytes("/openapi.json", pretty)
    second = DOOR.look(replace(place, cursor=first.cursor), web)
    assert second is not None
    assert second.revision == first.revision
    assert second.cursor["etag"] != first.cursor["etag"]
    assert lines(manifest_of(DOOR, place, web)) == lines(reading)
    plain_server.document("/openapi.json", {**SPEC, "paths": {}})
    third = DOOR.look(replace(place, cursor=second.cursor), web)
    assert third is not None
    assert third.revision != first.revision


def test_yaml_is_a_document_too(plain_server: PlainServer, web: Web) -> None:
    plain_server.bytes("/a.yaml", b"openapi: 3.1.0\npaths: {}\n")
    reading = manifest_of(DOOR, SourcePlace(f"{plain_server.url}/a.yaml"), web)
    assert reading.texts == {"specification.json": '{"openapi":"3.1.0","paths":{}}'}


def test_an_unchanged_document_costs_one_conditional_request(plain_server: PlainServer, web: Web) -> None:
    plain_server.document("/openapi.json", SPEC)
    place = SourcePlace(f"{plain_server.url}/openapi.json")
    first = DOOR.look(place, web)
    assert first is not None
    assert DOOR.look(replace(place, cursor=first.cursor), web) is None
    assert [headers.get("if-none-match") for _, headers in plain_server.asked] == [None, first.cursor["etag"]]


def test_a_document_of_40_mb_is_refused(plain_server: PlainServer, web: Web) -> None:
    body = b'{"openapi": "3.1.0", "x": "' + b"y" * 40_000_000 + b'"}'
    place = SourcePlace(f"{plain_server.url}/big")
    plain_server.bytes("/big", body)
    with pytest.raises(SourceRefused, match="sends more than 16 MB, the most that is read"):
        DOOR.look(place, web)
    plain_server.answer = lambda path, _: (200, {"connection": "close", "content-length": "10"}, b"x" * 10)
    with pytest.raises(SourceRefused, match="neither a mapping nor a list"):
        DOOR.look(place, web)


@pytest.mark.parametrize(
    "body", [b"\x00\x01", b"[" * 5000, b"a: [", b"a: &x [*x, *x]\nb: *y", b"just words", b"", b"\xff\xfe"]
)
def test_what_is_no_document_is_refused(plain_server: PlainServer, web: Web, body: bytes) -> None:
    plain_server.bytes("/bad", body)
    with pytest.raises(SourceRefused):
        DOOR.look(SourcePlace(f"{plain_server.url}/bad"), web)


def test_a_document_that_changes_between_look_and_reading_is_noticed(plain_server: PlainServer, web: Web) -> None:
    plain_server.document("/openapi.json", SPEC)
    place = SourcePlace(f"{plain_server.url}/openapi.json")
    sighting = DOOR.look(place, web)
    assert sighting is not None
    plain_server.document("/openapi.json", {})
    with pytest.raises(SourceMoved), DOOR.opened(place, sighting, web):
        pass


def test_redirects_are_followed_within_a_bound_and_keep_the_secret_at_home(plain_server: PlainServer, web: Web) -> None:
    plain_server.document("/new", SPEC)
    elsewhere = plain_server.url.replace("127.0.0.1", "127.0.0.2")
    plain_server.answer = lambda path, _: (302, {"location": f"{elsewhere}/new"}, b"") if path == "/old" else None
    with pytest.raises(SourceUnreachable, match=r"127\.0\.0\.2"):
        DOOR.look(
            SourcePlace(f"{plain_server.url}/old", secret="s3cret"), web
        )  # nothing listens there, and nothing was sent
    plain_server.answer = lambda path, _: (302, {"location": "/new"}, b"") if path == "/old" else None
    assert DOOR.look(SourcePlace(f"{plain_server.url}/old", secret="s3cret"), web) is not None
    plain_server.answer = lambda path, _: (302, {"location": "/old"}, b"")
    with pytest.raises(SourceRefused, match="redirects more than 5 times"):
        DOOR.look(SourcePlace(f"{plain_server.url}/old"), web)
    plain_server.answer = lambda path, _: (302, {"location": "http://169.254.169.254/latest"}, b"")
    with pytest.raises(SourceRefused, match="can never be reached"):
        DOOR.look(SourcePlace(f"{plain_server.url}/old"), web)
    plain_server.answer = lambda path, _: (302, {"location": "file:///etc/passwd"}, b"")
    with pytest.raises(SourceRefused, match="must start with http"):
        DOOR.look(SourcePlace(f"{plain_server.url}/old"), web)


def test_statuses_mean_what_they_say(plain_server: PlainServer, web: Web) -> None:
    place = SourcePlace(f"{plain_server.url}/x")
    with pytest.raises(SourceGone, match="answered 404"):
        DOOR.look(place, web)
    plain_server.answer = lambda *_: (429, {"retry-after": "77"}, b"")
    with pytest.raises(SourceLimited) as limited:
        DOOR.look(place, web)
    assert limited.value.seconds == 77
    plain_server.answer = lambda *_: (500, {}, b"")
    with pytest.raises(SourceUnreachable, match="answered 500"):
        DOOR.look(place, web)
    plain_server.answer = lambda *_: (200, {"content-encoding": "gzip"}, b"bomb")
    with pytest.raises(SourceRefused, match="answers compressed"):
        DOOR.look(place, web)


def test_an_answer_that_breaks_off_is_no_document(plain_server: PlainServer, web: Web) -> None:
    plain_server.answer = lambda *_: (200, {"content-length": "100", "connection": "close"}, b'{"a": 1}')
    with pytest.raises(SourceUnreachable, match="cannot be read"):
        DOOR.look(SourcePlace(f"{plain_server.url}/x"), web)


def test_a_sender_that_dribbles_is_left(plain_server: PlainServer, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_module, "GRACE", -1.0)
    plain_server.document("/x", SPEC)
    with pytest.raises(SourceUnreachable, match="too slowly"):
        DOOR.look(SourcePlace(f"{plain_server.url}/x"), web)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "5"}, 5),
        ({"retry-after": "999999999"}, 24 * 3600),
        ({"ratelimit": '"api";r=0;t=55'}, 55),
        ({"retry-after": "soon"}, 60),
        ({}, 60),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 1),
    ],
)
def test_how_long_an_upstream_asks_us_to_wait(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers) == seconds
