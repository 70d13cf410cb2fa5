"""Why the gateway itself does not answer a call, in words that say what to do."""

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind
from routing.table import Caller


def key_missing() -> Failure:
    """No key was given."""
    words = Sentence("No API key was given. Send it as 'Authorization: Bearer pb-…'.")
    return Failure(FailureKind.AUTHENTICATION, words, code="missing_api_key")


def key_unknown(*, sure: bool) -> Failure:
    """A key that the table does not know; not `sure` if the database could not be asked whether it is a new one."""
    if not sure:
        words = Sentence("This API key cannot be checked now: the database cannot be reached. Retry soon.")
        return Failure(FailureKind.UNAVAILABLE, words, code="key_check_unavailable", retry_after=5.0)
    words = Sentence("This API key is not known or was revoked. Create one under Keys.")
    return Failure(FailureKind.AUTHENTICATION, words, code="invalid_api_key")


def key_expired(caller: Caller) -> Failure:
    """A key whose time is over."""
    words = Sentence("API key {caller} has expired. Create a new one under Keys.", caller=repr(caller.name))
    return Failure(FailureKind.AUTHENTICATION, words, code="expired_api_key")


def scope_missing(caller: Caller, scope: str) -> Failure:
    """A key that may not do what it asks for."""
    given = ", ".join(sorted(caller.scopes)) or "none"
    words = Sentence(
        "API key {caller} has the scopes {given}; this needs {scope}. Create a key with it under Keys.",
        caller=repr(caller.name),
        given=given,
        scope=repr(scope),
    )
    return Failure(FailureKind.PERMISSION, words, code="scope_missing")


def too_many_connections(caller: Caller) -> Failure:
    """A key whose calls hold as many connections as one key may."""
    words = Sentence(
        "Calls with key {caller} hold as many connections to this gateway as one key may: half of all. Close those that"
        " are idle, or send calls one after the other over fewer connections.",
        caller=repr(caller.name),
    )
    return Failure(FailureKind.RATE_LIMITED, words, code="too_many_connections", retry_after=1.0)


def model_not_allowed(caller: Caller, name: str) -> Failure:
    """A model that the key may not call."""
    allowed = ", ".join(caller.models[:10])
    words = Sentence(
        "API key {caller} may not call {name}; it may call {allowed}",
        caller=repr(caller.name),
        name=repr(name[:200]),
        allowed=allowed,
    )
    return Failure(FailureKind.PERMISSION, words, parameter="model", code="model_not_allowed")


def stopped() -> Failure:
    """A call that was cut by the gateway's end."""
    return Failure(FailureKind.UNAVAILABLE, Sentence("The gateway was stopped during this call."), code="stopped")


def starting() -> Failure:
    """A call before there is any table."""
    words = Sentence("The gateway has no table yet: PostgreSQL has not been reached since the start. Retry soon.")
    return Failure(FailureKind.UNAVAILABLE, words, code="starting", retry_after=2.0)


def defect(request_id: str) -> Failure:
    """A defect of ours, whose details are in the log only."""
    words = Sentence(
        "The gateway has a defect; its log has the details under request id {request_id}.", request_id=request_id
    )
    return Failure(FailureKind.INTERNAL, words, code="internal_error")


def wrong_method(path: str, method: str, allow: str) -> Failure:
    """An address that is called by a method which it does not take."""
    words = Sentence("{path} does not take {method}; use {allow}.", path=path[:200], method=method, allow=allow)
    return Failure(FailureKind.INVALID_REQUEST, words, code="method_not_allowed")


def no_durable_calls() -> Failure:
    """A durable call where nobody stores them."""
    words = Sentence("Durable calls are not set up on this server; call without 'Prefer: respond-async'.")
    return Failure(FailureKind.UNSUPPORTED, words, code="async_unavailable")


def no_call(path: str) -> Failure:
    """A durable call that cannot be made now, or has the address of none."""
    words = Sentence("no table is served yet, or {path} is no call's address", path=repr(path[:200]))
    return Failure(FailureKind.UNAVAILABLE, words)
