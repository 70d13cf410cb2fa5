"""How a call ended, in one word, from what its record holds: the same word on every page, in the API and in sums."""

from django.db.models import Q

ANSWERED, REFUSED, FAILED, LEFT = "answered", "refused", "failed", "left"
OUTCOMES = (ANSWERED, REFUSED, FAILED, LEFT)
_LEFT = 499


def outcome(status: int, failure: str = "") -> str:
    """One of OUTCOMES: a status under 400 is answered, 4xx refused, 499 left by the caller, all else failed."""
    if status == _LEFT:
        return LEFT
    if 400 <= status < 500:
        return REFUSED
    return ANSWERED if 100 <= status < 400 and not failure else FAILED


WHERE = {
    ANSWERED: Q(status__range=(100, 399), failure=""),
    REFUSED: Q(status__range=(400, 499)) & ~Q(status=_LEFT),
    FAILED: Q(status__lt=100) | Q(status__gte=500) | (Q(status__lt=400) & ~Q(failure="")),
    LEFT: Q(status=_LEFT),
}
"""Each outcome as a condition on rows; every row meets exactly one."""
