"""What /metrics counts: one call once, in one bucket, under a model that exists, and forgotten with it."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from routing.dataplane.measures import BOUNDS_MS, Histogram, Measures
from tests.routing.dataplane.test_recorder import record

DURATIONS = st.one_of(st.floats(0.0, 1e6), st.sampled_from(BOUNDS_MS))


@given(st.lists(DURATIONS, max_size=40))
def test_every_call_is_in_each_bucket_that_is_long_enough(durations: list[float]) -> None:
    seen = Histogram()
    for one in durations:
        seen.add(one)
    buckets = list(seen.cumulative())
    assert [bound for bound, _ in buckets] == [*(str(one / 1000) for one in BOUNDS_MS), "+Inf"]
    expected = [sum(one <= bound for one in durations) for bound in BOUNDS_MS]
    assert [count for _, count in buckets] == [*expected, len(durations)]
    assert seen.total_ms == pytest.approx(sum(durations))
    assert sum(seen.counts) == len(durations)


@pytest.mark.parametrize("bound", BOUNDS_MS)
def test_a_call_as_long_as_a_bound_is_within_it(bound: float) -> None:
    seen = Histogram()
    seen.add(bound)
    assert seen.counts[bisect_left(BOUNDS_MS, bound)] == 1


def test_calls_are_counted_by_what_became_of_them() -> None:
    measures = Measures()
    for status, failure in ((200, ""), (200, ""), (502, "upstream_error"), (499, "cancelled")):
        measures.count(replace(record(1), status=status, failure=failure), "m")
    assert measures.calls == {
        ("m", "chat", 200, ""): 2,
        ("m", "chat", 502, "upstream_error"): 1,
        ("m", "chat", 499, "cancelled"): 1,
    }
    assert sum(measures.durations["m"].counts) == 4


@pytest.mark.parametrize(
    ("prompt", "completion", "expected"),
    [
        (3, 4, {("m", "prompt"): 6, ("m", "completion"): 8}),
        (None, 4, {("m", "completion"): 8}),
        (0, None, {}),
    ],
)
def test_tokens_are_added_up_by_direction_if_they_are_known(
    prompt: int | None, completion: int | None, expected: dict[tuple[str, str], int]
) -> None:
    measures = Measures()
    for _ in range(2):
        measures.count(replace(record(1), prompt_tokens=prompt, completion_tokens=completion), "m")
    assert measures.tokens == expected


def test_a_model_that_leaves_takes_its_labels_along_but_calls_of_no_model_stay_counted() -> None:
    measures = Measures()
    for model in ("stays", "leaves", ""):
        measures.count(record(1), model)
    measures.keep({"stays"})
    assert {key[0] for key in measures.calls} == {"stays", ""}
    assert set(measures.durations) == {"stays", ""}
    assert {key[0] for key in measures.tokens} == {"stays", ""}
