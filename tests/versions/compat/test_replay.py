"""Replay: calls are kept sealed if their owner agreed, forgotten in time, and made again against both releases."""

import uuid
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.utils import timezone

from controlplane.base.models import Change, User
from controlplane.base.refusals import Missing
from registry.access import callers
from registry.canon import Request, Task
from registry.models import ApiKey
from routing.calls import kept, records
from routing.dataplane.keeping import CallKeeper
from routing.dataplane.recorder import Record
from routing.models import KeptCall
from tests.registry.transports.faults import serving
from tests.routing.calls.test_records import record
from tests.routing.serving import caller_row, gateway_for, model_row
from tests.routing.upstreams import answering
from tests.upstreams import Upstreams
from tests.versions.updating import PARAMS, a_model, an_engineer, document, judged
from versions import proposing
from versions.compat import replay

pytestmark = pytest.mark.django_db
SECRET = "the king's speech"
NUMBER = 909
NAME = f"practice-chat-{NUMBER}"


def a_key(number: int = 1, **more: Any) -> ApiKey:
    fields = {"name": "app", "prefix": "pb-", "key_hash": str(number), "replay": True, **more}
    return ApiKey.objects.create(pk=number, created_by=an_engineer(f"owner {number}"), **fields)


def sealed(fields: dict[str, Any], model: str = "m", key: int = 1, **more: Any) -> Record:
    """A record whose call was kept."""
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    made = record(model=model, api_key_id=key, **more)
    body = CallKeeper(settings.MASTER_KEY).sealed(made.id.replace("-", ""), model, Request(Task.CHAT, raw))
    made.kept = body
    return made


CHAT = {"messages": [{"role": "user", "content": SECRET}], "top_k": 44}


async def call_twice() -> list[dict[str, Any]]:
    """A key that agreed and one that did not; each calls once."""
    callers = [caller_row("pb-yes", key_id=1, replay=True), caller_row("pb-no", key_id=2)]
    async with (
        serving(answering()) as upstream,
        gateway_for([model_row("m", upstream.port, params=PARAMS)], callers) as running,
    ):
        running.gateway.keeper = CallKeeper(settings.MASTER_KEY)
        for secret in ("pb-yes", "pb-no"):
            async with running.http(secret) as http:
                assert (await http.post("/v1/chat/completions", json={"model": "m", **CHAT})).status_code == 200
        await running.records(2)
        return running.delivered


def test_only_calls_of_owners_who_agreed_are_kept_and_only_sealed() -> None:
    a_key()
    a_key(2, replay=False)
    delivered = msgspec.json.encode(async_to_sync(call_twice)())
    assert SECRET.encode() not in delivered
    records.store(msgspec.json.decode(delivered, type=list[Record]))
    row = KeptCall.objects.get()
    assert (row.api_key_id, row.model, row.path, row.status) == (1, "m", "chat", 200)
    assert SECRET.encode() not in bytes(row.body)
    request = replay.opened(row)
    assert request is not None
    assert SECRET in bytes(request.fields["messages"]).decode()
    assert replay.opened(KeptCall(id=uuid.uuid4(), body=row.body, path="chat")) is None, "sealed for its own row"


def test_at_most_one_call_of_a_model_a_second_and_no_long_one() -> None:
    now = [0.0]
    keeper = CallKeeper(settings.MASTER_KEY, lambda: now[0])
    short, long = (Request(Task.CHAT, {"a": msgspec.Raw(b"1" * size)}) for size in (1, 70_000))
    assert keeper.sealed("1", "m", long) is None
    assert keeper.sealed("1", "m", short) is not None
    assert keeper.sealed("2", "m", short) is None
    assert keeper.sealed("3", "other", short) is not None
    now[0] = 1.0
    assert keeper.sealed("4", "m", short) is not None


def test_of_each_model_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    a_key()
    monkeypatch.setattr(kept, "MOST_OF_A_MODEL", 3)
    at = timezone.now()
    records.store([sealed(CHAT, at=at - timedelta(minutes=number)) for number in range(5)])
    assert KeptCall.objects.count() == 3
    assert (at - KeptCall.objects.earliest("at").at) == timedelta(minutes=2)


def test_kept_calls_are_forgotten_by_age_and_when_consent_ends() -> None:
    a_key()
    a_key(2)
    records.store([sealed(CHAT), sealed(CHAT, key=2), sealed(CHAT, at=timezone.now() - timedelta(days=8))])
    ApiKey.objects.filter(pk=2).update(replay=False)
    assert kept.forget(7) == 2
    assert KeptCall.objects.get().api_key_id == 1


def test_only_a_keys_owner_agrees_and_an_admin_may_only_end_it() -> None:
    row = a_key(replay=False)
    admin = User.objects.create_user("ada", password="x", role="admin")
    with pytest.raises(Missing):
        callers.let_replay(admin, row.pk, True)
    assert callers.let_replay(row.created_by, row.pk, True).replay
    assert not callers.let_replay(admin, row.pk, False).replay
    assert Change.objects.filter(verb="key.replay").count() == 2


def test_a_screen_shows_no_text() -> None:
    request = replay.opened(_kept(CHAT))
    assert request is not None
    shown = replay.masked(request)
    assert SECRET not in str(shown)
    assert shown["fields"]["top_k"] == 44
    assert shown["fields"]["messages"][0]["content"] == f"({len(SECRET)} characters)"


def _kept(fields: dict[str, Any]) -> KeptCall:
    a_key()
    records.store([sealed(fields)])
    return KeptCall.objects.get()


def version(upstreams: Upstreams, name: str, most: int) -> str:
    """The address of one version of an emulated model, which takes at most this many for `top_k`."""
    rules = {"top_k": {"type": "int", "min": 1, "max": most}, "max_tokens": {}, "temperature": {}}
    address = f"{upstreams.url}/control/m/{NUMBER}/{name}"
    assert httpx.put(address, json={"parameters": rules}, trust_env=False, timeout=20).status_code == 200
    return f"{upstreams.url}/m/{NUMBER}@{name}"


def test_kept_calls_are_made_again_and_differences_counted(upstreams: Upstreams) -> None:
    params = {"top_k": {"type": "int", "range": [1, 50]}}
    old = document(params=params, endpoint=version(upstreams, "a", 50), upstream_model=NAME)
    new = document(params=params, endpoint=version(upstreams, "b", 20), upstream_model=NAME)
    a_key()
    model = a_model(old)
    plain = {"messages": [{"role": "user", "content": "hi"}]}
    records.store([sealed(CHAT), sealed(CHAT), sealed({**plain, "top_k": 5}), sealed({**plain, "top_k": 99})])
    update = judged(proposing.propose(None, model, new, origin="gitops"))
    told = update.tests["replay"]
    assert (told["sampled"], told["would_fail"], told["neither"], told["same"] + told["differ"]) == (4, 2, 1, 1)
    assert update.tests["kinds"]["replay"]["failed"] == 2
    assert SECRET not in str(update.tests)
    assert told["examples"][0]["call"]["fields"]["top_k"] == 44
    assert "above maximum value" in told["examples"][0]["why"]
