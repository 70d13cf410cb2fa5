"""Coroutines without a task: they wait, are cancelled, time out and fail as tasks do, and a turn does all stages."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from registry.transports.drive import Drive, Signal, Turn


async def driven(work: Callable[[Turn], Awaitable[object]], then: Callable[[Drive], None] = lambda drive: None) -> str:
    """How a drive of `work` ends: its result, or the name of what it raised. `then` is done once it waits."""
    loop = asyncio.get_running_loop()
    turn, over, said = Turn(loop), asyncio.Event(), []

    async def run() -> None:
        try:
            said.append(str(await work(turn)))
        except BaseException as error:
            said.append(type(error).__name__)
            raise

    drive = Drive(run(), turn, lambda ended: over.set())
    turn.resume(drive)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    then(drive)
    await asyncio.wait_for(over.wait(), 20)
    return str(said[0])


async def test_a_drive_waits_for_signals_futures_timers_and_tasks() -> None:
    async def work(turn: Turn) -> str:
        signal = Signal(turn.loop)
        turn.loop.call_later(0.01, signal.set)
        await signal
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        future = turn.loop.create_future()
        turn.loop.call_soon(future.set_result, "future")
        return f"{await future}{await asyncio.create_task(asyncio.sleep(0, ' task'))}"

    assert await driven(work) == "future task"


async def test_a_drive_that_lets_others_go_on_waits_for_the_loops_next_turn() -> None:
    loop = asyncio.get_running_loop()
    order: list[str] = []

    async def work(turn: Turn) -> str:
        for _ in range(3):
            loop.call_soon(order.append, "other")
            await asyncio.sleep(0)
            order.append("drive")
        return "over"

    assert await driven(work) == "over"
    assert order == ["other", "drive"] * 3


async def test_a_signal_that_is_set_already_does_not_wait_and_a_task_may_wait_for_one() -> None:
    loop = asyncio.get_running_loop()
    ready = Signal(loop)
    ready.set()
    await ready
    later = Signal(loop)
    loop.call_later(0.01, later.set)
    await asyncio.wait_for(later_of(later), 20)
    cancelled = asyncio.create_task(later_of(Signal(loop)))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled


async def later_of(signal: Signal) -> None:
    await signal


async def test_a_timeout_works_in_a_drive_and_leaves_no_cancellation_behind() -> None:
    async def work(turn: Turn) -> str:
        try:
            async with asyncio.timeout(0.01):
                await Signal(turn.loop)
        except TimeoutError:
            await asyncio.sleep(0)
            current = asyncio.current_task()
            assert current is not None
            return f"timed out, {current.cancelling()} cancellations"
        return "waited"

    assert await driven(work) == "timed out, 0 cancellations"


@pytest.mark.parametrize("wait", ["signal", "future", "sleep"])
async def test_a_cancelled_drive_raises_where_it_waits(wait: str) -> None:
    async def work(turn: Turn) -> None:
        if wait == "signal":
            await Signal(turn.loop)
        elif wait == "future":
            await turn.loop.create_future()
        else:
            await asyncio.sleep(60)

    assert await driven(work, lambda drive: [drive.cancel(), drive.cancel()].clear()) == "CancelledError"


async def test_a_cancellation_that_was_taken_back_lets_the_drive_go_on() -> None:
    async def work(turn: Turn) -> str:
        try:
            await Signal(turn.loop)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            assert current is not None
            current.uncancel()
        await asyncio.sleep(0)
        return "went on"

    assert await driven(work, lambda drive: [drive.cancel()].clear()) == "went on"


async def test_a_defect_in_one_drive_is_told_by_the_loop_and_the_others_go_on() -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(repr(context["exception"])))

    async def broken(turn: Turn) -> None:
        raise ZeroDivisionError

    loop = asyncio.get_running_loop()
    turn, ended = Turn(loop), []

    async def fine() -> None:
        ended.append("fine")

    async def defect() -> None:
        await broken(turn)

    for work in (defect(), fine(), defect(), fine()):
        turn.resume(Drive(work, turn, lambda drive: None))
    for _ in range(6):
        await asyncio.sleep(0)
    assert ended == ["fine", "fine"]
    assert told == ["ZeroDivisionError()", "ZeroDivisionError()"]


async def test_a_turn_lets_calls_go_on_then_bytes_leave_then_does_the_rest() -> None:
    turn, seen = Turn(asyncio.get_running_loop()), []

    async def call() -> None:
        seen.append("call")
        turn.write(lambda: seen.append("bytes"))

    turn.last(lambda: seen.append("record"))
    turn.write(lambda: seen.append("bytes"))
    turn.resume(Drive(call(), turn, lambda drive: None))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert seen == ["call", "bytes", "bytes", "record"]


async def on_the_loop(work: Callable[[], object]) -> None:
    """Do `work` as a socket's callback does, outside any task."""
    done = asyncio.Event()

    def run() -> None:
        work()
        done.set()

    asyncio.get_running_loop().call_soon(run)
    await done.wait()


async def test_what_a_socket_brings_a_quiet_loop_is_done_at_once_and_in_a_busy_one_with_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("registry.transports.drive.QUIET_SECONDS", 5.0)
    turn, seen = Turn(asyncio.get_running_loop()), []

    async def work(number: int) -> None:
        seen.append(f"call {number}")
        turn.write(lambda: seen.append(f"bytes {number}"))

    def bring(number: int) -> None:
        turn.gather()
        turn.resume(Drive(work(number), turn, lambda drive: None))
        turn.gathered()
        seen.append(f"taken {number}")

    def all_three() -> None:
        for number in range(3):
            bring(number)

    await on_the_loop(all_three)
    while len(seen) < 9:
        await asyncio.sleep(0)
    assert seen[:3] == ["call 0", "bytes 0", "taken 0"]
    assert seen[-4:] == ["call 1", "call 2", "bytes 1", "bytes 2"]

    seen.clear()
    bring(9)  # in a task, in which no drive may go on
    assert seen == ["taken 9"]
    while len(seen) < 3:
        await asyncio.sleep(0)


async def test_a_defect_that_is_met_at_once_is_told_by_the_loop_and_not_to_the_socket() -> None:
    loop = asyncio.get_running_loop()
    told: list[BaseException] = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    turn = Turn(loop)

    async def broken() -> None:
        raise ValueError("a defect")

    def bring() -> None:
        turn.gather()
        turn.resume(Drive(broken(), turn, lambda drive: None))
        turn.gathered()

    await on_the_loop(bring)
    assert [str(error) for error in told] == ["a defect"]
