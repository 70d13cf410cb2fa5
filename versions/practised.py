"""What the last practice month came to, as `manage.py practice month` left it in the data folder."""

import json
from pathlib import Path
from typing import Any

RESULT = "practice-month.json"
SHOWN = (
    "changes", "hot_fixed", "reviewed", "rejected", "rolled_back", "caller_errors_with", "caller_errors_without",
    "outages_with", "outages_without", "seconds",
)  # fmt: skip


def result(data: Path) -> dict[str, Any] | None:
    """The result in the data folder; None if no month was played, or the file is not one."""
    try:
        found = json.loads((data / RESULT).read_text())
    except (OSError, ValueError):
        return None
    whole = isinstance(found, dict) and all(isinstance(found.get(name), int | float) for name in SHOWN)
    return found if whole else None
