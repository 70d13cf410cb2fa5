"""Readers of single values of a spec: names, addresses, sizes, seconds. Each notes what is wrong and never raises."""

import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from controlplane.base.messages import Sentence
from registry import lifecycle
from registry.specfile.errors import USERINFO, Findings, Path
from registry.specfile.rules import (
    AMOUNT,
    MOST_BYTES,
    UNITS,
    AddressesKind,
    DateKind,
    FlagKind,
    Key,
    NameKind,
    NumberKind,
    SizeKind,
    TextKind,
    TextsKind,
    names,
)

SECRET = re.compile(r"(sk-|hf_|xox|gsk_|AKIA|eyJ|Bearer\s)", re.IGNORECASE)
SIZE = re.compile(rf"{AMOUNT}({'|'.join(UNITS)})", re.IGNORECASE)
HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?")


def name(value: Any, path: Path, findings: Findings, kind: NameKind) -> str | None:
    """A public name of a model, or of a stored credential: a secret in its place is refused and not repeated."""
    if kind.secret:
        return credential(value, path, findings, kind)
    expected = Sentence(
        "1 to {most} of the characters A-Z a-z 0-9 . _ : / @ + -, starting with a letter or digit", most=kind.most
    )
    if not isinstance(value, str) or not re.fullmatch(kind.pattern, value):
        message = ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = f"{value!r:.60}"
            message = Sentence("{key} is the number {number}, not text. Put it in quotes.", key=path[-1], number=number)
        findings.add(path, value, expected, message)
        return ""
    if any(part in ("", ".", "..") for part in value.split("/")):
        findings.add(path, value, Sentence("a name whose parts between slashes are neither empty nor . nor .."))
        return ""
    return value


def text(value: Any, path: Path, findings: Findings, kind: TextKind) -> str:
    """Text for people, or the upstream's own name of a model, which has no spaces at its ends."""
    if kind.trimmed and (not isinstance(value, str) or not value.strip() or value != value.strip()):
        findings.add(path, value, Sentence("the model's name at the upstream, as text"))
        return ""
    if not isinstance(value, str):
        findings.add(path, value, Sentence("text"))
        return ""
    if len(value) > kind.most or re.search(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", value):
        words = Sentence("at most {limit} characters, none of them a control character", limit=kind.most)
        findings.add(path, value, words)
        return ""
    return value


def boolean(value: Any, path: Path, findings: Findings, kind: FlagKind) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        findings.add(path, value, Sentence("true or false"))
        return False
    return value


def date(value: Any, path: Path, findings: Findings, kind: DateKind) -> datetime | None:
    """A date, or a date-time with its zone."""
    found = lifecycle.moment(value) if isinstance(value, str) else None
    if found is None:
        expected = Sentence("a date such as 2027-06-30, or a time such as 2027-06-30T12:00:00Z, from 1990 to 2199")
        findings.add(path, value, expected)
    return found


def credential(value: Any, path: Path, findings: Findings, kind: NameKind) -> str | None:
    """The name of a stored credential; a secret itself is refused and not repeated."""
    expected = Sentence("the name of a credential stored under Credentials")
    if isinstance(value, str) and re.fullmatch(kind.pattern, value) and not SECRET.match(value):
        return value
    findings.hide(
        path,
        expected,
        Sentence("credential is not {expected}; never write the secret itself into a spec", expected=expected),
    )
    return None


def listed(value: Any, path: Path, findings: Findings, kind: TextsKind) -> tuple[str, ...]:
    """A list of different texts of one form."""
    if not isinstance(value, list) or len(value) > kind.most:
        findings.add(path, value, kind.expected)
        return ()
    kept: list[str] = []
    for index, item in enumerate(value):
        if not isinstance(item, str) or not re.fullmatch(kind.pattern, item):
            place = {"path": path[-1], "index": index, "expected": kind.expected}
            findings.add(
                (*path, index),
                item,
                Sentence("one item of {expected}", expected=kind.expected),
                Sentence("{path}[{index}] is not part of {expected}", **place),
            )
        elif item in kept:
            findings.add((*path, index), item, Sentence("each item once"))
        else:
            kept.append(item)
    return tuple(kept)


def endpoints(value: Any, path: Path, findings: Findings, kind: AddressesKind) -> tuple[str, ...]:
    """One base address or a list of them, one a replica."""
    if isinstance(value, list):
        if not 0 < len(value) <= kind.most:
            findings.add(path, value, Sentence("an address, or a list of 1 to {most} addresses", most=kind.most))
            return ()
        found = [endpoint(item, (*path, index), findings, kind.longest) for index, item in enumerate(value)]
        for index, item in enumerate(found):
            if item and item in found[:index]:
                findings.add((*path, index), item, Sentence("each replica's address once"))
        return tuple(item for item in found if item)
    found_one = endpoint(value, path, findings, kind.longest)
    return (found_one,) if found_one else ()


def endpoint(value: Any, path: Path, findings: Findings, longest: int) -> str:
    """A base address: http or https, host, perhaps port and path; no user, query or fragment. End slashes are cut."""
    expected = Sentence("an address such as https://host:8000/v1")
    if not isinstance(value, str) or len(value) > longest:
        findings.add(path, value, expected)
        return ""
    problem = endpoint_problem(value)
    if problem:
        shown = repr(USERINFO.sub("***@", value)[:80])
        findings.add(path, value, expected, Sentence("the endpoint {shown} {problem}", shown=shown, problem=problem))
        return ""
    return value.rstrip("/")


@lru_cache(4096)
def endpoint_problem(value: str) -> str:
    """Why `value` is no acceptable base address, or nothing."""
    if not re.fullmatch(r"[\x21-\x7e]+", value) or "\\" in value:
        return Sentence(
            "holds a space, a backslash or a character outside ASCII; percent-encode paths and write hosts in punycode"
        )
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        return Sentence("is malformed ({error})", error=str(error))
    if parts.scheme not in ("http", "https"):
        return Sentence("must start with http:// or https://")
    if "@" in parts.netloc:
        return Sentence("holds a user or password; store the secret under Credentials")
    if parts.query or parts.fragment or value.endswith(("?", "#")):
        return Sentence("must not hold a query or a fragment")
    if port == 0 or parts.netloc.endswith(":"):
        return Sentence("must have a port between 1 and 65535")
    if any(part in (".", "..") for part in parts.path.lower().replace("%2e", ".").split("/")):
        return Sentence("must not hold . or .. in its path")
    return "" if host_is_valid(parts.hostname or "") else Sentence("has no valid host")


def host_is_valid(host: str) -> bool:
    """Whether `host` is an IP address or a DNS name; other spellings of an address (0x7f.1) are neither."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        return bool(HOST.fullmatch(host)) and not re.fullmatch(r"[0-9]+|0x[0-9a-fA-F]*", last)
    return "%" not in host


def size(value: Any, path: Path, findings: Findings, kind: SizeKind) -> int | None:
    """Bytes from `12GB`, `0.003GB`, `512MiB` or a plain number of bytes."""
    expected = Sentence("a size such as 12GB, 512MiB or a number of bytes")
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_BYTES:
        return value
    found = SIZE.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 40 else None
    amount = round(float(found[1]) * UNITS[found[2].upper()]) if found else -1
    if not 0 <= amount <= MOST_BYTES:
        findings.add(path, value, expected)
        return None
    return amount


def written_size(amount: int) -> str | int:
    """The shortest exact way to write `amount` bytes."""
    for unit in ("TB", "GB", "MB", "KB"):
        if amount and amount % UNITS[unit] == 0:
            return f"{amount // UNITS[unit]}{unit}"
    return amount


def seconds(value: Any, path: Path, findings: Findings, kind: NumberKind) -> float:
    """A positive number of seconds, at most a day."""
    number = finite(value)
    if number is None or kind.most is None or not 0 < number <= kind.most:
        findings.add(path, value, Sentence("seconds, more than 0 and at most {most}", most=kind.most))
        return 1.0
    return number


def finite(value: Any) -> float | None:
    """`value` as a float if it is a number below 2**63, else None. -0.0 is 0.0: two spellings have one digest.

    PostgreSQL gives larger ones back as whole numbers with hundreds of digits, whatever they were before.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) + 0.0 if abs(value) < 2**63 else None


def storable(value: Any, depth: int = 16) -> bool:
    """Whether `value` is JSON that every store takes: finite numbers, no NUL, no lone surrogates, not too deep."""
    if depth == 0:
        return False
    if isinstance(value, str):
        return not re.search(r"[\x00\ud800-\udfff]", value) and len(value) <= 100_000
    if isinstance(value, list):
        return all(storable(item, depth - 1) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and storable(key) and storable(item, depth - 1) for key, item in value.items())
    return value is None or isinstance(value, bool) or finite(value) is not None


def bounds(value: Any, path: Path, findings: Findings) -> tuple[float | None, float | None]:
    """`[low, high]`, either of them null for open; both None if it is wrong."""
    if not isinstance(value, list) or len(value) != 2:
        findings.add(path, value, Sentence("two numbers [low, high]"))
        return None, None
    low, high = (None if item is None else finite(item) for item in value)
    if (low is None and value[0] is not None) or (high is None and value[1] is not None) or value == [None, None]:
        findings.add(path, value, Sentence("two numbers [low, high] below 2**63; null leaves one side open"))
        return None, None
    if low is not None and high is not None and low > high:
        findings.add(
            path,
            value,
            Sentence("low before high"),
            Sentence(
                "range {given} is reversed; write [{low}, {high}]",
                given=str(value),
                low=str(value[1]),
                high=str(value[0]),
            ),
        )
        return None, None
    return low, high


def known_keys(document: Mapping[Any, Any], keys: tuple[Key, ...], path: Path, findings: Findings) -> None:
    """Note every key of `document` that is none of `keys`. The value is not repeated: it may be a secret."""
    known = names(keys)
    for key in document:
        if key not in known:
            findings.unknown((*path, str(key)[:60]), known)
