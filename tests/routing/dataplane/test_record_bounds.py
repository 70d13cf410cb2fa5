"""C4: what one caller sends cannot make records, messages or the store grow without bound."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from registry.canon import Adaptation
from routing.dataplane.recorder import PACK_BYTES, pack
from routing.dataplane.unspoken import unspoken
from tests.registry.transports.faults import serving
from tests.routing.dataplane.test_recorder import record
from tests.routing.serving import gateway_for, model_row
from tests.routing.upstreams import answering

CLAUDE = {
    "id": "m1", "type": "message", "role": "assistant", "model": "up", "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn", "usage": {"input_tokens": 4, "output_tokens": 2},
}  # fmt: skip


async def test_c4_a_call_with_many_unknown_fields_leaves_a_small_record_that_counts_them() -> None:
    claude = answering(json.dumps(CLAUDE).encode())
    async with serving(claude) as server, gateway_for([model_row("m", server.port, protocol="anthropic")]) as g:
        unknown = {f"a{number}" + "x" * 100: 1 for number in range(9_000)}
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5, **unknown}
        async with g.http() as http:
            answer = await http.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200
        named = answer.headers["x-patchbay-adapted"].split(", ")
        assert len(answer.headers["x-patchbay-adapted"]) < 1100
        assert int(named[-1].removeprefix("more=")) + len(named) - 1 == 9_000
        (row,) = await g.records(1)
        *kept, last = row["adapted"]
        assert last == {"parameter": "", "action": "more", "given": None, "sent": 9_000 - len(kept)}
        assert max(len(change["parameter"]) for change in kept) == 64
        assert 10 < len(kept) <= 50
        assert 3000 < len(msgspec.json.encode(row["adapted"])) <= 4096


@given(
    st.lists(
        st.builds(
            Adaptation,
            st.text(max_size=100),
            st.sampled_from(["dropped", "renamed", "clamped"]),
            st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.text(max_size=100)),
            st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.text(max_size=100)),
        ),
        max_size=50,
    ),
    st.integers(0, 10**6),
)
def test_c4_what_a_record_keeps_of_adaptations_has_four_kilobytes_and_counts_all(
    adapted: list[Adaptation], more: int
) -> None:
    counted = [Adaptation("", "more", None, more)] if more else []
    kept = unspoken([*adapted, *counted])
    assert len(msgspec.json.encode(kept)) <= 4096
    assert sum(one.sent if one.action == "more" else 1 for one in kept) == len(adapted) + more
    assert not counted or kept[-1].action == "more"


def test_c4_a_message_of_records_holds_at_most_a_megabyte() -> None:
    large = record(1)
    large.message = "\0" * 4000
    queue = [large] * 500
    taken = 0
    while queue:
        packed, count = pack(queue)
        assert len(packed) <= PACK_BYTES
        assert len(msgspec.json.decode(packed)) == count
        taken += count
        del queue[:count]
    assert taken == 500


def test_c4_a_record_larger_than_a_message_still_travels_alone() -> None:
    large = record(1)
    large.message = "x" * (PACK_BYTES + 1)
    assert pack([large, record(2)])[1] == 1
