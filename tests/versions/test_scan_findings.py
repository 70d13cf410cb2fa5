"""What scans found counts until it was decided, also where another scan came in between."""

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
