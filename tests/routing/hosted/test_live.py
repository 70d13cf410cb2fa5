"""The live table of models on GPUs says what the page says, second by second."""

import re
import time
from collections.abc import Callable

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controlplane.base.models import User
from controlplane.base.streams import STREAMS
from routing.history import current
from routing.hosted import live
from routing.models import StoredReplica
from tests.routing.device import feeding
from tests.routing.hosted.test_page import engine

pytestmark = pytest.mark.django_db
Visitor = Callable[..., Client]


@pytest.fixture(autouse=True)
def _anew(stores: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_served", live.LiveHostedModels())


def told() -> dict[int, dict[str, float]]:
    """The numbers of the stream, by model and column; only those that are known."""
    table = STREAMS["hosted"].read("")
    assert table is not None
    names = [column.name for column in table.columns]
    rows = zip(table.ids, table.values.T.tolist(), strict=True)
    return {int(pk): {name: one for name, one in zip(names, row, strict=True) if not np.isnan(one)} for pk, row in rows}


def test_the_stream_says_what_the_page_says(visitor: Visitor, person: Callable[..., User]) -> None:
    feeding.furnish(person("admin", "owner"))
    now = time.time()
    said = {"requests_running": 7.0, "requests_waiting": 3.0, "kv_cache_usage_ratio": 0.431}
    engine("chat-large", now - 10, 1, generation_tokens_total=1000.0, **said)
    engine("chat-large", now, 2, generation_tokens_total=3500.0, **said)
    large, small = (StoredReplica.objects.get(model__name=name).model_id for name in ("chat-large", "embed-small"))
    said_now = {"waiting": 3.0, "running": 7.0, "tokens": pytest.approx(250), "kv": pytest.approx(0.431)}
    assert told() == {large: said_now, small: {}}
    page = visitor("viewer").get("/gpus/models").content.decode()
    cells = dict(re.findall(rf'data-of="{large}" data-value="(\w+)">([^<]*)<', page))
    assert cells == {"waiting": "3", "running": "7", "tokens": "250", "kv": "43.1 %"}
    assert set(re.findall(rf'data-of="{small}" data-value="\w+">([^<]*)<', page)) == {"–"}


def test_between_two_looks_at_the_list_a_second_costs_no_query(person: Callable[..., User]) -> None:
    feeding.furnish(person("admin", "owner"))
    engine("chat-large", time.time(), 1, requests_waiting=1.0)
    told()
    with CaptureQueriesContext(connection) as queries:
        engine_says = told()
    assert len(queries) == 0
    assert engine_says


def test_a_silent_engine_is_absent_and_its_age_is_told(
    person: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    feeding.furnish(person("admin", "owner"))
    engine("chat-large", time.time(), 1, requests_waiting=1.0)
    monkeypatch.setattr(current, "STALE_SECONDS", -1.0)
    table = live.read()
    assert np.isnan(table.values).all()
    assert (len(table.sources), len(table.ages)) == (1, 1)
    assert sorted(table.source_of) == [-1, 0]
