"""What one run was asked for, read from the environment and checked before anything starts."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DEFAULT_PORT, DEFAULT_PRACTICE = 8000, 500
MOST_GATEWAYS, MOST_AUTOMATIC = 64, 16
SOCKET_PATH_BYTES = 100
"""unix(7) takes 107."""
MOST_PRACTICE = 20_000
DEFAULT_GPUS, MOST_GPUS = 64, 4096
DEFAULT_TRAFFIC, MOST_TRAFFIC = 3, 50
"""Calls a second of the practice callers."""


class RunRefused(Exception):
    """A run that cannot start; the message names what is wrong and what to do."""


@dataclass(frozen=True)
class Place:
    """Where a run keeps its data, where it listens, and which of its parts come from elsewhere."""

    data: Path
    port: int
    practice: int
    database_url: str
    redis_url: str
    trusted_proxies: str = ""
    gateways: int = 1
    practice_gpus: int = 0
    practice_traffic: int = 0

    @property
    def url(self) -> str:
        """Address of the console."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def console(self) -> Path:
        """Where the console listens: in the data folder, or in a private folder of ours if that path is too long.

        TMPDIR may be as long as the data folder, so /tmp comes last.
        """
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        private = f"patchbay-{os.geteuid()}-{digest}"
        folders = (self.data / "run", Path(tempfile.gettempdir()) / private, Path("/tmp") / private)  # noqa: S108
        paths = [folder / "console.sock" for folder in folders]
        return next((path for path in paths if len(os.fsencode(path)) <= SOCKET_PATH_BYTES), paths[-1])

    def log(self, name: str) -> Path:
        """Log of the process `name`."""
        return self.data / "logs" / f"{name}.log"

    def environment(self) -> dict[str, str]:
        """The environment of every child: ours, with this place spelled out."""
        path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
        python = {"PYTHONPATH": path, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}
        memory = {"MALLOC_ARENA_MAX": "2"}
        return {**os.environ, "DATA_DIR": str(self.data), "PORT": str(self.port), **python, **memory}

    def manage(self, *arguments: str) -> tuple[str, ...]:
        """Command line of a management command."""
        return (sys.executable, str(REPOSITORY / "manage.py"), *arguments)


def from_environment(environment: Mapping[str, str]) -> Place:
    """The place that the environment describes, its folders made. Raises RunRefused."""
    data = Path(environment.get("DATA_DIR") or REPOSITORY / ".data").absolute()
    try:
        if not data.exists():
            data.mkdir(parents=True)
            data.chmod(0o711)
        for folder in ("logs", "run"):
            (data / folder).mkdir(mode=0o700, exist_ok=True)
    except OSError as problem:
        raise RunRefused(
            f"DATA_DIR {data} cannot be used: {problem.strerror}. Set DATA_DIR to a folder of yours."
        ) from None
    practice = _number(environment, "PRACTICE", DEFAULT_PRACTICE, 0, MOST_PRACTICE)
    gpus = _number(environment, "PRACTICE_GPUS", DEFAULT_GPUS, 0, MOST_GPUS)
    traffic = _number(environment, "PRACTICE_TRAFFIC", DEFAULT_TRAFFIC, 0, MOST_TRAFFIC)
    return Place(
        data=data.resolve(),
        port=_number(environment, "PORT", DEFAULT_PORT, 1, 65535),
        practice=practice,
        database_url=environment.get("DATABASE_URL", ""),
        redis_url=environment.get("REDIS_URL", ""),
        trusted_proxies=environment.get("TRUSTED_PROXIES", ""),
        gateways=_gateways(environment),
        practice_gpus=gpus if practice else 0,
        practice_traffic=traffic if practice else 0,
    )


def _gateways(environment: Mapping[str, str]) -> int:
    """How many gateway processes are asked for; `auto` is one a core, up to what the embedded database has room for."""
    cores = min(MOST_AUTOMATIC, len(os.sched_getaffinity(0)))
    automatic = environment.get("GATEWAYS", "").strip().lower() in ("", "auto")
    return cores if automatic else _number(environment, "GATEWAYS", cores, 1, MOST_GATEWAYS)


def _number(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or not low <= int(text) <= high:
        raise RunRefused(f"{name}={text!r} is no number from {low} to {high}. Leave it out for {default}.")
    return int(text)
