"""Calls of the last minute by model, out of the call records."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import OperationalError
from django.db.models import Count
from django.utils import timezone

from controlplane.base.web.patience import at_most
from routing.models import CallRecord
from routing.outcomes import FAILED, REFUSED, WHERE

WINDOW_SECONDS = 60.0
LONGEST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class SeenCalls:
    """Calls a second, and the share of failed ones among those that were not refused; NaN without any."""

    per_second: float
    error_ratio: float


NONE = SeenCalls(0.0, math.nan)
UNKNOWN = SeenCalls(math.nan, math.nan)


def read() -> Mapping[str, SeenCalls] | None:
    """Calls of the last minute of each model that has any; None if counting takes over a second."""
    since = timezone.now() - timedelta(seconds=WINDOW_SECONDS)
    rows = CallRecord.objects.filter(at__gte=since).order_by().values("model")
    counted = rows.annotate(
        calls=Count("id"), wrong=Count("id", filter=WHERE[FAILED]), no=Count("id", filter=WHERE[REFUSED])
    )
    try:
        with at_most(LONGEST_SECONDS):
            return {row["model"]: _seen(row["calls"], row["wrong"], row["calls"] - row["no"]) for row in counted}
    except OperationalError:
        return None


def _seen(calls: int, failed: int, served: int) -> SeenCalls:
    return SeenCalls(calls / WINDOW_SECONDS, failed / served if served else math.nan)
