"""HTTP to sources: every connection goes through the egress guard, and everything that comes back has a bound.

An answer is read with limits on size, time and redirects. Nothing is decompressed, no proxy or netrc of the environment
is used, and a credential never follows a redirect to another origin.
"""

import email.utils
import functools
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from controlplane.base.messages import Sentence, message_of
from registry.transports.egress import Egress, EgressRefused
from versions.reading.errors import SourceGone, SourceLimited, SourceRefused, SourceUnreachable

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
MOST_REDIRECTS = 5
MOST_BYTES = 32_000_000
"""The longest answer that is kept whole."""
LEAST_RATE = 4096.0
"""Bytes per second that an answer must average once it took GRACE seconds."""
GRACE = 60.0
CHUNK = 1 << 18
REDIRECTS = (301, 302, 303, 307, 308)
SECRETS = ("authorization", "cookie")
GONE = (401, 403, 404, 410)
LONGEST_WAIT = 24 * 3600.0
DEFAULT_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """A whole answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Guard(httpcore.NetworkBackend):
    """Opens connections to checked addresses only, those of a redirect included."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address of `host` that takes one."""
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for ip in addresses(self._egress, host, port):
            try:
                return self._plain.connect_tcp(ip, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    def sleep(self, seconds: float) -> None:
        """Wait between two attempts."""
        time.sleep(seconds)


def addresses(egress: Egress, host: str, port: int) -> tuple[str, ...]:
    """Every address of `host`, all of them checked. Raises EgressRefused; SourceUnreachable without one."""
    try:
        found = [str(ipaddress.ip_address(host))]
    except ValueError:
        try:
            found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as error:
            raise SourceUnreachable(Sentence("the name {host} does not resolve", host=host)) from error
    for ip in found:
        egress.check(host, port, ip)
    return tuple(dict.fromkeys(found))


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


class Web:
    """A client under the guard `egress`. `requests` and `read` count what was sent and how many bytes came back."""

    def __init__(self, egress: Egress) -> None:
        pool = httpcore.ConnectionPool(
            ssl_context=_tls(), max_connections=4, network_backend=_Guard(egress), http2=False
        )
        transport = httpx.HTTPTransport(verify=_tls(), trust_env=False)
        transport._pool = pool
        self._client = httpx.Client(
            transport=transport, timeout=TIMEOUT, trust_env=False, follow_redirects=False, headers=_OURS
        )
        self.egress = egress
        self.requests = self.read = 0

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def get(self, url: str, headers: Mapping[str, str] | None = None, most: int = MOST_BYTES) -> WebAnswer:
        """A whole answer of at most `most` bytes, with a good status or 304. Raises SourceError."""
        with self.opened("GET", url, headers) as response:
            return WebAnswer(response.status_code, response.headers, b"".join(self.bounded(response, most)))

    @contextmanager
    def opened(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        content: Any = None,
        accepted: tuple[int, ...] = (),
    ) -> Iterator[httpx.Response]:
        """An answer whose head has come, after redirects. Raises SourceError for a status that is not accepted."""
        given, target = dict(headers or {}), httpx.URL(_checked(url))
        for _ in range(MOST_REDIRECTS + 1):
            with self.sent(method, str(target), given, content) as response:
                place = response.headers.get("location")
                if response.status_code not in REDIRECTS or not place:
                    _refuse_bad_status(response, accepted)
                    yield response
                    return
                following = httpx.URL(_checked(str(target.join(place))))
            if (following.scheme, following.host, following.port) != (target.scheme, target.host, target.port):
                given = {name: value for name, value in given.items() if name.lower() not in SECRETS}
            target = following
        raise SourceRefused(Sentence("{url} redirects more than {most} times", url=shown(url), most=MOST_REDIRECTS))

    @contextmanager
    def sent(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, content: Any = None
    ) -> Iterator[httpx.Response]:
        """One exchange, whatever its status, without following a redirect. Raises SourceError."""
        self.requests += 1
        try:
            with self._client.stream(method, url, headers=dict(headers or {}), content=content) as response:
                yield response
        except EgressRefused as error:
            raise SourceRefused(message_of(error)) from error
        except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError, httpcore.ProxyError) as error:
            raise SourceUnreachable(
                Sentence("{url} cannot be read: {error}", url=shown(url), error=_words(error))
            ) from error

    def bounded(self, response: httpx.Response, most: int) -> Iterator[bytes]:
        """The answer's bytes as they were sent. Raises SourceRefused past `most`, SourceUnreachable if too slow."""
        began, came = time.monotonic(), 0
        if response.headers.get("content-encoding", "identity") != "identity":
            raise SourceRefused(
                Sentence("{url} answers compressed, although it was asked not to", url=shown(str(response.url)))
            )
        declared = response.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > most:
            raise _too_long(str(response.url), most)
        for chunk in response.iter_raw(CHUNK):
            came += len(chunk)
            self.read += len(chunk)
            if came > most:
                raise _too_long(str(response.url), most)
            if came < (time.monotonic() - began - GRACE) * LEAST_RATE:
                raise SourceUnreachable(
                    Sentence("{url} sends too slowly: {came} bytes so far", url=shown(str(response.url)), came=came)
                )
            yield chunk


_OURS = {"user-agent": "Patchbay", "accept-encoding": "identity"}


def retry_after(headers: Mapping[str, str]) -> float:
    """The seconds that an upstream asks us to wait, by Retry-After or RateLimit; a minute if it is silent."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit():
        return min(float(text), LONGEST_WAIT)
    if text:
        when = email.utils.parsedate_tz(text)
        if when is not None:
            return min(max(email.utils.mktime_tz(when) - time.time(), 1.0), LONGEST_WAIT)
    for part in headers.get("ratelimit", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isdigit():
            return min(float(value), LONGEST_WAIT)
    return DEFAULT_WAIT


def _refuse_bad_status(response: httpx.Response, accepted: tuple[int, ...]) -> None:
    status, url = response.status_code, shown(str(response.url))
    if status in accepted:
        return
    if status == 429 or (status == 503 and "retry-after" in response.headers):
        seconds = retry_after(response.headers)
        raise SourceLimited(
            Sentence("{url} limits how often it is asked; asked again in {seconds} s", url=url, seconds=int(seconds)),
            seconds,
        )
    if status in GONE:
        raise SourceGone(
            Sentence("{url} answered {status}: it is not there, or we may not see it", url=url, status=status)
        )
    if status >= 400 or status in REDIRECTS:
        raise SourceUnreachable(Sentence("{url} answered {status}", url=url, status=status))


def _checked(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise SourceRefused(Sentence("{url} must start with http:// or https://", url=shown(url)))
    return url


def _too_long(url: str, most: int) -> SourceRefused:
    return SourceRefused(
        Sentence("{url} sends more than {most} MB, the most that is read", url=shown(url), most=most // 1_000_000)
    )


def shown(url: str) -> str:
    """An address for a message: without its query, which may hold a signature."""
    return url.partition("?")[0][:200]


def _words(error: BaseException) -> str:
    return str(error)[:200] or type(error).__name__
