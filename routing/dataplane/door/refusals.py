"""Whole answers to requests that reach nobody: in the error shape that every caller of /v1 reads."""

from http import HTTPStatus

from msgspec.json import encode

from routing.dataplane.door.head import RequestHead, RequestUnreadable

JSON = b"application/json"
AWAY_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<title>Patchbay</title><h1>The console is starting</h1><p>Calls to /v1 are answered. This page loads itself again.</p>
<p lang="zh-Hans">控制台正在启动，/v1 的调用不受影响。此页面会自动重新加载。</p></html>
""".encode()


def refusal(error: RequestUnreadable, date: bytes) -> bytes:
    """The bytes of the answer; the connection closes after it. `date` is the date header's line."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    return _answer(error.status, date, JSON, _told(str(error), kind, error.code))


def away(head: RequestHead, date: bytes) -> bytes:
    """The answer to a request for the console while it does not answer: a page for people, JSON for programs."""
    if b"text/html" in (head.header(b"accept") or b""):
        kind, body = b"text/html; charset=utf-8", AWAY_PAGE
    else:
        words = "The console does not answer now. Calls to /v1 do. Retry in a few seconds."
        kind, body = JSON, _told(words, "server_error", "console_away")
    body = b"" if head.method == "HEAD" else body
    return _answer(503, date, kind, body, b"retry-after: 3\r\ncache-control: no-store\r\n")


def _told(words: str, kind: str, code: str) -> bytes:
    return encode({"error": {"message": words, "type": kind, "param": None, "code": code}})


def _answer(status: int, date: bytes, kind: bytes, body: bytes, more: bytes = b"") -> bytes:
    """A whole answer in bytes, after which the connection closes. `more` is further header lines."""
    line = b"HTTP/1.1 %d %b\r\n" % (status, HTTPStatus(status).phrase.encode())
    sized = b"content-type: %b\r\ncontent-length: %d\r\n" % (kind, len(body))
    return b"%b%b%b%bconnection: close\r\n\r\n%b" % (line, date, sized, more, body)
