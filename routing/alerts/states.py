"""How an alert moves from what its condition says: pending → firing → resolved. Pure.

A condition that is not known moves nothing: time without data counts neither for the alert nor against it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from routing.alerts.models import AlertState


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """Where an open alert stands; `id` is 0 for one that is not kept yet. Times as in Alert."""

    id: int
    state: str
    since: datetime
    unknown_at: datetime | None = None
    false_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AlertTimes:
    """For how long a condition must hold before it fires, and for how long it keeps firing after."""

    before: timedelta
    after: timedelta


def moved(alert: OpenAlert | None, holds: bool | None, times: AlertTimes, now: datetime) -> OpenAlert | None:
    """The alert after a look. `holds` None: not known. None: there is no alert, or one that never fired is over.

    One that is over has the state resolved.
    """
    if alert is None:
        return _fired_if_due(OpenAlert(0, AlertState.PENDING, now), times, now) if holds else None
    if holds is None:
        return alert if alert.unknown_at is not None else replace(alert, unknown_at=now)
    if holds:
        since = alert.since
        if alert.unknown_at is not None and alert.state == AlertState.PENDING:
            since += now - alert.unknown_at
        return _fired_if_due(replace(alert, since=since, unknown_at=None, false_at=None), times, now)
    if alert.state == AlertState.PENDING:
        return None
    false_at = alert.false_at or now
    over = now - false_at >= times.after
    return replace(
        alert, unknown_at=None, false_at=false_at, state=AlertState.RESOLVED.value if over else AlertState.FIRING.value
    )


def _fired_if_due(alert: OpenAlert, times: AlertTimes, now: datetime) -> OpenAlert:
    due = alert.state == AlertState.PENDING and now - alert.since >= times.before
    return replace(alert, state=AlertState.FIRING.value) if due else alert
