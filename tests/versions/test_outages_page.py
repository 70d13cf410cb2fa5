"""The page and the address of outages, and the practice month beside them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from tests.versions.review.test_pages import text_of
from versions import practised
from versions.models import Outage

pytestmark = pytest.mark.django_db
MONTH = dict.fromkeys(practised.SHOWN, 7) | {"outages_with": 0, "outages_without": 41, "changes": 312}


def test_a_quiet_year_says_so(visitor: Callable[..., Client]) -> None:
    assert "No outage in twelve months" in text_of(visitor("viewer").get("/outages"))


def test_outages_are_shown_and_listed(visitor: Callable[..., Client], key_client: Callable[..., Client]) -> None:
    moment = timezone.now()
    Outage.objects.create(
        model="chat", cause="edit", changed_at=moment, began_at=moment, calls=400, errors=60, objective=0.01
    )
    text = text_of(visitor("viewer").get("/outages"))
    assert "60 / 400" in text
    assert "goes on" in text
    assert key_client("read").get("/api/outages").json()["results"][0]["errors"] == 60


def test_a_practice_month_is_shown(visitor: Callable[..., Client], settings: LazySettings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    (tmp_path / practised.RESULT).write_text(json.dumps(MONTH))
    text = text_of(visitor("viewer").get("/outages"))
    assert "312 upstream changes" in text
    assert "With every change taken as it comes 41" in text


@pytest.mark.parametrize("text", ["", "[]", "{", '{"changes": 3}'])
def test_a_damaged_result_is_not_shown(
    visitor: Callable[..., Client], settings: LazySettings, tmp_path: Path, text: str
) -> None:
    settings.DATA_DIR = tmp_path
    (tmp_path / practised.RESULT).write_text(text)
    assert "Practice month" not in text_of(visitor("viewer").get("/outages"))
