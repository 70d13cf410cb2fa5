"""Readers of single values of a spec: names, addresses, sizes, seconds. Each notes what is wrong and never raises."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from controlplane.base.messages import Sentence
from registry.specfile.errors import USERINFO, Findings, Path

NAME = r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}"
PARAMETER = r"[A-Za-z_][A-Za-z0-9_-]{0,63}"
UPSTREAM = r"[A-Za-z_][A-Za-z0-9_-]{0,63}(\.[A-Za-z_][A-Za-z0-9_-]{0,63}){0,5}"
TAG = r"[^\s,\x00-\x1f\x7f][^,\x00-\x1f\x7f]{0,63}"
SIZE = r"([0-9]{1,15}(?:\.[0-9]{1,12})?)\s*(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)"
UNITS = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
MAX_SECONDS = 86_400
MAX_ENDPOINTS = 256
SECRET = re.compile(r"(sk-|hf_|xox|gsk_|AKIA|eyJ|Bearer\s)", re.IGNORECASE)
HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?")


def name(value: Any, path: Path, findings: Findings) -> str:
    """A public name of a model: letters, digits and . _ : / @ + -, at most 200."""
    expected = Sentence("1 to 200 of the characters A-Z a-z 0-9 . _ : / @ + -, starting with a letter or digit")
    if not isinstance(value, str) or not re.fullmatch(NAME, value):
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


def text(value: Any, path: Path, findings: Findings, limit: int = 2000) -> str:
    """Free text of at most `limit` characters."""
    if not isinstance(value, str):
        findings.add(path, value, Sentence("text"))
        return ""
    if len(value) > limit or re.search(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", value):
        findings.add(path, value, Sentence("at most {limit} characters, none of them a control character", limit=limit))
        return ""
    return value


def upstream_model(value: Any, path: Path, findings: Findings) -> str:
    """The upstream's own name of the model: any printable text without spaces at its ends, at most 200."""
    if not isinstance(value, str) or not value.strip() or value != value.strip():
        findings.add(path, value, Sentence("the model's name at the upstream, as text"))
        return ""
    return text(value, path, findings, 200)


def boolean(value: Any, path: Path, findings: Findings) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        findings.add(path, value, Sentence("true or false"))
        return False
    return value


def credential(value: Any, path: Path, findings: Findings) -> str | None:
    """The name of a stored credential; a secret itself is refused and not repeated."""
    expected = Sentence("the name of a credential stored under Credentials")
    if isinstance(value, str) and re.fullmatch(NAME, value) and not SECRET.match(value):
        return value
    findings.hide(
        path,
        expected,
        Sentence("credential is not {expected}; never write the secret itself into a spec", expected=expected),
    )
    return None


def names(value: Any, path: Path, findings: Findings) -> tuple[str, ...]:
    """A list of public names without repeats."""
    return listed(value, path, findings, NAME, Sentence("a list of names"))


def tags(value: Any, path: Path, findings: Findings) -> tuple[str, ...]:
    """A list of tags without repeats: each at most 64 characters, no commas."""
    return listed(value, path, findings, TAG, Sentence("a list of tags, each at most 64 characters without commas"))


def listed(value: Any, path: Path, findings: Findings, pattern: str, expected: str) -> tuple[str, ...]:
    """A list of at most 64 different texts that match `pattern`."""
    if not isinstance(value, list) or len(value) > 64:
        findings.add(path, value, expected)
        return ()
    kept: list[str] = []
    for index, item in enumerate(value):
        if not isinstance(item, str) or not re.fullmatch(pattern, item):
            findings.add(
                (*path, index),
                item,
                Sentence("one item of {expected}", expected=expected),
                Sentence("{path}[{index}] is not part of {expected}", path=path[-1], index=index, expected=expected),
            )
        elif item in kept:
            findings.add((*path, index), item, Sentence("each item once"))
        else:
            kept.append(item)
    return tuple(kept)


def endpoints(value: Any, path: Path, findings: Findings) -> tuple[str, ...]:
    """One base address or a list of them, one a replica."""
    if isinstance(value, list):
        if not 0 < len(value) <= MAX_ENDPOINTS:
            findings.add(path, value, Sentence("an address, or a list of 1 to {most} addresses", most=MAX_ENDPOINTS))
        found = [endpoint(item, (*path, index), findings) for index, item in enumerate(value[:MAX_ENDPOINTS])]
        for index, item in enumerate(found):
            if item and item in found[:index]:
                findings.add((*path, index), item, Sentence("each replica's address once"))
        return tuple(item for item in found if item)
    found_one = endpoint(value, path, findings)
    return (found_one,) if found_one else ()


def endpoint(value: Any, path: Path, findings: Findings) -> str:
    """A base address: http or https, host, perhaps port and path; no user, query or fragment. End slashes are cut."""
    expected = Sentence("an address such as https://host:8000/v1")
    if not isinstance(value, str) or len(value) > 500:
        findings.add(path, value, expected)
        return ""
    problem = endpoint_problem(value)
    if problem:
        shown = repr(USERINFO.sub("***@", value)[:80])
        findings.add(path, value, expected, Sentence("the endpoint {shown} {problem}", shown=shown, problem=problem))
        return ""
    return value.rstrip("/")


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


def size(value: Any, path: Path, findings: Findings) -> int | None:
    """Bytes from `12GB`, `0.003GB`, `512MiB` or a plain number of bytes."""
    expected = Sentence("a size such as 12GB, 512MiB or a number of bytes")
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18:
        return value
    found = re.fullmatch(SIZE, value.strip(), re.IGNORECASE) if isinstance(value, str) and len(value) < 40 else None
    amount = round(float(found[1]) * UNITS[found[2].upper()]) if found else -1
    if not 0 <= amount < 10**18:
        findings.add(path, value, expected)
        return None
    return amount


def written_size(amount: int) -> str | int:
    """The shortest exact way to write `amount` bytes."""
    for unit in ("TB", "GB", "MB", "KB"):
        if amount and amount % UNITS[unit] == 0:
            return f"{amount // UNITS[unit]}{unit}"
    return amount


def seconds(value: Any, path: Path, findings: Findings) -> float:
    """A positive number of seconds, at most a day."""
    number = finite(value)
    if number is None or not 0 < number <= MAX_SECONDS:
        findings.add(path, value, Sentence("seconds, more than 0 and at most {most}", most=MAX_SECONDS))
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


def known_keys(document: Mapping[Any, Any], known: tuple[str, ...], path: Path, findings: Findings) -> None:
    """Note every key of `document` that is not `known`. The value is not repeated: it may be a secret."""
    for key in document:
        if key not in known:
            findings.unknown((*path, str(key)[:60]), known)
