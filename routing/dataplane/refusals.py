"""Why the gateway itself does not answer a call, in words that say what to do."""

from registry.canon import Failure, FailureKind
from routing.table import Caller


def key_missing() -> Failure:
    """No key was given."""
    words = "No API key was given. Send it as 'Authorization: Bearer pb-…'."
    return Failure(FailureKind.AUTHENTICATION, words, code="missing_api_key")


def key_unknown(*, sure: bool) -> Failure:
    """A key that the table does not know; not `sure` if the database could not be asked whether it is a new one."""
    if not sure:
        words = "This API key cannot be checked now: the database cannot be reached. Retry soon."
        return Failure(FailureKind.UNAVAILABLE, words, code="key_check_unavailable", retry_after=5.0)
    words = "This API key is not known or was revoked. Create one under Keys."
    return Failure(FailureKind.AUTHENTICATION, words, code="invalid_api_key")


def key_expired(caller: Caller) -> Failure:
    """A key whose time is over."""
    words = f"API key {caller.name!r} has expired. Create a new one under Keys."
    return Failure(FailureKind.AUTHENTICATION, words, code="expired_api_key")


def scope_missing(caller: Caller, scope: str) -> Failure:
    """A key that may not do what it asks for."""
    given = ", ".join(sorted(caller.scopes)) or "none"
    words = f"API key {caller.name!r} has the scopes {given}; this needs {scope!r}. Create a key with it under Keys."
    return Failure(FailureKind.PERMISSION, words, code="scope_missing")


def model_not_allowed(caller: Caller, name: str) -> Failure:
    """A model that the key may not call."""
    allowed = ", ".join(caller.models[:10])
    words = f"API key {caller.name!r} may not call {name[:200]!r}; it may call {allowed}"
    return Failure(FailureKind.PERMISSION, words, parameter="model", code="model_not_allowed")


def stopped() -> Failure:
    """A call that was cut by the gateway's end."""
    return Failure(FailureKind.UNAVAILABLE, "The gateway was stopped during this call.", code="stopped")


def starting() -> Failure:
    """A call before there is any table."""
    words = "The gateway has no table yet: PostgreSQL has not been reached since the start. Retry soon."
    return Failure(FailureKind.UNAVAILABLE, words, code="starting", retry_after=2.0)


def defect(request_id: str) -> Failure:
    """A defect of ours, whose details are in the log only."""
    words = f"The gateway has a defect; its log has the details under request id {request_id}."
    return Failure(FailureKind.INTERNAL, words, code="internal_error")


def wrong_method(path: str, method: str, allow: str) -> Failure:
    """An address that is called by a method which it does not take."""
    words = f"{path[:200]} does not take {method}; use {allow}."
    return Failure(FailureKind.INVALID_REQUEST, words, code="method_not_allowed")


def no_durable_calls() -> Failure:
    """A durable call where nobody stores them."""
    words = "Durable calls are not set up on this server; call without 'Prefer: respond-async'."
    return Failure(FailureKind.UNSUPPORTED, words, code="async_unavailable")


def no_call(path: str) -> Failure:
    """A durable call that cannot be made now, or has the address of none."""
    return Failure(FailureKind.UNAVAILABLE, f"no table is served yet, or {path[:200]!r} is no call's address")
