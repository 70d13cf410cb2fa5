"""The soak that compares what callers received with what is recorded: it passes, and it can fail."""

import asyncio
import uuid
from typing import Any

import pytest

from benchmarks.truth import compare, product, soak, totals, until
from benchmarks.truth_callers import Plan, Seen

READ = Plan("whole", 0.0, 3, True)
WHOLE = Seen(READ, "a" * 32, 200, True, 3)
ROW: dict[str, Any] = {
    "id": "a" * 32, "status": 200, "failure": "", "stream": True, "prompt_tokens": 7, "completion_tokens": 3,
    "usage_basis": "reported", "job_id": None,
}  # fmt: skip
LEFT = Seen(Plan("whole", 2.0, 20, True, "leave-midway"), "a" * 32, 200, False, 2)


@pytest.mark.slow
def test_records_say_what_callers_of_the_whole_product_received() -> None:
    with product() as target:
        seen = asyncio.run(soak(target, 8, 7, 25))
        wanted = len(seen) + sum(one.plan.way == "durable" for one in seen)
        assert wanted > 100
        until(lambda: len(target.rows()) >= wanted, f"{wanted} records")
        rows = target.rows()
        assert compare(seen, rows) == []
        assert totals(target, seen) == []


@pytest.mark.parametrize(
    ("seen", "changed"),
    [
        (WHOLE, {"status": 499, "usage_basis": "partial"}),
        (WHOLE, {"completion_tokens": 4}),
        (WHOLE, {"usage_basis": "estimated"}),
        (WHOLE, {"id": "b" * 32}),
        (LEFT, {"status": 200}),
        (LEFT, {"status": 499, "completion_tokens": 1}),
        (Seen(READ, "a" * 32, 502, True, 0), {"status": 200}),
        (Seen(READ, "", 0, False, 0), {"status": 200}),
    ],
)
def test_a_record_that_says_otherwise_is_a_difference(seen: Seen, changed: dict[str, Any]) -> None:
    assert compare([seen], [{**ROW, **changed}])


def test_a_record_that_says_the_same_is_none() -> None:
    assert compare([WHOLE], [ROW]) == []
    assert compare([LEFT], [{**ROW, "status": 499, "completion_tokens": 2}]) == []


def test_a_lost_and_a_doubled_record_are_differences() -> None:
    assert compare([WHOLE], [])
    assert compare([WHOLE], [ROW, ROW])
    assert compare([WHOLE], [ROW, {**ROW, "id": uuid.uuid4().hex}])
