"""Pushes what waits to the door, in order, until it is safe there; backs off with jitter while the door is away."""

import random
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPSConnection
from urllib.parse import urlsplit

import msgspec

from routing.agent.outbox import Outbox
from routing.samples.pushes import MOST_BYTES, MOST_FRAMES, AgentPush, NodeFacts, PushAnswer, encode

TIMEOUT = 10.0
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 30.0
FACTS_SECONDS = 60.0
"""Facts are told anew after so long, so that the site knows that the devices are still there."""
MOST_COMPLAINTS = 500
"""Different complaints of the site that are told, each once."""
LONGEST_ANSWER = 64 * 1024
REFUSED = {
    401: "the site does not know this key, or it was revoked; make a new one for the key file and restart",
    404: "there is no Patchbay at this address, or an older one",
    413: "the site takes no push of this size",
}
_ANSWER = msgspec.json.Decoder(PushAnswer)


class PushFailed(Exception):
    """A push that did not arrive or was refused; `wait` is for how long the door wants to be left alone, if it says."""

    def __init__(self, words: str, wait: float | None = None) -> None:
        super().__init__(words)
        self.wait = wait


class DoorConnection:
    """One kept connection to the door. Certificates are verified, redirects are not followed."""

    def __init__(self, address: str, key: str, tls: ssl.SSLContext | None) -> None:
        parts = urlsplit(address)
        self._path, host, port = parts.path, parts.hostname or "", parts.port
        self._http: HTTPConnection = (
            HTTPSConnection(host, port, timeout=TIMEOUT, context=tls)
            if tls is not None
            else HTTPConnection(host, port, timeout=TIMEOUT)
        )
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/msgpack"}

    def push(self, body: bytes) -> PushAnswer:
        """The door's answer. Raises PushFailed. A kept connection that the site has closed is opened again."""
        kept = self._http.sock is not None
        try:
            status, headers, said = self._ask(body)
        except (ConnectionError, HTTPException) as error:
            if not kept:
                raise PushFailed(_away(error)) from error
            return self.push(body)
        except OSError as error:
            raise PushFailed(_away(error)) from error
        if status != 200:
            self._http.close()
            words = REFUSED.get(status, f"the site answers {status}: {said[:200].decode(errors='replace')}")
            raise PushFailed(words, _seconds(headers.get("retry-after")))
        try:
            return _ANSWER.decode(said)
        except msgspec.MsgspecError as error:
            raise PushFailed(f"what answers is no Patchbay: {error}") from error

    def _ask(self, body: bytes) -> tuple[int, HTTPMessage, bytes]:
        """Status, headers and body of the answer. Raises OSError, HTTPException, and the connection is closed then."""
        try:
            self._http.request("POST", self._path, body, self._headers)
            answer = self._http.getresponse()
            said = answer.read(LONGEST_ANSWER)
        except (OSError, HTTPException):
            self._http.close()
            raise
        if not answer.isclosed():
            self._http.close()
        return answer.status, answer.headers, said

    def close(self) -> None:
        """Let the connection go."""
        self._http.close()


@dataclass(slots=True)
class Announcer:
    """What was said last: a state is told once, not every second."""

    say: Callable[[str], None]
    last: str = ""

    def once(self, words: str) -> None:
        """Say it unless it was the last thing said."""
        if words != self.last:
            self.last = words
            self.say(words)


class Pusher:
    """Empties an outbox into the door. `facts` tells the node as it is now."""

    def __init__(
        self, connection: DoorConnection, outbox: Outbox, facts: Callable[[], NodeFacts], say: Callable[[str], None]
    ) -> None:
        self._connection, self._outbox, self._facts = connection, outbox, facts
        self._told = Announcer(say)
        self._run = 0
        self._kept: NodeFacts | None = None
        self._facts_at = float("-inf")
        self._failures = 0
        self._complaints: set[str] = set()

    def run(self, ended: threading.Event) -> None:
        """Push until `ended`."""
        while not ended.is_set():
            if not self._outbox.filled.wait(0.5):
                continue
            try:
                waiting = self.once()
            except PushFailed as error:
                self._told.once(f"not pushed: {error}")
                ended.wait(self._pause(error.wait))
            else:
                self._failures = 0
                if not waiting:
                    self._told.once("pushed; nothing waits")
        self._connection.close()

    def once(self) -> int:
        """Push what waits first. Returns how many frames still wait. Raises PushFailed."""
        facts, now = self._facts(), time.monotonic()
        due = facts != self._kept or now - self._facts_at >= FACTS_SECONDS
        packed, last = self._outbox.first(MOST_FRAMES, MOST_BYTES // 2, self._run) if self._run else ([], -1)
        answer = self._connection.push(encode(AgentPush(self._run, time.time(), packed, facts if due else None)))
        self._run = answer.run
        if due and answer.facts:
            self._kept, self._facts_at = facts, now
        for complaint in answer.complaints:
            if complaint not in self._complaints and len(self._complaints) < MOST_COMPLAINTS:
                self._complaints.add(complaint)
                self._told.once(f"the site complains: {complaint}")
        if given_up := self._outbox.take_given_up():
            self._told.once(f"{given_up} frames were given up, as the site was away for more than ten minutes")
        return self._outbox.safe(last)

    def _pause(self, wanted: float | None) -> float:
        self._failures += 1
        backoff = min(LONGEST_WAIT, SHORTEST_WAIT * 2.0 ** min(self._failures - 1, 10))
        jitter: float = random.uniform(0.75, 1.25)  # noqa: S311
        return max(wanted or 0.0, backoff) * jitter


def _away(error: Exception) -> str:
    return f"the site does not answer: {str(error) or type(error).__name__}"


def _seconds(header: str | None) -> float | None:
    return min(float(header), 300.0) if header and header.isdigit() else None
