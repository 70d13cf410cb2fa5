"""Reads whole upstream answers: finds errors in them, HTTP 200 or not, and takes out values by dotted path.

What an answer is its body decides, not its label: many servers call JSON text/plain, or nothing.

An answer is untrusted: every way in which it can be wrong ends in a Failure that keeps the upstream's own words.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import mktime_tz, parsedate_tz
from typing import Any

from msgspec import DecodeError, Raw, ValidationError
from msgspec.json import Decoder, encode

from controlplane.base.messages import Sentence
from registry.canon import CallContext, Failure, FailureKind, Reply, Usage, plain
from registry.protocols.document import ErrorRule, UsagePaths
from registry.protocols.runtime.counting import first, tokens_in, usage_body, usage_of

__all__ = [
    "ErrorRule",
    "UsagePaths",
    "failure_in",
    "fields",
    "first",
    "read",
    "reply",
    "translate",
    "usage_of",
]

decode = Decoder().decode
decode_fields = Decoder(dict[str, Raw]).decode
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
WORDS = 2000

KIND_BY_STATUS = {
    400: FailureKind.UPSTREAM_REFUSED,
    401: FailureKind.UPSTREAM_AUTHENTICATION,
    402: FailureKind.UPSTREAM_RATE_LIMITED,
    403: FailureKind.UPSTREAM_AUTHENTICATION,
    404: FailureKind.UPSTREAM_REFUSED,
    408: FailureKind.UPSTREAM_TIMEOUT,
    409: FailureKind.UPSTREAM_REFUSED,
    413: FailureKind.TOO_LARGE,
    422: FailureKind.UPSTREAM_REFUSED,
    424: FailureKind.UPSTREAM_REFUSED,
    429: FailureKind.UPSTREAM_RATE_LIMITED,
    504: FailureKind.UPSTREAM_TIMEOUT,
}
TOO_LONG = {
    "context_length_exceeded": (
        "maximum context length",
        "maximum model length",
        "maximum prompt length",
        "available context size",
        "context length exceeded",
        "context_length_exceeded",
        "exceed context window",
        "longer than the model's context",
        "exceeds the context window",
        "exceeds the model's context",
        "context window exceeds",
        "when context the overflows",
        "exceeded model token limit",
        "prompt is too long",
    )
}
"""What servers of any protocol say of a prompt that does not fit: vLLM, SGLang, llama.cpp, LM Studio and hosts."""
RETRYABLE = frozenset(
    {
        FailureKind.UPSTREAM_RATE_LIMITED,
        FailureKind.UPSTREAM_ERROR,
        FailureKind.UPSTREAM_INVALID,
        FailureKind.UPSTREAM_TIMEOUT,
    }
)
RETRY_AFTER_MAX = 86_400.0


def words(body: bytes) -> str:
    """The upstream's own words, at most 2,000 characters, without control characters."""
    text = body[: WORDS * 4].decode(errors="replace")
    return "".join(letter if letter.isprintable() or letter in "\n\t" else " " for letter in text)[:WORDS].strip()


def read(status: int, headers: Mapping[str, str], body: bytes, rules: Sequence[ErrorRule]) -> Any:
    """The decoded JSON of a successful answer. Raises Failure for every other."""
    judge(status, headers, body, rules)
    try:
        answer = decode(body.removeprefix(BYTE_ORDER_MARK))
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise no_json(status, headers, body, error) from error
    failure = failure_in(answer, rules, status, body)
    if failure is not None:
        raise failure
    return answer


def fields(status: int, headers: Mapping[str, str], body: bytes, rules: Sequence[ErrorRule]) -> dict[str, Raw]:
    """The raw top-level fields of a successful answer, their values not decoded. Raises Failure for every other."""
    judge(status, headers, body, rules)
    body = body.removeprefix(BYTE_ORDER_MARK)
    try:
        if not body.isascii():
            body.decode()
        found = decode_fields(body)
        failure = failure_in(decode(body), rules, status, body) if may_be_marked(found, rules) else None
    except ValidationError as error:
        raise invalid(Sentence("is no JSON object ({error})", error=error), status, body) from error
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise no_json(status, headers, body, error) from error
    if failure is not None:
        raise failure
    return found


def may_be_marked(found: Mapping[str, Raw], rules: Sequence[ErrorRule]) -> bool:
    """Whether a rule may hold for an answer of which only the top-level fields are known."""
    for rule in rules:
        when = rule.when
        if "." in when:
            if when.partition(".")[0] in found:
                return True
        elif when in found and (not rule.equals or plain(found[when]) in rule.equals):
            return True
    return False


def judge(status: int, headers: Mapping[str, str], body: bytes, rules: Sequence[ErrorRule]) -> None:
    """Raise the Failure of a status that is no success."""
    if 300 <= status < 400:
        location = headers.get("location", "nowhere")[:200]
        raise invalid(
            Sentence(
                "redirects to {location}, which is not followed; use that address in the spec", location=repr(location)
            ),
            status,
            body,
        )
    if not 200 <= status < 300:
        raise refusal(status, headers, body, rules)


def no_json(status: int, headers: Mapping[str, str], body: bytes, error: Exception) -> Failure:
    """The Failure for a body that cannot be read as JSON, whose label may say what it is instead."""
    content_type = headers.get("content-type", "")
    if body.lstrip().startswith(b"<") and "ml" not in content_type.lower():
        return invalid(Sentence("is a page, not JSON"), status, body)
    if content_type and "json" not in content_type.lower():
        return invalid(
            Sentence("has content type {content_type}; expected JSON", content_type=repr(content_type[:100])),
            status,
            body,
        )
    return invalid(Sentence("is not JSON ({error})", error=error), status, body)


def refusal(status: int, headers: Mapping[str, str], body: bytes, rules: Sequence[ErrorRule]) -> Failure:
    """The Failure that a status of 400 or above (or below 200) means."""
    failure: Failure | None = None
    try:
        failure = failure_in(decode(body), rules, status, body)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        failure = None
    if failure is None:
        said = words(body)
        text = (
            Sentence("The upstream answered with status {status}: {words}", status=status, words=said[:300])
            if said
            else Sentence("The upstream answered with status {status} and no words.", status=status)
        )
        code = said_code(said, rules)
        kind = FailureKind.UPSTREAM_REFUSED if code else kind_of(status)
        failure = Failure(kind, text, code=code, upstream_status=status, upstream_words=said)
        failure.retryable = failure.kind in RETRYABLE
    failure.retry_after = retry_after(headers, time.time())
    return failure


def failure_in(answer: Any, rules: Sequence[ErrorRule], status: int, body: bytes) -> Failure | None:
    """The Failure that an answer's body tells of, by the protocol's error rules; None if there is none."""
    for rule in rules:
        marked = first(answer, (rule.when,))
        if marked in (None, False, "", {}, []) or marked in rule.unless or (rule.equals and marked not in rule.equals):
            continue
        told = (first(answer, (path,)) for path in rule.message)
        said = next((one for one in told if one is not None and not _is_blank(one)), marked)
        text = said if isinstance(said, str) else encode(said).decode()
        known = said_code(text, rules)
        code = known or first(answer, rule.code)
        kind = FailureKind.UPSTREAM_REFUSED if known else kind_of(status)
        kind = FailureKind(rule.kinds[str(code)]) if str(code) in rule.kinds else kind
        parameter = first(answer, rule.parameter)
        return Failure(
            kind,
            Sentence("The upstream says: {text}", text=text[:WORDS]),
            parameter=parameter if isinstance(parameter, str) else None,
            code=str(code)[:100] if isinstance(code, str | int) else None,
            upstream_status=status,
            upstream_words=words(body),
            retryable=kind in RETRYABLE,
        )
    return None


def _is_blank(said: Any) -> bool:
    return isinstance(said, str) and not said.strip()


def said_code(text: str, rules: Sequence[ErrorRule]) -> str | None:
    """The code of OpenAI's whose plain words are in an upstream's message; None if none is."""
    lower = text.lower()
    told = [*TOO_LONG.items(), *(item for rule in rules for item in rule.says.items())]
    return next((code for code, phrases in told if any(words in lower for words in phrases)), None)


def kind_of(status: int) -> FailureKind:
    """What a status means; an error told with status 200 is the upstream's."""
    if 400 <= status < 500:
        return KIND_BY_STATUS.get(status, FailureKind.UPSTREAM_REFUSED)
    return KIND_BY_STATUS.get(status, FailureKind.UPSTREAM_ERROR)


def invalid(what: str, status: int, body: bytes) -> Failure:
    """The Failure for an answer that does not fit the protocol."""
    return Failure(
        FailureKind.UPSTREAM_INVALID,
        Sentence("The upstream's answer {what}. Check the model's endpoint and protocol.", what=what),
        upstream_status=status,
        upstream_words=words(body),
        retryable=True,
    )


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by `retry-after-ms` or Retry-After, a number or a date; None if neither says so.

    A date is counted from the upstream's own Date, if it gives one, so that clocks need not agree; else from `now`.
    """
    exact, value = headers.get("retry-after-ms", "").strip(), headers.get("retry-after", "").strip()
    for text, unit in ((exact, 1000.0), (value, 1.0)):
        if text.isascii() and text.replace(".", "", 1).isdigit():
            return min(float(text) / unit, RETRY_AFTER_MAX)
    until = moment(value)
    if until is None:
        return None
    return min(max(0.0, until - (moment(headers.get("date", "")) or now)), RETRY_AFTER_MAX)


def moment(value: str) -> float | None:
    """Unix seconds of an HTTP date; None if it is none."""
    try:
        parsed = parsedate_tz(value[:100])
        return None if parsed is None else float(mktime_tz((*parsed[:9], parsed[9] or 0)))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def translate(codec: Callable[[Any, CallContext], dict[str, Any]], answer: Any, context: CallContext) -> dict[str, Any]:
    """What a codec makes of an answer; an answer of another form is a Failure that keeps its words."""
    try:
        return codec(answer, context)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise invalid(
            Sentence("has an unknown form ({name}: {error})", name=type(error).__name__, error=error),
            200,
            encode(answer),
        ) from error


def reply(body: dict[str, Any], usage: Usage | None, context: CallContext) -> Reply:
    """A whole answer for the caller, with its usage in OpenAI's form."""
    written = tokens_in(body["choices"]) if "choices" in body else None
    told = usage_body(usage, context, written)
    return Reply(encode({**body, "usage": told} if told else body), usage)
