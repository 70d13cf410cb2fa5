"""What a message says: the payload of Standard Webhooks (type, timestamp, data), or a text with blocks for Slack.

Both are in English, and stay small: Standard Webhooks asks for less than 20 kB, and Slack takes at most 3,000
characters a block. Alerts beyond MOST_ALERTS are counted, not listed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from routing.alerts.models import Alert, ReceiverForm

MOST_ALERTS = 30
MOST_SLACK = 15
LONGEST_LINE = 180
MOST_BYTES = 20_000
MOST_LABELS = 12
FLAMES = {"firing": ":rotating_light:", "resolved": ":white_check_mark:", "test": ":wave:"}


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What a message is about: firing, resolved or test, its group, and when it was made."""

    event: str
    group: str
    at: datetime


def written(form: str, facts: MessageFacts, alerts: Sequence[Alert]) -> str:
    """The body in a receiver's form."""
    document = slack(facts, alerts) if form == ReceiverForm.SLACK else standard(facts, alerts)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def standard(facts: MessageFacts, alerts: Sequence[Alert]) -> dict[str, Any]:
    """Standard Webhooks' payload. `data.alerts` lists the first alerts, `data.left_out` counts the others."""
    listed = [_alert(one) for one in alerts[:MOST_ALERTS]]
    while len(json.dumps(listed, ensure_ascii=False).encode()) > MOST_BYTES - 1000:
        listed.pop()
    data = {
        "group": facts.group,
        "count": len(alerts),
        "alerts": listed,
        "left_out": len(alerts) - len(listed),
    }
    return {"type": f"alert.{facts.event}", "timestamp": facts.at.isoformat(timespec="milliseconds"), "data": data}


def slack(facts: MessageFacts, alerts: Sequence[Alert]) -> dict[str, Any]:
    """What Slack's incoming webhooks take: a text for notifications, and blocks."""
    worst = next((one.severity for one in alerts if one.severity), "")
    count = f" × {len(alerts)}" if len(alerts) != 1 else ""
    head = f"{FLAMES[facts.event]} {facts.event}{f' ({worst})' if worst else ''}: {escaped(facts.group)}{count}"
    if facts.event == "test":
        head = f"{FLAMES['test']} Patchbay: a test of this receiver"
    lines = [f"• {escaped(_line(one))}"[:LONGEST_LINE] for one in alerts[:MOST_SLACK]]
    if len(alerts) > MOST_SLACK:
        lines.append(f"… and {len(alerts) - MOST_SLACK} more")
    blocks: list[dict[str, Any]] = [{"type": "section", "text": {"type": "mrkdwn", "text": f"*{head}*"}}]
    if lines:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)}})
    return {"text": head, "blocks": blocks}


def escaped(text: str) -> str:
    """Slack takes &, < and > for its own marks."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _line(alert: Alert) -> str:
    value = (
        ""
        if alert.value is None
        else f" (now {alert.value:.4g}, fires at {alert.threshold})"
        if alert.threshold
        else ""
    )
    return (alert.annotations.get("summary") or f"{alert.rule}: {alert.subject}") + value


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.pk,
        "rule": alert.rule,
        "state": alert.state,
        "severity": alert.severity,
        "kind": alert.kind,
        "subject": alert.subject,
        "labels": dict(list(alert.labels.items())[:MOST_LABELS]),
        "summary": alert.annotations.get("summary", ""),
        "value": alert.value,
        "unit": alert.unit,
        "threshold": alert.threshold,
        "since": alert.since.isoformat(timespec="milliseconds"),
        "fired_at": _time(alert.fired_at),
        "resolved_at": _time(alert.resolved_at),
        "end": alert.end,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")
