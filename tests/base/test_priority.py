"""What steps back does so by its own thread alone, and never where all are to be equal."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from controlplane.base.priority import step_back


def stepped(niceness: int) -> int:
    """By how much a thread of its own has stepped back."""

    def work() -> int:
        before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        step_back(niceness)
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) - before

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_a_thread_steps_back_and_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EQUAL_PRIORITY")
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    assert stepped(3) == min(3, 19 - mine)
    assert stepped(40) == 19 - mine
    assert os.getpriority(os.PRIO_PROCESS, 0) == mine


def test_nobody_steps_back_where_all_are_equal() -> None:
    assert stepped(3) == 0
