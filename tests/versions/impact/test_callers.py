"""Impact from real calls: through a gateway, its recorder and the drain, to the callers that would notice."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
import redis
from asgiref.sync import async_to_sync
from django.utils import timezone

from controlplane.base import events, redis_names
from registry.models import ApiKey, Model, ReleaseAlias
from routing.calls import records
from tests.registry.transports.faults import serving
from tests.routing.calls.test_uses import giving
from tests.routing.serving import caller_row, gateway_for, model_row
from tests.routing.upstreams import answering
from tests.versions.updating import PARAMS, a_model, an_engineer, document, judged, with_params
from versions import proposing
from versions.models import Update

pytestmark = pytest.mark.django_db
STEPS = {"type": "int", "range": [1, 30]}


def key(name: str, number: int) -> ApiKey:
    owner = an_engineer(f"owner of {name}")
    return ApiKey.objects.create(pk=number, name=name, prefix="pb-", key_hash=str(number), created_by=owner)


def removed(model: Model, **params: Any) -> Update:
    changed = document(params=with_params(**params))
    return judged(proposing.propose(None, model, changed, origin="gitops"))


def give(count: int, key_id: int, days_ago: int = 0, **values: Any) -> None:
    at = timezone.now() - timedelta(days=days_ago)
    records.store([giving({"api_key_id": key_id, "at": at}, **values) for _ in range(count)])


def test_who_never_sent_a_removed_parameter_is_not_hurt() -> None:
    model = a_model()
    key("painter", 1), key("writer", 2)
    give(3, 1, steps=20)
    give(5, 1)
    give(7, 2, guidance=3)
    update = removed(model, steps=None)
    assert (update.callers_hurt, update.calls_hurt, update.impact["callers"], update.impact["calls_7"]) == (1, 3, 2, 15)
    (hurt,) = update.impact["hurt"]
    assert (hurt["name"], hurt["owner"], hurt["calls_7"], hurt["share_7"], hurt["at_most"]) == (
        "painter", "owner of painter", 3, 0.375, False,
    )  # fmt: skip
    (finding,) = update.impact["findings"].values()
    assert (finding["callers_7"], finding["calls_7"], finding["share_7"]) == (1, 3, 0.2)
    assert update.impact["owners"] == {"owner of painter": {"callers": 1, "calls_7": 3, "calls_30": 3}}


def test_who_sent_only_values_that_stay_is_not_hurt() -> None:
    model = a_model()
    key("stays", 1), key("loses", 2)
    give(3, 1, quality="low")
    give(2, 2, quality="HD")
    give(2, 2, quality="low")
    update = removed(model, quality={"type": "string", "options": ["low"]})
    assert [(row["name"], row["calls_7"], row["share_7"]) for row in update.impact["hurt"]] == [("loses", 2, 0.5)]


def test_what_is_clamped_hurts_nobody() -> None:
    model = a_model()
    key("outside", 1)
    give(2, 1, steps=44)
    assert removed(model, steps=STEPS).impact["hurt"] == []


def test_last_week_and_last_month_are_counted_apart() -> None:
    model = a_model()
    key("rare", 1)
    give(2, 1, days_ago=20, steps=1)
    give(9, 1, days_ago=29, steps=1)
    update = removed(model, steps=None)
    assert (update.callers_hurt, update.calls_hurt) == (0, 0)
    (hurt,) = update.impact["hurt"]
    assert (hurt["calls_7"], hurt["calls_30"]) == (0, 11)


def test_names_under_which_it_is_called_are_listed() -> None:
    model = a_model(document(aliases=["fast"]))
    assert model.release is not None
    ReleaseAlias.objects.create(name="pinned", release=model.release)
    update = judged(proposing.propose(None, model, document(aliases=["fast"], params={}), origin="gitops"))
    assert update.impact["aliases"] == [{"name": "fast", "release": None}, {"name": "pinned", "release": 1}]


@pytest.fixture
def stream(stores: None) -> redis.Redis:
    return events.store()


async def call_three_times() -> list[dict[str, Any]]:
    """One key sends `steps`, another never does."""
    callers = [caller_row("pb-one", key_id=1), caller_row("pb-two", key_id=2)]
    async with (
        serving(answering()) as upstream,
        gateway_for([model_row("m", upstream.port, params=PARAMS)], callers) as running,
    ):
        for secret, given in (("pb-one", {"steps": 44}), ("pb-one", {}), ("pb-two", {"guidance": 2})):
            body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **given}
            async with running.http(secret) as http:
                assert (await http.post("/v1/chat/completions", json=body)).status_code == 200
        await running.records(3)
        return running.delivered


def test_from_a_call_through_the_gateway_to_the_caller_who_is_hurt(stream: redis.Redis) -> None:
    model = a_model()
    key("one", 1), key("two", 2)
    stream.xadd(redis_names.CALLS, {"records": msgspec.json.encode(async_to_sync(call_three_times)())})
    assert records.drain() == 3
    update = removed(model, steps=None)
    assert [(row["name"], row["calls_7"], row["share_7"]) for row in update.impact["hurt"]] == [("one", 1, 0.5)]
