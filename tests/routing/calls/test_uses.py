"""What callers send of each parameter: summed out of records, each call once, values bounded, bodies never."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from registry.spec import Parameter, Spec
from routing.calls import records, uses
from routing.dataplane.recorder import Record
from routing.dataplane.uses import UNSAID, used, uses_of
from routing.models import ParameterUse
from tests.registry.transports.faults import serving
from tests.routing.calls.test_records import record
from tests.routing.serving import gateway_for, model_row
from tests.routing.upstreams import answering

PARAMS = {
    "temperature": {"type": "float", "range": [0, 2]},
    "max_tokens": {"type": "int"},
    "quality": {"type": "string", "options": ["hd", "low"]},
    "user": {"type": "string"},
}


def giving(more: dict[str, Any] | None = None, **values: Any) -> Record:
    return record(given={name: msgspec.Raw(msgspec.json.encode(value)) for name, value in values.items()}, **more or {})


def row(parameter: str, **more: Any) -> ParameterUse:
    return ParameterUse.objects.get(parameter=parameter, **more)


@pytest.mark.django_db
def test_uses_are_summed_by_day_key_and_model() -> None:
    records.store([giving(temperature=0.5, quality="hd"), giving(temperature=1), giving(temperature=0.5)])
    records.store([giving(temperature=1.5, quality="low"), giving({"api_key_id": None}, temperature=2), giving()])
    found = row("temperature", api_key_id=1)
    assert (found.calls, found.low, found.high, found.more) == (4, 0.5, 1.5, False)
    assert sorted(found.values) == [[0.5, 2], [1, 1], [1.5, 1]]
    assert sorted(row("quality").values) == [["hd", 1], ["low", 1]]
    assert row(uses.EVERY_CALL, api_key_id=1).calls == 5
    assert row(uses.EVERY_CALL, api_key_id=None).calls == 1


@pytest.mark.django_db
def test_a_record_that_arrives_twice_counts_once() -> None:
    one = giving(temperature=0.5)
    records.store([one, one])
    records.store([one, giving(temperature=0.5)])
    assert row("temperature").calls == 2
    assert row(uses.EVERY_CALL).calls == 2


@pytest.mark.django_db
def test_at_most_twenty_values_are_kept_and_their_range_always() -> None:
    records.store([giving(max_tokens=number) for number in range(15)])
    records.store([giving(max_tokens=number) for number in range(10, 40)])
    found = row("max_tokens")
    assert (len(found.values), found.more, found.low, found.high, found.calls) == (20, True, 0, 39, 45)


@pytest.mark.django_db
@pytest.mark.parametrize("status", [202, 400, 404, 429])
def test_calls_that_were_refused_or_only_taken_on_are_not_counted(status: int) -> None:
    records.store([giving({"status": status}, temperature=1)])
    assert not ParameterUse.objects.exists()


@pytest.mark.django_db
def test_values_that_cannot_be_stored_hold_up_nobody() -> None:
    odd = {"a": msgspec.Raw(b'"\\u0000"'), "b": msgspec.Raw(b"1e999"), "c": msgspec.Raw(b"null"), "d": UNSAID}
    records.store([record(given=odd), giving(a="b")])
    assert (row("a").values, row("a").more, row("d").calls, row("d").more) == ([["b", 1]], True, 1, True)
    assert not ParameterUse.objects.filter(parameter="c").exists()
    assert row("b").more


@pytest.mark.django_db
def test_old_sums_are_forgotten() -> None:
    records.store([giving({"at": timezone.now() - timedelta(days=32)}, temperature=1), giving(temperature=1)])
    assert uses.forget_old() == 2
    assert ParameterUse.objects.count() == 2


def spec(**params: Any) -> Spec:
    declared = tuple(Parameter(name, **item) for name, item in params.items())
    return Spec("m", "llm", "openai", ("http://x",), "m", params=declared)


def test_only_declared_parameters_are_noted_and_texts_by_name_alone() -> None:
    noted = uses_of(spec(temperature={"type": "float"}, user={"type": "string"}, stop={"type": "array"}))
    fields = msgspec.json.decode(
        b'{"messages":[{"role":"user","content":"secret"}],"temperature":0.5,"user":"ann","stop":["x"],"other":1}',
        type=dict[str, msgspec.Raw],
    )
    assert used(noted, fields) == {"temperature": msgspec.Raw(b"0.5"), "user": UNSAID, "stop": UNSAID}


def test_the_other_name_of_a_limit_counts_as_the_declared_one() -> None:
    noted = uses_of(spec(max_tokens={"type": "int"}))
    assert used(noted, {"max_completion_tokens": msgspec.Raw(b"5")}) == {"max_tokens": msgspec.Raw(b"5")}


@given(st.binary(max_size=200))
def test_what_is_noted_is_short(text: bytes) -> None:
    kept = used(uses_of(spec(seed={"type": "int"})), {"seed": msgspec.Raw(text)})
    assert len(kept["seed"]) <= 64


async def test_a_call_through_the_gateway_tells_what_it_gave() -> None:
    async with (
        serving(answering()) as upstream,
        gateway_for([model_row("m", upstream.port, params=PARAMS)]) as running,
        running.http() as http,
    ):
        given = {"temperature": 0.5, "user": "ann", "max_completion_tokens": 9, "other": 1}
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **given}
        assert (await http.post("/v1/chat/completions", json=body)).status_code == 200
        (told,) = await running.records()
    assert told["given"] == {"temperature": 0.5, "user": [], "max_tokens": 9}
