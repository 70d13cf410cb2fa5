"""What the console holds requests to before Django: bodies of strangers, requests at once, and those that wait."""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.exceptions import RequestAborted
from django.test import Client

from controlplane import crowd as module
from controlplane.asgi import ConsoleApplication
from controlplane.base.web.sessions import SEEN
from controlplane.crowd import AT_ONCE, Accounts, Crowd, Headers, Message, Receive, Send

MEGABYTE = 1024 * 1024
PAGE = (b"accept", b"text/html")
Application = Callable[[Message, Receive, Send], Any]


@dataclass
class Asked:
    """One request by ASGI: `parts` of its body, then nothing more, unless it is whole."""

    parts: list[bytes]
    headers: Headers = field(default_factory=list)
    whole: bool = True
    path: str = "/sign-in"
    sent: list[Message] = field(default_factory=list)

    async def of(self, application: Application) -> "Asked":
        host = [(b"host", b"testserver"), (b"content-type", b"application/json")]
        scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": self.path, "query_string": b""}
        await application({**scope, "headers": [*host, *self.headers]}, self._receive, self._send)
        return self

    async def _receive(self) -> Message:
        if not self.parts:
            await asyncio.Event().wait()
        part = self.parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(self.parts) or not self.whole}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def told(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["error"]["code"])


@dataclass
class Pages:
    """Stands for Django: reads the body as Django does, then waits until it may answer."""

    inside: int = 0
    most: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            await self._read(receive)
        except RequestAborted:
            return
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.go_on.wait()
        self.inside -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"page"})

    async def _read(self, receive: Receive) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestAborted
            more = message["more_body"]


async def nobody(headers: Headers) -> bool:
    return False


def begun(crowd: Crowd, asked: Iterable[Asked]) -> list[asyncio.Task[Asked]]:
    return [asyncio.ensure_future(one.of(crowd)) for one in asked]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_few_requests_are_inside_at_once_and_the_others_follow() -> None:
    pages = Pages()
    tasks = begun(Crowd(pages, nobody), [Asked([b""]) for _ in range(60)])
    await until(lambda: pages.inside == AT_ONCE)
    pages.go_on.set()
    assert [one.status for one in await asyncio.gather(*tasks)] == [200] * 60
    assert pages.most == AT_ONCE


async def test_bodies_that_are_on_their_way_take_nobodys_turn() -> None:
    pages = Pages()
    pages.go_on.set()
    crowd = Crowd(pages, nobody)
    slow = begun(crowd, [Asked([b"half"], whole=False) for _ in range(5 * AT_ONCE)])
    await until(lambda: crowd.strangers == 4 * 5 * AT_ONCE)
    assert (await Asked([b"whole"]).of(crowd)).status == 200
    for task in slow:
        task.cancel()
    await asyncio.wait(slow)
    assert crowd.strangers == 0


@pytest.mark.parametrize("bound", ["WAITING", "WAIT_SECONDS"])
async def test_whoever_cannot_wait_is_told_when_to_come_again(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(module, bound, 0)
    pages = Pages()
    crowd = Crowd(pages, nobody)
    tasks = begun(crowd, [Asked([b""]) for _ in range(AT_ONCE)])
    await until(lambda: pages.inside == AT_ONCE)
    program = await Asked([b""]).of(crowd)
    assert (program.status, program.code, program.told[b"retry-after"]) == (503, "console_busy", b"3")
    person = await Asked([b""], [PAGE]).of(crowd)
    assert (person.status, person.told[b"content-type"]) == (503, b"text/html; charset=utf-8")
    assert "此页面会自动重新加载" in person.body.decode()
    pages.go_on.set()
    await asyncio.gather(*tasks)
    assert (await Asked([b""]).of(crowd)).status == 200


async def test_bodies_of_strangers_take_so_much_memory_together() -> None:
    pages = Pages()
    crowd = Crowd(pages, nobody)
    slow = begun(crowd, [Asked([bytes(MEGABYTE)], whole=False) for _ in range(32)])
    await until(lambda: crowd.strangers == 32 * MEGABYTE)
    assert (await Asked([b"more"]).of(crowd)).code == "console_busy"
    for task in slow:
        task.cancel()
    await asyncio.wait(slow)
    pages.go_on.set()
    assert (await Asked([b"more"]).of(crowd)).status == 200


async def test_nobody_sends_more_than_a_call_may() -> None:
    async def known(headers: Headers) -> bool:
        return True

    crowd = Crowd(Pages(), known)
    assert (await Asked([bytes(MEGABYTE)] * 33).of(crowd)).code == "body_too_large"
    assert crowd.strangers == 0


LARGE = [b"[", bytes(MEGABYTE), b"]"]


@pytest.mark.parametrize(
    "headers",
    [[], [(b"cookie", b"sessionid=forged")], [(b"authorization", b"Bearer pb-forged")], [(b"authorization", b"\xff")]],
    ids=["nothing", "a forged session", "a forged key", "no key"],
)
@pytest.mark.django_db(transaction=True)
async def test_h1_a_stranger_may_send_one_megabyte(headers: Headers, static_files: None) -> None:
    console = ConsoleApplication()
    for path in ("/sign-in", "/api/models"):
        over = await Asked(list(LARGE), headers, path=path).of(console)
        assert (over.status, over.code) == (413, "body_too_large")
        assert "has not signed in" in over.body.decode()
        within = await Asked([bytes(MEGABYTE - 1), b""], headers, path=path).of(console)
        assert within.status in (400, 401, 403)


@pytest.mark.django_db(transaction=True)
def test_h1_somebody_with_an_account_may_send_more(
    visitor: Callable[..., Client], key_client: Callable[..., Client]
) -> None:
    browser = visitor("engineer")
    session = browser.cookies["sessionid"].value
    key = key_client("manage").defaults["HTTP_AUTHORIZATION"]
    signed_in: Headers = [(b"cookie", f"a=b; sessionid={session}".encode())]

    async def asked() -> list[int]:
        console = ConsoleApplication()
        both: list[Headers] = [signed_in, [(b"authorization", key.encode())]]
        return [(await Asked(list(LARGE), one, path="/api/models").of(console)).status for one in both]

    assert set(asyncio.run(asked())) <= {400, 403}
    held = browser.session
    held[SEEN] = 0
    held.save()

    async def known() -> bool:
        return await Accounts()(signed_in)

    assert not asyncio.run(known())
