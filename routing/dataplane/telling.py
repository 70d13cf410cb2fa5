"""Answers that no model gave: to calls that fail, and to requests under /v1 that are no call."""

from registry.canon import Failure
from routing.dataplane import endpoints, refusals
from routing.dataplane.call import Call, new_id
from routing.dataplane.caller import Answering, CallerSide
from routing.dataplane.endpoints import JSON, Address, Headers
from routing.dataplane.forwarding import reply_headers


async def turn_away(side: CallerSide, place: Address | None, request_id: bytes | None) -> None:
    """Answer what is no call: OPTIONS, a wrong method, an unknown address, a start without any table."""
    method, path = side.method, side.path
    headers: Headers = [(b"x-request-id", request_id or new_id().encode())]
    allow = ", ".join((*place.methods, "OPTIONS")) if place is not None else ""
    if place is not None and method == "OPTIONS":
        await side.answer(204, [*headers, (b"allow", allow.encode())], b"")
        return
    if place is None:
        status, failure = 404, endpoints.unknown_address(method, path)
    elif method not in place.methods:
        status, failure = 405, refusals.wrong_method(path, method, allow)
        headers.append((b"allow", allow.encode()))
    else:
        status, failure = 503, refusals.starting()
    await side.answer(status, [JSON, *headers, *endpoints.error_headers(failure)], endpoints.error_body(failure))


async def tell(call: Call, failure: Failure, to: Answering) -> None:
    """Answer with an error; after the first byte as the stream's last event, never with its end mark."""
    if call.started:
        await to.finish(endpoints.error_event(failure))
        return
    headers = [JSON, *reply_headers(call), *endpoints.error_headers(failure)]
    await to.answer(endpoints.status_of(failure)[0], headers, endpoints.error_body(failure))
