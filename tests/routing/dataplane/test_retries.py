"""The budgets of retries: one for each model over all processes, and a part of it for each while Redis is away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.dataplane.breaker import FAILURES
from routing.dataplane.retries import RETRY_LEAST, RETRY_RESERVE, RetryBudgets
from tests.routing.dataplane.test_board import Process, board, names

__all__ = ["board"]


@pytest.mark.parametrize("processes", [1, 2, 4])
async def test_all_processes_together_retry_by_one_budget(board: None, processes: int) -> None:
    model = (names()[0], 1)
    each = [Process(processes) for _ in range(processes)]
    retries = calls = 0
    for _ in range(40):
        for process in each:
            for _ in range(10):
                process.retries.earn(model)
                calls += 1
                retries += process.retries.spend(model)
            await process.board.look()
    for process in each:
        await process.link.close()
    assert retries <= RETRY_RESERVE + 0.2 * calls + RETRY_LEAST * (processes - 1)
    assert retries >= 0.2 * calls - processes


async def test_each_process_has_enough_to_open_a_circuit_unseen_by_callers() -> None:
    for processes in (1, 2, 5, 20):
        budgets = RetryBudgets(processes)
        assert [budgets.spend(("m", 1)) for _ in range(FAILURES)] == [True] * FAILURES


async def test_what_one_process_spent_the_others_lack_and_what_they_earn_it_has(board: None) -> None:
    model = (names()[0], 1)
    one, other = Process(), Process()
    while one.retries.spend(model):
        await one.board.look()
    await other.board.look()
    assert not other.retries.spend(model)
    for _ in range(60):
        other.retries.earn(model)
    await other.board.look()
    await one.board.look()
    assert one.retries.spend(model)
    for each in (one, other):
        await each.link.close()


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), max_size=30))
def test_without_redis_all_processes_together_stay_within_their_parts(turns: list[tuple[int, int]]) -> None:
    each = [RetryBudgets(3) for _ in range(3)]
    calls = retries = 0
    for number, more in turns:
        for _ in range(more):
            each[number].earn(("m", 1))
            calls += 1
            retries += each[number].spend(("m", 1))
    assert retries <= 3 * RETRY_LEAST + 0.2 * calls + 1e-6
