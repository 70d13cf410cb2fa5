"""The served table: built from rows, kept on disk, refused if damaged, followed while stores come and go."""

import asyncio
import gc
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from weakref import ref

import msgspec
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from controlplane.base import redis_names
from controlplane.base.secrets import seal
from routing.dataplane import snapshot as module
from routing.dataplane.builder import MANY, Builder, UnsealFailed, unsealing
from routing.dataplane.link import Link
from routing.dataplane.snapshot import Snapshot, StoredCredential, load, save
from routing.dataplane.watcher import RowsUnavailable, Watcher
from routing.table import Table
from tests.registry.transports.faults import serving
from tests.routing.serving import caller_row, gateway_for, model_row, snapshot
from tests.routing.upstreams import answering

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]


def builder() -> Builder:
    return Builder(lambda row: "secret")


def test_a_model_that_cannot_be_built_is_unavailable_and_the_rest_is_served(caplog: pytest.LogCaptureFixture) -> None:
    rows = [
        model_row("good"),
        model_row("odd", protocol="nothing"),
        msgspec.structs.replace(model_row("torn"), spec="{"),
        model_row("off", state="disabled"),
        model_row("keyless", credential="gone"),
        msgspec.structs.replace(model_row("elsewhere", credential="c"), credential_id=5),
    ]
    credential = StoredCredential(5, "c", "https://api.example", "credential 5", b"")
    table = builder().build(Snapshot(1, ("public", "not an entry"), (caller_row(),), (credential,), tuple(rows)))
    assert [name for name, served in table.models.items() if served.adapter] == ["good"]
    assert "disabled" in table.models["off"].unavailable
    assert "https://api.example" in table.models["elsewhere"].unavailable
    assert all(served.unavailable for name, served in table.models.items() if name != "good")
    assert table.egress_allow == ("public",)
    assert "not an entry" in caplog.text


def test_a_secret_goes_to_its_own_origin_and_a_wrong_master_key_makes_the_model_unavailable() -> None:
    key = b"k" * 32
    sealed = StoredCredential(5, "c", "http://127.0.0.1:9", "credential 5 o", seal("canary-1", key, "credential 5 o"))
    row = msgspec.structs.replace(model_row("m", credential="c"), credential_id=5)
    rows = Snapshot(1, (), (), (sealed,), (row,))
    target = Builder(unsealing(key)).build(rows).models["m"].replicas[0].target
    assert (b"authorization", b"Bearer canary-1") in [(name.lower(), value) for name, value in target.headers]
    wrong = Builder(unsealing(b"x" * 32)).build(rows).models["m"]
    assert wrong.adapter is None
    assert "does not open" in wrong.unavailable
    with pytest.raises(UnsealFailed):
        unsealing(b"x" * 32)(sealed)


def test_unchanged_models_are_reused_and_aliases_never_shadow_names() -> None:
    making = builder()
    first = making.build(snapshot([model_row("a", aliases=["b", "nick"]), model_row("b")], revision=1))
    second = making.build(
        snapshot([model_row("a", aliases=["b", "nick"]), model_row("b", state="disabled")], revision=2)
    )
    assert second.models["a"] is first.models["a"]
    assert second.models["b"] is not first.models["b"]
    assert first.aliases == {"nick": "a"}


def test_a_table_makes_no_code_and_models_of_one_shape_share_an_adapter() -> None:
    alike = [model_row(f"alike-{number}", params={"top_k": {"type": "int"}}) for number in range(100)]
    apart = [
        model_row(f"apart-{number}", params={"top_k": {"type": "int", "default": number}}) for number in range(100)
    ]
    models = builder().build(snapshot([*alike, *apart])).models
    adapters = {id(served.adapter): served.adapter for served in models.values()}
    assert len(adapters) == 101
    assert not [adapter for adapter in adapters.values() if adapter is None or adapter.compiled]


def test_a_table_of_many_models_is_out_of_the_collectors_sight_and_goes_when_nobody_holds_it() -> None:
    rows = snapshot([model_row(f"m-{n}", params={"top_k": {"type": "int", "default": n}}) for n in range(MANY)])
    making = builder()
    before = len(gc.get_objects())
    table = making.build(rows)
    assert gc.isenabled()
    assert len(gc.get_objects()) < before + MANY
    adapter = table.models["m-0"].adapter
    assert adapter is not None
    held = ref(adapter)
    del table, adapter, making
    assert held() is None


def test_the_last_good_copy_is_private_and_a_damaged_one_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "snapshot.json"
    assert load(path) is None
    save(snapshot([model_row("one")], revision=1), path)
    save(snapshot([model_row("two")], revision=2), path)
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    kept = load(path)
    assert kept is not None
    assert kept.revision == 2
    whole = path.read_bytes()
    for damaged in (whole[:-5], whole.replace(b"two", b"tow"), b"", b"{}", whole[:30]):
        path.write_bytes(damaged)
        before = load(path)
        assert before is not None
        assert before.revision == 1
    assert "is refused" in caplog.text
    path.with_name("snapshot.json.before").write_bytes(b"x")
    assert load(path) is None


def test_a_copy_of_another_shape_is_refused(tmp_path: Path) -> None:
    body = json.dumps({"revision": "x"}).encode()
    text = module.MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body
    (tmp_path / "s").write_bytes(text)
    assert load(tmp_path / "s") is None


class Database:
    """A stand-in for PostgreSQL's rows that can be away."""

    def __init__(self, rows: Snapshot) -> None:
        self.rows = rows
        self.away = False
        self.reads = 0

    def read(self, known: int | None) -> Snapshot | None:
        self.reads += 1
        if self.away:
            raise RowsUnavailable("connection refused")
        return None if known == self.rows.revision else self.rows

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[tuple[Database, Watcher, list[Table]]]:
    database = Database(snapshot([model_row("m")], revision=1))
    served: list[Table] = []
    watcher = Watcher(database, builder(), tmp_path / "snapshot.json", served.append)
    yield database, watcher, served
    watcher.close()


async def test_a_notice_swaps_the_table_and_an_outage_keeps_it(watched: tuple[Database, Watcher, list[Table]]) -> None:
    database, watcher, served = watched
    task = asyncio.create_task(watcher.run())
    await watcher.first_look(2)
    assert [table.revision for table in served] == [1]
    assert watcher.fresh
    database.rows = snapshot([model_row("m"), model_row("n")], revision=2)
    watcher.notice()
    while len(served) < 2:
        await asyncio.sleep(0.01)
    database.away = True
    await watcher.refresh()
    assert watcher.error == "connection refused"
    assert watcher.table is served[-1]
    assert served[-1].revision == 2
    task.cancel()


async def test_the_loop_goes_on_while_a_table_of_many_models_is_built(tmp_path: Path) -> None:
    rows = [model_row(f"m-{n}", params={"top_k": {"type": "int", "default": n}}) for n in range(2000)]
    watcher = Watcher(Database(snapshot(rows)), builder(), tmp_path / "s", lambda table: None)
    waits: list[float] = []
    building = asyncio.create_task(watcher.refresh())
    while not building.done():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        waits.append(time.perf_counter() - began)
    assert watcher.table is not None
    assert len(watcher.table.models) == 2000
    assert len(waits) > 3
    assert max(waits) < 0.5, "that is ten times what is promised, for a busy machine"
    watcher.close()


async def test_a_start_without_stores_serves_the_last_good_copy(
    watched: tuple[Database, Watcher, list[Table]], tmp_path: Path
) -> None:
    database, watcher, _ = watched
    await watcher.refresh()
    database.away = True
    served: list[Table] = []
    second = Watcher(database, builder(), tmp_path / "snapshot.json", served.append)
    await second.load()
    await second.first_look(1)
    assert [table.revision for table in served] == [1]
    assert not second.fresh
    assert second.age == float("inf")
    second.close()


async def test_a_start_reads_the_database_even_if_a_copy_of_another_one_has_the_same_revision(
    watched: tuple[Database, Watcher, list[Table]], tmp_path: Path
) -> None:
    _, watcher, _ = watched
    await watcher.refresh()
    restored = Database(snapshot([model_row("other")], revision=1))
    served: list[Table] = []
    second = Watcher(restored, builder(), tmp_path / "snapshot.json", served.append)
    await second.load()
    await second.first_look(2)
    await second.refresh()
    assert [set(table.models) for table in served] == [{"m"}, {"other"}]
    assert restored.reads == 2
    second.close()


async def test_unknown_keys_are_401_while_sure_and_503_at_once_when_not_and_known_ones_always_work(
    tmp_path: Path,
) -> None:
    database = Database(snapshot([model_row("m")], revision=1))
    async with serving(answering()) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        watcher = Watcher(database, g.builder, tmp_path / "s", g.gateway.serve)
        g.hooks.catch_up = watcher.catch_up
        database.rows = snapshot([model_row("m", upstream.port)], revision=1)
        await watcher.refresh()
        with pytest.raises(openai.AuthenticationError):
            await g.sdk("pb-new").chat.completions.create(model="m", messages=MESSAGES)
        database.away = True
        with pytest.raises(openai.InternalServerError) as caught:
            await g.sdk("pb-new").chat.completions.create(model="m", messages=MESSAGES)
        assert caught.value.status_code == 503
        assert int(caught.value.response.headers["retry-after"]) >= 1
        assert (await g.sdk().chat.completions.create(model="m", messages=MESSAGES)).model == "m"
        watcher.close()


async def test_a_key_made_a_moment_ago_works_at_once(tmp_path: Path) -> None:
    async with serving(answering()) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        database = Database(snapshot([model_row("m", upstream.port)], revision=1))
        watcher = Watcher(database, g.builder, tmp_path / "s", g.gateway.serve)
        g.hooks.catch_up = watcher.catch_up
        await watcher.refresh()
        database.rows = replace_rows(database.rows, caller_row("pb-fresh", key_id=9))
        assert (await g.sdk("pb-fresh").chat.completions.create(model="m", messages=MESSAGES)).model == "m"
        reads = database.reads
        async with g.http(None) as http:
            asked = (http.get("/v1/models", headers={"authorization": f"Bearer pb-{number}"}) for number in range(20))
            assert {answer.status_code for answer in await asyncio.gather(*asked)} == {401}
        assert database.reads <= reads + 5, "twenty unknown keys at once are few reads"
        watcher.close()


async def refused(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        await sdk.chat.completions.create(model="m", messages=MESSAGES)


def replace_rows(rows: Snapshot, *callers: object) -> Snapshot:
    return msgspec.structs.replace(rows, revision=rows.revision + 1, callers=(*rows.callers, *callers))


async def test_redis_takes_packed_records_and_tells_of_revisions(stores: None) -> None:
    link = Link(os.environ["REDIS_URL"])
    noticed = asyncio.Event()
    listening = asyncio.create_task(link.listen({redis_names.REVISION: noticed.set}))
    await asyncio.wait_for(noticed.wait(), 20)
    noticed.clear()
    await link._client.publish("patchbay:revision", "moved")
    await asyncio.wait_for(noticed.wait(), 20)
    before = await link._client.xlen("patchbay:calls")
    await link.deliver(b"[]")
    assert await link._client.xlen("patchbay:calls") == before + 1
    await link._client.delete("patchbay:calls")
    listening.cancel()
    await link.close()
