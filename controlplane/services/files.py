"""Small files of the data folder: written whole or not at all, logs kept under a cap."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

LOG_CAP = 10 * 1024 * 1024


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text`, readable by its owner only; a reader sees the old or the new content, never a half."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def read_note(path: Path) -> dict[str, Any]:
    """The JSON object in a file; an empty one if there is no file, or if it is damaged as a power cut leaves it."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def rotate(log: Path, cap: int = LOG_CAP) -> None:
    """Move a log that outgrew `cap` bytes to `NAME.1`. Its writer appends, so it goes on at the new beginning.

    On a full disk what it held is given up: the log must not grow on. Raises OSError, with the log cut.
    """
    if not log.exists() or log.stat().st_size <= cap:
        return
    older = log.with_name(f"{log.name}.1")
    try:
        shutil.copyfile(log, older)
    except OSError:
        older.unlink(missing_ok=True)
        raise
    finally:
        os.truncate(log, 0)
