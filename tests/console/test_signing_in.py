"""Set-up links, signing in, signing in again, one's own choices, people."""

import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from controlplane.base import accounts, config
from controlplane.base.models import Change, User
from controlplane.base.web.sessions import BEGAN, SEEN

Visitor = Callable[..., Client]
GOOD = "plenty of words here"


@pytest.fixture
def account(person: Callable[..., User]) -> User:
    """An engineer with a password."""
    user = person("engineer", "eddy")
    user.set_password(GOOD)
    user.save()
    return user


def test_first_admin_comes_by_a_link_that_works_once(visitor: Visitor, db: None) -> None:
    token = accounts.setup_link("admin", None, timedelta(hours=1))
    browser = visitor()
    assert "Make the first account" in browser.get(f"/set-up/{token}").content.decode()
    short = browser.post(f"/set-up/{token}", {"username": "ada", "password": "short", "language": "en"})
    assert short.status_code == 422
    assert not User.objects.exists()
    done = browser.post(f"/set-up/{token}", {"username": "ada", "password": GOOD, "language": "zh-hans"})
    assert done.headers["Location"] == "/"
    assert done.cookies["django_language"].value == "zh-hans"
    assert "概览" in browser.get("/").content.decode()
    again = visitor().get(f"/set-up/{token}")
    assert again.status_code == 404
    assert "no longer works" in again.content.decode()


@pytest.mark.parametrize("name", ["ada lovelace", "ada/", "", "a" * 151, "taken"])
def test_wrong_name_is_told_under_the_name_and_keeps_the_password(
    visitor: Visitor, account: User, name: str, db: None
) -> None:
    User.objects.filter(pk=account.pk).update(username="taken")
    token = accounts.setup_link("admin", None, timedelta(hours=1))
    answer = visitor().post(f"/set-up/{token}", {"username": name, "password": GOOD, "language": "en"})
    body = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="id_username_error"' in body
    assert 'id="id_password_error"' not in body
    assert f'value="{GOOD}"' in body
    assert answer.headers["Cache-Control"] == "no-store"


def test_wrong_name_and_password_are_each_told_in_place(visitor: Visitor, db: None) -> None:
    token = accounts.setup_link("admin", None, timedelta(hours=1))
    answer = visitor().post(f"/set-up/{token}", {"username": "a b", "password": "tiny", "language": "en"})
    body = answer.content.decode()
    assert 'id="id_username_error"' in body
    assert 'id="id_password_error"' in body
    assert "tiny" not in body


def test_sign_in_page_points_to_the_link_while_nobody_is_there(visitor: Visitor, db: None) -> None:
    assert "There is no account yet" in visitor().get("/sign-in").content.decode()


def test_wrong_password_says_so_and_keeps_the_name(visitor: Visitor, account: User) -> None:
    answer = visitor().post("/sign-in", {"username": "eddy", "password": "wrong"})
    assert answer.status_code == 422
    assert "do not match" in answer.content.decode()
    assert 'value="eddy"' in answer.content.decode()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/models?state=ready", "/models?state=ready"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_one_is_where_one_wanted_to_be(
    visitor: Visitor, account: User, given: str, expected: str
) -> None:
    answer = visitor().post("/sign-in", {"username": "eddy", "password": GOOD, "next": given})
    assert answer.headers["Location"] == expected


def test_page_signs_in_again_and_gets_a_new_token(visitor: Visitor, account: User) -> None:
    headers = {"X-Requested-With": "patchbay"}
    answer = visitor().post("/sign-in", {"username": "eddy", "password": GOOD}, headers=headers)
    assert len(answer.json()["csrf"]) > 20


def test_m1_guesses_from_many_addresses_close_the_name(visitor: Visitor, account: User) -> None:
    statuses = []
    for number in range(70):
        answer = visitor().post(
            "/sign-in", {"username": "eddy", "password": "wrong"}, REMOTE_ADDR=f"10.0.{number // 9}.7"
        )
        statuses.append(answer.status_code)
    assert statuses[59:] == [422] + [429] * 10
    right = visitor().post("/sign-in", {"username": "eddy", "password": GOOD}, REMOTE_ADDR="10.9.9.9")
    assert right.status_code == 429


def test_too_many_wrong_passwords_close_the_door(visitor: Visitor, account: User) -> None:
    browser = visitor()
    for _ in range(10):
        answer = browser.post("/sign-in", {"username": "eddy", "password": "wrong"})
    assert answer.status_code == 429
    assert "Too many wrong passwords" in answer.content.decode()


def test_language_of_a_signed_out_reader(visitor: Visitor, db: None) -> None:
    browser = visitor()
    browser.post("/language", {"language": "zh-hans", "next": "/sign-in"})
    assert "登录" in browser.get("/sign-in").content.decode()


def test_own_language_and_theme_are_kept(visitor: Visitor, db: None) -> None:
    browser = visitor("viewer")
    browser.post("/settings/profile", {"language": "zh-hans", "theme": "dark"})
    body = browser.get("/settings").content.decode()
    assert 'data-theme="dark"' in body
    assert "设置" in body


def test_egress_list_names_the_wrong_line_and_keeps_what_was_typed(visitor: Visitor, db: None) -> None:
    admin = visitor("admin")
    answer = admin.post("/settings/egress", {"entries": "10.0.0.0/8\nhttp://x y"})
    assert answer.status_code == 422
    assert "http://x y" in answer.content.decode()
    admin.post("/settings/egress", {"entries": "10.0.0.0/8\n\n gpu.example:8000 "})
    assert config.egress_allow() == ("10.0.0.0/8", "gpu.example:8000")
    assert Change.objects.filter(verb="settings.change").exists()


def test_invitation_is_shown_once_and_makes_that_role(visitor: Visitor, db: None) -> None:
    body = visitor("admin").post("/settings/invite", {"role": "reviewer"}).content.decode()
    link = re.search(r"http://testserver(/set-up/[\w-]+)", body)
    assert link
    guest = visitor()
    assert "Reviewer" in guest.get(link[1]).content.decode()
    guest.post(link[1], {"username": "rosa", "password": GOOD, "language": "en"})
    assert User.objects.get(username="rosa").role == "reviewer"


def test_last_admin_stays(visitor: Visitor, db: None) -> None:
    admin = visitor("admin")
    person = User.objects.get(role="admin")
    answer = admin.post(f"/settings/people/{person.pk}", {"role": "viewer"})
    assert answer.status_code == 409
    assert "last admin" in answer.content.decode()


def test_password_change_needs_the_old_one(visitor: Visitor, account: User) -> None:
    browser = visitor()
    browser.force_login(account, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.post("/settings/password", {"old": "wrong", "new": GOOD + "!"}).status_code == 422
    assert browser.post("/settings/password", {"old": GOOD, "new": GOOD + "!"}).status_code == 302
    assert browser.get("/settings").status_code == 200


def test_low_a_form_without_the_list_leaves_the_egress_list_as_it_is(visitor: Visitor) -> None:
    config.store_egress_allow(None, ["10.0.0.0/8"])
    answer = visitor("admin").post("/settings/egress", {})
    assert answer.status_code == 422
    assert "nothing was changed" in answer.content.decode()
    assert config.egress_allow() == ("10.0.0.0/8",)
    assert visitor("admin").post("/settings/egress", {"entries": ""}).status_code == 302
    assert config.egress_allow() == ()


@pytest.mark.parametrize(
    ("began", "seen", "stays"),
    [(0, 0, True), (0, 13 * 3600, False), (6 * 86400, 3600, True), (8 * 86400, 60, False), (None, None, False)],
)
def test_low_a_session_ends_when_idle_and_in_the_end(
    visitor: Visitor, began: int | None, seen: int | None, stays: bool
) -> None:
    browser = visitor("viewer")
    held = browser.session
    for name, ago in ((BEGAN, began), (SEEN, seen)):
        if ago is None:
            del held[name]
        else:
            held[name] = int(time.time()) - ago
    held.save()
    assert (browser.get("/").status_code == 200) is stays
    assert (browser.get("/").status_code == 200) is stays
    if stays:
        assert time.time() - browser.session[SEEN] < 400


def test_low_no_page_may_be_framed(visitor: Visitor, db: None) -> None:
    for path in ("/sign-in", "/", "/nothing-here"):
        headers = visitor().get(path).headers
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
