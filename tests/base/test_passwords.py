"""Passwords are hashed one at a time, at the lowest priority, however many strangers ask for it."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import psutil
import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, identify_hasher, make_password
from django.test import Client

from controlplane.base import passwords
from controlplane.base.models import User
from controlplane.base.refusals import TryLater

MEGABYTE = 1024 * 1024
GOOD = "plenty of words here"


def checked(word: str, stored: str) -> bool | None:
    """Whether a password is right; None if too many wait."""
    try:
        return check_password(word, stored)
    except TryLater:
        return None


def test_many_sign_ins_at_once_cost_the_memory_of_one() -> None:
    stored = make_password("right")
    process, most, over = psutil.Process(), 0, threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not over.wait(0.002):
            most = max(most, process.memory_info().rss - before)

    watching = threading.Thread(target=watch)
    watching.start()
    with ThreadPoolExecutor(passwords.AT_MOST) as pool:
        checks = [pool.submit(checked, word, stored) for word in ("right", "wrong") * (passwords.AT_MOST // 2)]
        wait(checks)
    over.set()
    watching.join()
    assert [check.result() for check in checks] == [True, False] * (passwords.AT_MOST // 2)
    assert most < 64 * MEGABYTE


@pytest.fixture
def nothing_hashed() -> Callable[[], None]:
    """Holds the hasher up until it is called."""
    go_on, begun = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go_on.wait(30)

    passwords._thread.submit(hold)
    begun.wait(30)
    return go_on.set


def test_whoever_comes_when_many_wait_is_refused_at_once(nothing_hashed: Callable[[], None]) -> None:
    stored = Argon2PasswordHasher().encode("right", "a" * 22)
    with ThreadPoolExecutor(32) as pool:
        checks = [pool.submit(checked, "right", stored) for _ in range(32)]
        refused = wait(checks, timeout=10, return_when="FIRST_COMPLETED")[0]
        assert refused
        nothing_hashed()
        answers = [check.result() for check in checks]
    assert set(answers) == {True, None}
    assert answers.count(True) >= passwords.AT_MOST


@pytest.mark.django_db
def test_a_sign_in_that_is_refused_for_now_keeps_the_name_and_says_when(
    visitor: Callable[..., Client], person: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    person("engineer", "eddy")
    monkeypatch.setattr(passwords, "_room", threading.Semaphore(0))
    answer = visitor().post("/sign-in", {"username": "eddy", "password": GOOD})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "Try again in a few seconds" in answer.content.decode()
    assert 'value="eddy"' in answer.content.decode()
    later = visitor("engineer").post("/settings/password", {"old": GOOD, "new": GOOD + "!"})
    assert (later.status_code, later.headers["Retry-After"]) == (503, "2")


def test_hashes_are_made_at_a_low_priority_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EQUAL_PRIORITY")
    monkeypatch.setattr(passwords, "_thread", passwords._own_thread())
    before = os.getpriority(os.PRIO_PROCESS, 0)
    at_work = passwords._in_turn(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert (at_work, os.getpriority(os.PRIO_PROCESS, 0)) == (before + passwords.NICENESS, before)
    assert passwords.NICENESS > 0


def test_passwords_that_were_stored_before_are_still_good_and_are_stored_anew() -> None:
    stored = Argon2PasswordHasher().encode("right", "a" * 22)
    assert check_password("right", stored)
    assert identify_hasher(stored).must_update(stored)
    assert make_password("right").startswith("argon2$argon2id$v=19$m=47104,t=2,p=1$")
