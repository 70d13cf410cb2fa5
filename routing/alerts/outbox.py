"""From transitions to messages. A notice is written with its transition; what becomes of it is decided later.

Notices of one receiver and one group make one message: a rack of hot devices is one message. A group's first notice
waits WAIT_SECONDS for others, and between two messages of a group the receiver's interval passes, in which an alert
that comes and goes is dropped. A silenced or acknowledged alert waits; if it is over by then, nothing is sent of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Max, Q

from controlplane.base import events
from controlplane.base.jobs import verbs as jobs
from controlplane.base.messages import Sentence
from routing.alerts import bodies
from routing.alerts.language import matching
from routing.alerts.language.matching import Matcher
from routing.alerts.models import (
    Alert,
    AlertMessage,
    AlertNotice,
    AlertReceiver,
    AlertState,
    MessageState,
    NoticeState,
    Silence,
)
from routing.alerts.reading import TOPIC, labels_of, silenced_by

JOB = "alert_message"
FIRING, RESOLVED, TEST = "firing", "resolved", "test"
WAIT_SECONDS = 4.0
"""How long the first notice of a group waits for others: two looks."""
MOST_NOTICES = 5000
MOST_SENT_AT_ONCE = 100
WAITING = Q(state=NoticeState.WAITING)


def note(alerts: Sequence[Alert], event: str, now: datetime) -> None:
    """Write a notice for every receiver that is to hear of these transitions, in the caller's transaction."""
    if not alerts:
        return
    receivers = [(row, matching.of_json(row.matchers)) for row in AlertReceiver.objects.filter(enabled=True)]
    told: set[tuple[int, int]] = set()
    if event == RESOLVED:
        before = AlertNotice.objects.filter(alert__in=alerts, event=FIRING).exclude(state=NoticeState.DROPPED)
        told = set(before.values_list("alert_id", "receiver_id"))
    notices = []
    for alert in alerts:
        labels = labels_of(alert)
        for receiver, matchers in receivers:
            if event == RESOLVED:
                hears = receiver.tells_resolved and (alert.pk, receiver.pk) in told
            else:
                hears = matching.all_match(matchers, labels)
            if hears:
                notices.append(AlertNotice(alert=alert, receiver=receiver, event=event, created_at=now))
    AlertNotice.objects.bulk_create(notices, batch_size=1000)


def catch_up(receiver: AlertReceiver, now: datetime) -> None:
    """Have a receiver that is new, or was switched on again, hear of what fires already."""
    matchers = matching.of_json(receiver.matchers)
    known = AlertNotice.objects.filter(receiver=receiver, event=FIRING).values("alert")
    rows = Alert.objects.filter(state=AlertState.FIRING).exclude(pk__in=known)
    AlertNotice.objects.bulk_create(
        AlertNotice(alert=row, receiver=receiver, event=FIRING, created_at=now)
        for row in rows
        if matching.all_match(matchers, labels_of(row))
    )


@dataclass
class NoticeGroup:
    """Notices of one receiver and one group that wait, by event."""

    receiver: AlertReceiver
    name: str
    firing: list[AlertNotice] = field(default_factory=list)
    resolved: list[AlertNotice] = field(default_factory=list)

    @property
    def oldest(self) -> datetime:
        """When the first of them was written."""
        return min(one.created_at for one in (*self.firing, *self.resolved))


def dispatch(now: datetime) -> int:
    """Make messages of notices that are due, and have messages sent that are due. Returns how many were made."""
    made = 0
    waiting = AlertNotice.objects.filter(WAITING).select_related("alert", "receiver").order_by("pk")[:MOST_NOTICES]
    notices = _worth_telling(list(waiting), silenced_by(now)) if waiting else []
    groups = _grouped(notices)
    last = _last_messages({group.receiver.pk for group in groups})
    for group in groups:
        since = last.get((group.receiver.pk, group.name))
        waited = now - group.oldest >= timedelta(seconds=WAIT_SECONDS)
        rested = since is None or now - since >= timedelta(seconds=group.receiver.interval_s)
        if waited and rested:
            made += sum(_make(group, event, now) for event in (FIRING, RESOLVED))
    send_due(now)
    return made


def send_due(now: datetime) -> None:
    """Make a job for each message whose time has come; a group's messages go one after the other, in their order."""
    rows = AlertMessage.objects.filter(state=MessageState.QUEUED, receiver__enabled=True).select_related("receiver")
    first: set[tuple[int, str]] = set()
    sent = 0
    for row in rows.defer("body", "receiver__address").order_by("created_at"):
        place = (row.receiver_id, row.group)
        if place in first or sent >= MOST_SENT_AT_ONCE:
            continue
        first.add(place)
        if row.due_at <= now:
            send(row)
            sent += 1


def send(row: AlertMessage) -> None:
    """Make the job of a message's next try, unless it is there already."""
    jobs.enqueue(
        JOB,
        {"message": str(row.pk), "attempt": row.attempts},
        title=Sentence("Tell {receiver} of {count} alerts", receiver=row.receiver.name, count=row.alerts),
        idempotency=jobs.once(f"{row.pk}:{row.attempts}"),
    )


def _worth_telling(notices: list[AlertNotice], quiet: list[tuple[Silence, tuple[Matcher, ...]]]) -> list[AlertNotice]:
    """Notices that may go out; those of alerts that came and went unheard are dropped."""
    held = {one.alert_id for one in notices if _held(one.alert, quiet)}
    pairs: dict[tuple[int, int], list[AlertNotice]] = defaultdict(list)
    episodes: dict[tuple[int, str, str, str], set[int]] = defaultdict(set)
    for one in notices:
        pairs[one.alert_id, one.receiver_id].append(one)
        episodes[_subject(one)].add(one.alert_id)
    dropped: list[AlertNotice] = []
    kept: list[AlertNotice] = []
    for (alert_id, _), both in pairs.items():
        whole = {one.event for one in both} == {FIRING, RESOLVED}
        later = max(episodes[_subject(both[0])]) > alert_id
        if whole and (alert_id in held or later):
            dropped += both
        elif alert_id not in held or both[0].event == RESOLVED:
            kept += both
    AlertNotice.objects.filter(pk__in=[one.pk for one in dropped]).update(state=NoticeState.DROPPED)
    return kept


def _held(alert: Alert, quiet: list[tuple[Silence, tuple[Matcher, ...]]]) -> bool:
    if alert.acknowledged_at is not None:
        return True
    labels = labels_of(alert)
    return any(matching.all_match(matchers, labels) for _, matchers in quiet)


def _subject(notice: AlertNotice) -> tuple[int, str, str, str]:
    return notice.receiver_id, notice.alert.rule, notice.alert.kind, notice.alert.subject


def _grouped(notices: Iterable[AlertNotice]) -> list[NoticeGroup]:
    groups: dict[tuple[int, str], NoticeGroup] = {}
    for one in notices:
        name = group_of(one.alert, one.receiver.group_by)
        group = groups.setdefault((one.receiver_id, name), NoticeGroup(one.receiver, name))
        (group.firing if one.event == FIRING else group.resolved).append(one)
    return list(groups.values())


def group_of(alert: Alert, by: Sequence[str]) -> str:
    """The name of an alert's group: its rule, and the labels by which the receiver groups."""
    labels = labels_of(alert)
    return ", ".join([alert.rule, *(f"{name}={labels.get(name, '')}" for name in by if name != "alertname")])[:300]


def _last_messages(receivers: set[int]) -> Mapping[tuple[int, str], datetime]:
    rows = AlertMessage.objects.filter(receiver__in=receivers).exclude(event=TEST)
    last = rows.values_list("receiver_id", "group").annotate(last=Max("created_at"))
    return {(receiver, group): at for receiver, group, at in last}


def _make(group: NoticeGroup, event: str, now: datetime) -> int:
    notices = group.firing if event == FIRING else group.resolved
    if not notices:
        return 0
    alerts = [one.alert for one in notices]
    body = bodies.written(group.receiver.form, bodies.MessageFacts(event, group.name, now), alerts)
    row = AlertMessage.objects.create(
        receiver=group.receiver, event=event, group=group.name, body=body, alerts=len(alerts), due_at=now
    )
    AlertNotice.objects.filter(pk__in=[one.pk for one in notices]).update(state=NoticeState.TAKEN, message=row)
    events.publish(TOPIC, {})
    return 1
