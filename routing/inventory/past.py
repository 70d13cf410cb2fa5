"""What sat on a device at a moment that is over, as far back as charts go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min, Q
from django.utils import timezone

from routing.models import PastPlacement

KEPT = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class PlacedThen:
    """Models with their bytes on a device at a moment, by name. `kept_since`: from when on it is known at all."""

    models: Sequence[tuple[str, int]]
    kept_since: datetime | None

    def known(self, at: datetime) -> bool:
        """Whether it is known what sat there at `at`."""
        return self.kept_since is not None and at >= self.kept_since


def at(device_id: int, moment: datetime) -> PlacedThen:
    """What sat there at a moment. Two queries."""
    there = Q(until=None) | Q(until__gt=moment)
    rows = PastPlacement.objects.filter(there, device_id=device_id, since__lte=moment).order_by("model", "pk")
    begun: datetime | None = PastPlacement.objects.aggregate(first=Min("since"))["first"]
    return PlacedThen(list(rows.values_list("model", "memory_bytes")), begun)


def forget_old() -> int:
    """Delete what ended before charts begin. Returns how many rows."""
    return PastPlacement.objects.filter(until__lt=timezone.now() - KEPT).delete()[0]
