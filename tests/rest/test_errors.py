"""Every error of the REST API has one shape, and a body is read as RFC 8259 has it."""

import io
import json
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import exceptions
from rest_framework.exceptions import ParseError

from controlplane.base.access import Forbidden
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Conflict, Invalid, Missing, Refused, Stale
from controlplane.base.rest import parsers
from controlplane.base.rest.describing import lowest_role, scopes
from controlplane.base.rest.exceptions import error_response, store_unavailable
from controlplane.base.rest.permissions import OPEN, SIGNED_IN

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def answer(error: Exception) -> Any:
    """What a program gets for an exception of a view; None if it is a defect of ours."""
    request = RequestFactory().get("/api/models", headers={"X-Request-Id": "r-1"})
    return error_response(error, {"request": request})


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Invalid("name", "the name is wrong"), 400, "name"),
        (Missing("model", "there is no model"), 404, "model"),
        (Conflict("taken", "it is taken"), 409, "taken"),
        (Stale("stale", "it was changed"), 412, "stale"),
        (Refused("other", "no"), 400, "other"),
        (Forbidden("model.create", "viewer"), 403, "forbidden"),
        (RequestDataTooBig(), 413, "too_large"),
        (Http404(), 404, "not_found"),
        (SuspiciousOperation(), 400, "unreadable"),
        (UnreadablePostError(), 400, "unreadable"),
        (OperationalError("too many clients"), 503, "store_unavailable"),
        (InterfaceError("closed"), 503, "store_unavailable"),
        (exceptions.NotAuthenticated("send a key"), 401, "not_authenticated"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.UnsupportedMediaType("text/html"), 415, "unsupported_media_type"),
        (exceptions.ValidationError({"name": ["required"]}), 400, "invalid"),
    ],
)
def test_each_refusal_has_its_status_and_code(error: Exception, status: int, code: str) -> None:
    found = answer(error)
    assert found.status_code == status
    assert set(found.data) == {"error", "request_id"}
    assert set(found.data["error"]) == {"code", "message", "detail"}
    assert (found.data["error"]["code"], found.data["request_id"]) == (code, "r-1")
    assert found.data["error"]["message"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), RuntimeError("x")])
def test_a_defect_of_ours_is_not_dressed_up(error: Exception) -> None:
    assert answer(error) is None


def test_what_a_verb_says_comes_with_its_detail() -> None:
    found = answer(Invalid("spec", Sentence("{n} errors", n=2), [{"line": 3}]))
    assert found.data["error"] == {"code": "spec", "message": "2 errors", "detail": [{"line": 3}]}
    denied = answer(Forbidden("review.approve", "viewer"))
    assert denied.data["error"]["detail"] == {"verb": "review.approve", "needed": "reviewer"}


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ({"name": ["is required", "is long"]}, "name: is required"),
        ({"limits": {"calls": ["is no number"]}, "name": ["x"]}, "limits.calls: is no number"),
        (["just wrong"], "just wrong"),
        ({"entries": [{"port": ["is wrong"]}]}, "entries.port: is wrong"),
    ],
)
def test_the_first_wrong_field_is_named_and_all_are_in_the_detail(detail: Any, words: str) -> None:
    found = answer(exceptions.ValidationError(detail)).data["error"]
    assert found["message"] == words
    assert found["detail"] == detail


def test_a_store_that_is_away_says_when_to_come_back_and_not_where_it_is() -> None:
    error = OperationalError("connection to server at 10.0.0.5 failed: password authentication failed")
    found = store_unavailable(error, RequestFactory().get("/api/models"))
    assert (found.status_code, found.headers["Retry-After"]) == (503, "5")
    assert b"10.0.0.5" not in found.content
    assert answer(error).headers["Retry-After"] == "5"


def parse(body: bytes) -> Any:
    return parsers.StrictJSONParser().parse(io.BytesIO(body))


@given(JSON)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    try:
        body = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    assert parse(body) == value


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON in UTF-8"),
        (b"{", "not JSON in UTF-8"),
        (b'"\xff"', "not JSON in UTF-8"),
        ('"ü"'.encode("utf-16"), "not JSON in UTF-8"),
        (b"NaN", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b'"\\ud800"', "not JSON in UTF-8"),
        (b'{"\\uDC00": 1}', "not JSON in UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 5000, "not JSON in UTF-8"),
        (b"{} {}", "not JSON in UTF-8"),
    ],
)
def test_what_is_no_json_is_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(ParseError, match=words) as refused:
        parse(body)
    assert len(str(refused.value.detail)) < 300


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "😀"


def test_a_body_beyond_its_limit_is_not_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsers, "MAX_BYTES", 2**20)
    body = io.BytesIO(b'"' + b"a" * 2**22 + b'"')
    with pytest.raises(ParseError, match="larger than 1 MB"):
        parsers.StrictJSONParser().parse(body)
    assert body.tell() == 2**20 + 1


def test_who_may_use_an_operation_is_told_from_its_verb() -> None:
    assert (lowest_role(OPEN), lowest_role(SIGNED_IN)) == ("anyone", "viewer")
    assert (lowest_role("model.read"), lowest_role("audit.read"), lowest_role("user.invite")) == (
        "viewer",
        "reviewer",
        "admin",
    )
    assert (scopes(OPEN), scopes("user.invite"), scopes("model.create")) == (["call", "read", "manage"], [], ["manage"])
