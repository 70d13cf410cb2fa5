"""The live socket: who may listen, numbered frames, snapshots, a job's progress for its owner alone."""

import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.contrib.sessions.models import Session
from django.db import connections
from django.test import Client
from django.utils import timezone

from controlplane.base import events
from controlplane.base.events import TOPICS
from controlplane.base.jobs import verbs as jobs
from controlplane.base.listeners import CHANGED, SIGNED_OUT, Person
from controlplane.base.live import HUB, LIVE, websocket_application
from controlplane.base.models import User
from controlplane.base.viewers import WAITING, Viewer
from controlplane.base.web import badges
from routing.alerts.models import Alert

Make = Callable[..., User]
pytestmark = pytest.mark.django_db(transaction=True)


class Tab:
    """A browser tab's socket."""

    def __init__(self, cookie: str, origin: str = "http://localhost:8000") -> None:
        headers = [(b"cookie", cookie.encode()), (b"origin", origin.encode()), (b"host", b"localhost:8000")]
        scope = {"type": "websocket", "path": LIVE, "headers": headers, "query_string": b"", "subprotocols": []}
        communicator: Any = ApplicationCommunicator
        self._socket = communicator(websocket_application, scope)

    async def open(self) -> dict[str, Any]:
        """The first message after the handshake's."""
        await self._socket.send_input({"type": "websocket.connect"})
        answer: dict[str, Any] = await self._socket.receive_output(5)
        return dict(await self._socket.receive_output(5)) if answer["type"] == "websocket.accept" else answer

    async def say(self, **wish: object) -> None:
        """Send one wish."""
        await self._socket.send_input({"type": "websocket.receive", "text": json.dumps(wish)})

    async def hear(self) -> dict[str, Any]:
        """The next frame."""
        return dict(json.loads((await self.hear_raw())["text"]))

    async def hear_raw(self) -> dict[str, Any]:
        """The next frame as the server sends it."""
        return dict(await self._socket.receive_output(8))

    async def end(self) -> int:
        """The code with which the server closes."""
        answer = await self._socket.receive_output(8)
        assert answer["type"] == "websocket.close", answer
        return int(answer["code"])

    async def close(self) -> None:
        """Go away."""
        await self._socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._socket.wait(5)


def cookie_of(user: User) -> str:
    """A session cookie for `user`."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return f"sessionid={client.cookies['sessionid'].value}"


def a_job(user: User) -> str:
    """A job of `user`, by its topic."""
    return f"job:{jobs.enqueue('probe', {'models': []}, actor=user).pk}"


in_thread = database_sync_to_async


@pytest.fixture(autouse=True)
async def closed_connections() -> AsyncIterator[None]:
    """Closes the connection of the thread that the socket's queries ran in."""
    yield
    await sync_to_async(connections.close_all)()


async def test_nobody_listens_signed_out_or_from_another_site(person: Make) -> None:
    assert (await Tab("").open())["code"] == 4401
    cookie = await in_thread(lambda: cookie_of(person("viewer")))()
    for origin in ("https://evil.example", "http://localhost:8001", "http://localhost", "http://localhost:8000.evil"):
        foreign = await Tab(cookie, origin).open()
        assert foreign["type"] == "websocket.close"


async def test_hello_snapshot_and_frames_are_numbered(person: Make) -> None:
    tab = Tab(await in_thread(lambda: cookie_of(person("viewer")))())
    hello = json.loads((await tab.open())["text"])
    assert hello["kind"] == "hello"
    await tab.say(snapshot=True)
    snapshot = await tab.hear()
    assert snapshot["kind"] == "snapshot"
    HUB.tell("models", {})
    HUB.tell("revision", {})
    frames = [await tab.hear(), await tab.hear()]
    assert [frame["seq"] for frame in frames] == [snapshot["seq"] + 1, snapshot["seq"] + 2]
    assert [frame["topic"] for frame in frames] == ["models", "revision"]
    await tab.close()
    assert not HUB.viewers


async def test_progress_is_for_those_who_may_see_the_job(person: Make) -> None:
    owner = await in_thread(lambda: person("engineer", "owner"))()
    cookie = await in_thread(lambda: cookie_of(owner))()
    other = await in_thread(lambda: cookie_of(person("engineer", "other")))()
    topic = await in_thread(lambda: a_job(owner))()
    mine, theirs = Tab(cookie), Tab(other)
    for tab in (mine, theirs):
        await tab.open()
        await tab.say(watch=topic)
    assert (await mine.hear())["payload"]["state"] == "queued"
    HUB.tell(topic, {"state": "running"})
    HUB.tell("jobs", {})
    assert (await mine.hear())["payload"] == {"state": "running"}
    assert (await theirs.hear())["topic"] == "jobs"
    for tab in (mine, theirs):
        await tab.close()


async def test_badges_are_told_at_the_start_and_when_they_move(
    person: Make, visitor: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(step=badges.COUNT_S)
    monkeypatch.setattr(badges, "COUNTS", badges.BadgeCounts(lambda: float(next(clock))))
    hot = {"rule": "Hot", "kind": "device", "state": "firing", "since": timezone.now()}
    fire = in_thread(lambda: Alert.objects.create(subject=str(next(clock)), **hot))
    await fire()
    tab = Tab(await in_thread(lambda: cookie_of(person("viewer")))())
    await tab.open()
    await tab.say(snapshot=True)
    while (frame := await tab.hear()).get("kind") != "snapshot":
        assert frame["topic"] == "badge:alerts"
    assert frame["payload"]["badges"] == {"alerts": 1, "reviews": 0}
    await fire()
    while (frame := await tab.hear())["payload"] != {"name": "alerts", "count": 2}:
        await HUB.count()
    body = await in_thread(lambda: visitor("viewer").get("/alerts").content.decode())()
    assert "firing now: 2" in body
    await tab.close()


async def test_notice_travels_from_a_transaction_to_the_tab(person: Make) -> None:
    tab = Tab(await in_thread(lambda: cookie_of(person("viewer")))())
    await tab.open()
    await in_thread(lambda: events.publish("models", {"count": 3}))()
    frame = await tab.hear()
    assert (frame["topic"], frame["payload"]) == ("models", {})
    await tab.close()


async def test_a_snapshot_says_when_each_topic_was_last_told_of(person: Make) -> None:
    before = time.time()
    await in_thread(lambda: events.publish("models", {"count": 3}))()
    await in_thread(lambda: events.publish("job:7", {"done": 1}))()
    tab = Tab(await in_thread(lambda: cookie_of(person("viewer")))())
    await tab.open()
    await tab.say(snapshot=True)
    last = (await tab.hear())["payload"]["last"]
    assert before <= last["models"] <= time.time()
    assert set(last) <= set(TOPICS)
    await tab.close()


@pytest.mark.parametrize("text", ["", "[]", "{", "3", '{"watch": 7}', '{"watch": "job:nonsense"}', "[" * 5000])
async def test_nonsense_is_ignored(person: Make, text: str) -> None:
    tab = Tab(await in_thread(lambda: cookie_of(person("viewer")))())
    await tab.open()
    await tab._socket.send_input({"type": "websocket.receive", "text": text})
    await tab.say(snapshot=True)
    assert (await tab.hear())["kind"] == "snapshot"
    await tab.close()


def test_slow_tab_gets_a_gap_and_no_queue() -> None:
    viewer = Viewer({"models"}, Person(1, "viewer", ""))
    for _ in range(WAITING * 3):
        viewer.offer('"topic":"models"}')
    assert len(viewer._frames) == WAITING
    assert json.loads(viewer._frames[0])["seq"] == WAITING * 2 + 1


def shut_out(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def demote(user: User) -> None:
    User.objects.filter(pk=user.pk).update(role="viewer")


def sign_out(user: User) -> None:
    Session.objects.all().delete()


def change_password(user: User) -> None:
    user.set_password("plenty of other words")
    user.save()


@pytest.mark.parametrize(
    ("lose", "code"),
    [(shut_out, SIGNED_OUT), (sign_out, SIGNED_OUT), (change_password, SIGNED_OUT), (demote, CHANGED)],
)
async def test_low_an_open_socket_ends_with_the_right_to_it(
    person: Make, lose: Callable[[User], None], code: int
) -> None:
    user = await in_thread(lambda: person("engineer", "eddy"))()
    tab = Tab(await in_thread(lambda: cookie_of(user))())
    await tab.open()
    await in_thread(lambda: lose(user))()
    await HUB.turn_out()
    HUB.tell("models", {})
    assert await tab.end() == code
    await tab.close()


async def test_low_other_sockets_stay(person: Make) -> None:
    user = await in_thread(lambda: person("engineer", "eddy"))()
    tab = Tab(await in_thread(lambda: cookie_of(user))())
    await tab.open()
    await HUB.turn_out()
    HUB.tell("models", {})
    assert (await tab.hear())["topic"] == "models"
    await tab.close()
