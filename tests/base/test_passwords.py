"""Passwords are hashed by a few at a time, however many strangers ask for it."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import psutil
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password

MEGABYTE = 1024 * 1024


def test_many_sign_ins_at_once_cost_the_memory_of_two() -> None:
    stored = make_password("right")
    process, most, over = psutil.Process(), 0, threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not over.wait(0.002):
            most = max(most, process.memory_info().rss - before)

    watching = threading.Thread(target=watch)
    watching.start()
    with ThreadPoolExecutor(12) as pool:
        checks = [pool.submit(check_password, word, stored) for word in ("right", "wrong") * 6]
        wait(checks)
    over.set()
    watching.join()
    assert [check.result() for check in checks] == [True, False] * 6
    assert most < 300 * MEGABYTE


def test_passwords_that_were_stored_before_are_still_good() -> None:
    stored = Argon2PasswordHasher().encode("right", "a" * 22)
    assert check_password("right", stored)
    assert make_password("right").startswith("argon2$")
