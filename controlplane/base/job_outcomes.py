"""How a job stands, in one word that counts its failed steps: a job whose every row failed has not succeeded."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

DONE, PARTLY_FAILED, FAILED, CANCELLED = "done", "partly_failed", "failed", "cancelled"
OUTCOMES = ("queued", "running", DONE, PARTLY_FAILED, FAILED, CANCELLED)


def outcome(state: str, progress: Mapping[str, Any]) -> str:
    """One of OUTCOMES. A job that ran to its end is done, partly failed, or failed if no step went well."""
    if state != "succeeded":
        return state
    if not progress.get("failed"):
        return DONE
    return PARTLY_FAILED if progress.get("done") else FAILED


def _none(count: str) -> Q:
    return Q(**{f"progress__{count}__isnull": True}) | Q(**{f"progress__{count}": 0})


_WRONG, _RIGHT = Q(progress__failed__gt=0), Q(progress__done__gt=0)
WHERE = {
    "queued": Q(state="queued"),
    "running": Q(state="running"),
    DONE: Q(state="succeeded") & _none("failed"),
    PARTLY_FAILED: Q(state="succeeded") & _WRONG & _RIGHT,
    FAILED: Q(state="failed") | (Q(state="succeeded") & _WRONG & _none("done")),
    CANCELLED: Q(state="cancelled"),
}
"""Each outcome as a condition on rows; every row meets exactly one."""
