"""What an agent is told: by its command line, else by its environment. The key is never on a command line."""

import argparse
import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

PATH = "/api/telemetry/frames"
DESCRIPTION = """The agent of a GPU node: reads NVIDIA's devices once a second and pushes what they say to Patchbay. It
needs no database. The key is read from --key-file or from PATCHBAY_AGENT_KEY."""


class OptionsInvalid(Exception):
    """An option that cannot be; the message says which, and what was expected."""


@dataclass(frozen=True)
class PushTarget:
    """Where to push, with which key, and which certificates are trusted."""

    address: str
    key: str
    tls: ssl.SSLContext | None


def read(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> argparse.Namespace:
    """The command line, with what the environment gives in its place. Ends the program if there is no such option."""
    given = argparse.ArgumentParser("agent", description=DESCRIPTION)
    given.add_argument("--to", default=environment.get("PATCHBAY_URL", ""), help="https://HOST[:PORT] (PATCHBAY_URL)")
    words = "a file that holds the agent's key and nothing else (PATCHBAY_AGENT_KEY_FILE)"
    given.add_argument("--key-file", default=environment.get("PATCHBAY_AGENT_KEY_FILE", ""), help=words)
    words = "certificates (PEM) of the authority that signed the site's, if it is your own (PATCHBAY_CA)"
    given.add_argument("--ca", default=environment.get("PATCHBAY_CA", ""), help=words)
    given.add_argument("--every", type=float, default=1.0, help="seconds between two looks, 1 to 60")
    given.add_argument("--wait", action="store_true", help="wait for a device instead of ending with 1")
    given.add_argument("--show", action="store_true", help="print what the devices say once, and push nothing")
    return given.parse_args(arguments)


def target(given: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> PushTarget:
    """Where the command line says to push. Raises OptionsInvalid."""
    if not 1 <= given.every <= 60:
        raise OptionsInvalid(f"--every is {given.every:g}; expected 1 to 60 seconds")
    address = checked_address(given.to)
    return PushTarget(address, _key(given.key_file, environment), tls_of(address, given.ca))


def checked_address(given: str) -> str:
    """The address that is pushed to. Raises OptionsInvalid unless it is https, or http to this machine."""
    parts = urlsplit(given)
    expected = "expected https://HOST[:PORT] (--to or PATCHBAY_URL)"
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise OptionsInvalid(f"the site's address is {given!r}; {expected}")
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise OptionsInvalid(f"{given} would carry the key in the clear; {expected}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}{PATH}"


def tls_of(address: str, authority: str) -> ssl.SSLContext | None:
    """Certificates that are trusted: the system's, or those of `authority`. Raises OptionsInvalid."""
    if address.startswith("http:"):
        return None
    try:
        return ssl.create_default_context(cafile=authority or None)
    except (OSError, ssl.SSLError) as error:
        raise OptionsInvalid(f"--ca {authority}: {error}; expected a file with certificates in PEM") from error


def _key(file: str, environment: Mapping[str, str]) -> str:
    try:
        key = Path(file).read_text().strip() if file else environment.get("PATCHBAY_AGENT_KEY", "").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionsInvalid(f"--key-file {file} cannot be read: {error}") from error
    if not key or len(key) > 200 or not key.isascii() or not key.isprintable() or " " in key:
        where = f"{file} holds none" if file else "neither --key-file nor PATCHBAY_AGENT_KEY gives one"
        raise OptionsInvalid(
            f"the agent's key is missing: {where}; make one at Fleet, Telemetry sources, Agents in the console"
        )
    return key


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
