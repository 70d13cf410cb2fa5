"""What scans found counts until it was decided, also where another scan came in between."""

import json
from typing import Any

import pytest
from django.utils import timezone

from registry.models import Model
from tests.versions.updating import a_model, a_scan, a_source, judged, keys
from versions import proposing
from versions.models import Source, Update, UpdateState

pytestmark = pytest.mark.django_db
CODE = {"key": "code.auto_map", "severity": "breaking", "path": "config.json", "message": "x"}


def found(source: Source, findings: Any = (), **files: str) -> Update:
    return judged(proposing.propose_from_scan(a_scan(source, {}, findings, **files).pk))


def test_a_newer_scan_does_not_hide_what_an_undecided_one_saw() -> None:
    source = a_source(a_model())
    a_scan(source, {}, README="a")
    assert keys(found(source, [CODE], README="b")) == ["code.auto_map"]
    again = found(source, README="c")
    assert (keys(again), again.verdict, again.state) == (["code.auto_map"], "breaking", UpdateState.REVIEW)


def test_what_went_live_is_decided() -> None:
    source = a_source(a_model())
    a_scan(source, {}, README="a")
    first = found(source, [CODE], README="b")
    Update.objects.filter(pk=first.pk).update(state=UpdateState.LIVE, live_at=timezone.now())
    Model.objects.update(release=first.release)
    assert keys(found(source, [CODE], README="c")) == []


def test_a_tokenizer_that_the_scan_told_of_is_told_once() -> None:
    source = a_source(a_model())
    files = {"tokenizer.json": "a"}
    a_scan(source, {}, **files)
    told = {"key": "tokenizer.changed", "severity": "review", "path": "tokenizer.json", "message": "x"}
    assert keys(found(source, [told], **{"tokenizer.json": "b"})) == ["tokenizer.changed"]


def described(most: int) -> str:
    steps = {"type": "integer", "minimum": 1, "maximum": most}
    return json.dumps({"$schema": "", "type": "object", "properties": {"steps": steps}})


@pytest.mark.parametrize(
    ("contents", "files"),
    [
        ({}, {"README": "b"}),
        ({}, {"spec.json": described(20)}),
        ({"spec.json": "[]"}, {}),
        ({"spec.json": "null"}, {}),
    ],
)
def test_a_description_that_says_nothing_any_more_is_for_a_person(
    contents: dict[str, str], files: dict[str, str]
) -> None:
    """Gone, too large to be kept, or no description: what changed in it is not known, so nothing proves it harmless."""
    source = a_source(a_model())
    a_scan(source, {"spec.json": described(50)})
    update = judged(proposing.propose_from_scan(a_scan(source, contents, **files).pk))
    assert (update.state, keys(update)) == (UpdateState.REVIEW, ["unreadable"])


def test_a_description_that_never_was_small_enough_to_be_read_is_for_a_person_when_it_moves() -> None:
    source = a_source(a_model())
    a_scan(source, {}, **{"openapi.json": "a"})
    update = judged(proposing.propose_from_scan(a_scan(source, {}, **{"openapi.json": "b"}).pk))
    assert (update.state, keys(update)) == (UpdateState.REVIEW, ["unreadable"])
