"""Models that end: told by upstreams at a probe, told to callers in every answer, and sorted by who is in a hurry."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from msgspec.structs import replace

from controlplane.base.access import Forbidden
from controlplane.base.models import User
from registry.catalog import probing
from registry.lifecycle import Lifecycle
from registry.models import Model
from routing.models import CallRecord
from routing.rows import Rows
from tests.routing.serving import builder_table, gateway_for, model_row, snapshot
from tests.versions.watched import a_model
from versions import calendar

JUNE = datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)


def called(name: str, keys: int, calls: int) -> None:
    CallRecord.objects.bulk_create(
        CallRecord(
            id=uuid.uuid4(), at=timezone.now(), model=name, task="chat", status=200, duration_ms=1.0, revision=1,
            api_key_id=number % keys,
        )
        for number in range(calls)
    )  # fmt: skip


@pytest.mark.django_db
def test_the_most_urgent_comes_first(person: Callable[..., User]) -> None:
    now = timezone.now()
    for name, days in (("far", 300), ("near", 10), ("over", -3), ("idle", 2)):
        Model.objects.filter(pk=a_model(name).pk).update(sunset_at=now + timedelta(days=days, minutes=5))
    Model.objects.filter(pk=a_model("undated").pk).update(deprecated_at=now)
    a_model("fine")
    called("far", 4, 8)
    called("near", 2, 2)
    called("over", 1, 1)
    found = calendar.entries(person("viewer"))
    assert [one.model for one in found] == ["over", "near", "far", "idle", "undated"]
    assert [(one.days_left, one.callers, one.calls) for one in found[:3]] == [(-3, 1, 1), (10, 2, 2), (300, 4, 8)]
    with pytest.raises(Forbidden):
        calendar.entries(None)


@pytest.mark.django_db
def test_its_page_and_its_rest(visitor: Callable[..., Client], key_client: Callable[..., Client]) -> None:
    assert "No model ends" in visitor("viewer").get("/calendar").content.decode()
    Model.objects.filter(pk=a_model("m").pk).update(sunset_at=JUNE, deprecated_at=JUNE - timedelta(days=30))
    assert "2027-06-30" in visitor("admin").get("/calendar").content.decode()
    Model.objects.update(upstream_sunset_at=JUNE - timedelta(days=90))
    (row,) = key_client("read").get("/api/calendar").json()["results"]
    assert (row["sunset_at"], row["upstream_sunset_at"]) == ("2027-06-30T23:59:59Z", "2027-04-01T23:59:59Z")
    assert "its upstream says 2027-04-01" in visitor("viewer").get("/calendar").content.decode()


@pytest.mark.django_db(transaction=True)
def test_what_a_probe_heard_is_kept_and_reaches_the_rows(person: Callable[..., User]) -> None:
    model = a_model("m")
    assert probing.note_ends(model.pk, Lifecycle(None, JUNE))
    assert not probing.note_ends(model.pk, Lifecycle(None, JUNE)), "nothing moved"
    assert not probing.note_ends(model.pk, Lifecycle()), "silence is no taking back"
    reader = Rows()
    rows = reader.read(None)
    reader.close()
    assert rows is not None
    assert [(row.deprecated, row.sunset) for row in rows.models] == [(0, int(JUNE.timestamp()))]


async def test_callers_of_a_model_that_ends_are_told_in_every_answer() -> None:
    told = replace(model_row("old"), deprecated=1_800_000_000, sunset=int(JUNE.timestamp()))
    async with gateway_for([told, model_row("new")]) as running, running.http() as browser:
        body = {"messages": [{"role": "user", "content": "hello"}]}
        old = await browser.post("/v1/chat/completions", json={"model": "old", **body})
        new = await browser.post("/v1/chat/completions", json={"model": "new", **body})
    assert (old.headers["deprecation"], old.headers["sunset"]) == ("@1800000000", "Wed, 30 Jun 2027 23:59:59 GMT")
    assert "sunset" not in new.headers
    assert builder_table(snapshot([model_row("new")])).models["new"].lifecycle == ()
