"""Whole answers to requests that reach nobody: in the error shape that every caller of /v1 reads."""

from collections.abc import Iterable
from http import HTTPStatus

from msgspec.json import encode

from routing.dataplane.door.head import RequestHead, RequestUnreadable

JSON, HTML = b"application/json", b"text/html; charset=utf-8"
RETRY_SECONDS = 3


def refusal(error: RequestUnreadable, date: bytes) -> bytes:
    """The bytes of the answer; the connection closes after it. `date` is the date header's line."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    return _answer(error.status, date, JSON, _told(str(error), kind, error.code))


def away(head: RequestHead, date: bytes) -> bytes:
    """The answer to a request for the console while it does not answer: a page for people, JSON for programs."""
    if wants_page(head.headers):
        english = "Calls to /v1 are answered. This page loads itself again."
        body = again_page(
            "The console is starting", english, "控制台正在启动，/v1 的调用不受影响。此页面会自动重新加载。"
        )
        return _instead(head, 503, date, HTML, body)
    words = "The console does not answer now. Calls to /v1 do. Retry in a few seconds."
    return _instead(head, 503, date, JSON, _told(words, "server_error", "console_away"))


def late(head: RequestHead, date: bytes, seconds: float) -> bytes:
    """The answer to a request that the console took, and said nothing of for so many seconds."""
    words = f"The console has not answered within {seconds:g} s; what was asked may still be done."
    if wants_page(head.headers):
        told = f"<!doctype html><meta charset=utf-8><title>Patchbay</title><h1>Patchbay</h1><p>{words}</p>"
        return _instead(head, 504, date, HTML, f"{told}<p lang=zh-Hans>控制台未在 {seconds:g} 秒内应答。</p>".encode())
    return _instead(head, 504, date, JSON, _told(words, "server_error", "console_timeout"))


def wants_page(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether these headers are those of a person's browser that loads a page."""
    return any(name == b"accept" and b"text/html" in value for name, value in headers)


def again_page(title: str, english: str, chinese: str) -> bytes:
    """A page in place of one that cannot be shown now; it loads itself again."""
    refresh = f'<meta http-equiv="refresh" content="{RETRY_SECONDS}"><title>Patchbay</title>'
    told = f'<h1>{title}</h1><p>{english}</p><p lang="zh-Hans">{chinese}</p>'
    return f'<!doctype html><html lang="en"><meta charset="utf-8">{refresh}{told}</html>'.encode()


def _instead(head: RequestHead, status: int, date: bytes, kind: bytes, body: bytes) -> bytes:
    """What is answered in place of the console."""
    more = b"cache-control: no-store\r\n"
    if status == 503:
        more += b"retry-after: %d\r\n" % RETRY_SECONDS
    return _answer(status, date, kind, b"" if head.method == "HEAD" else body, more)


def _told(words: str, kind: str, code: str) -> bytes:
    return encode({"error": {"message": words, "type": kind, "param": None, "code": code}})


def _answer(status: int, date: bytes, kind: bytes, body: bytes, more: bytes = b"") -> bytes:
    """A whole answer in bytes, after which the connection closes. `more` is further header lines."""
    line = b"HTTP/1.1 %d %b\r\n" % (status, HTTPStatus(status).phrase.encode())
    sized = b"content-type: %b\r\ncontent-length: %d\r\n" % (kind, len(body))
    return b"%b%b%b%bconnection: close\r\n\r\n%b" % (line, date, sized, more, body)
