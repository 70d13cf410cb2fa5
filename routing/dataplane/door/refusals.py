"""Whole answers to requests that reach nobody: in the error shape that every caller of /v1 reads."""

from http import HTTPStatus

from msgspec.json import encode

from routing.dataplane.door.head import RequestHead, RequestUnreadable


def refusal(error: RequestUnreadable, date: bytes) -> bytes:
    """The bytes of the answer; the connection closes after it. `date` is the date header's line."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    told = {"message": str(error), "type": kind, "param": None, "code": error.code}
    body = encode({"error": told})
    return (
        b"HTTP/1.1 %d %b\r\n%bcontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
        % (
            error.status,
            HTTPStatus(error.status).phrase.encode(),
            date,
            len(body),
            body,
        )
    )


AWAY_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<title>Patchbay</title><h1>The console is starting</h1><p>Calls to /v1 are answered. This page loads itself again.</p>
<p lang="zh-Hans">控制台正在启动，/v1 的调用不受影响。此页面会自动重新加载。</p></html>
""".encode()


def away(head: RequestHead, date: bytes) -> bytes:
    """The answer to a request for the console while it does not answer: a page for people, JSON for programs."""
    if b"text/html" in (head.header(b"accept") or b""):
        kind, body = b"text/html; charset=utf-8", AWAY_PAGE
    else:
        words = "The console does not answer now. Calls to /v1 do. Retry in a few seconds."
        told = {"message": words, "type": "server_error", "param": None, "code": "console_away"}
        kind, body = b"application/json", encode({"error": told})
    body = b"" if head.method == "HEAD" else body
    return (
        b"HTTP/1.1 503 Service Unavailable\r\n%bcontent-type: %b\r\ncontent-length: %d\r\nretry-after: 3\r\n"
        b"cache-control: no-store\r\nconnection: close\r\n\r\n%b" % (date, kind, len(body), body)
    )
