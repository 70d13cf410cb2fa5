"""What fires, for strips and pages."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone, translation

from controlplane.base.access import Forbidden
from controlplane.base.models import User
from routing.alerts import reading
from routing.alerts.models import Alert, Silence

pytestmark = pytest.mark.django_db
SUMMARY = {"summary": "GPU-1 is hot", "summary_zh": "GPU-1 过热"}


def alert(subject: str, severity: str, minutes: int, state: str = "firing") -> Alert:
    at = timezone.now() - timedelta(minutes=minutes)
    return Alert.objects.create(
        rule="DeviceHot", kind="device", subject=subject, state=state, severity=severity, labels={"node": "a"},
        annotations=SUMMARY, expr="temperature_celsius > 85", value=91.0, unit="celsius", threshold="> 85", since=at,
        fired_at=at,
    )  # fmt: skip


def test_what_fires_comes_worst_and_oldest_first_with_the_count_of_all(person: Callable[..., User]) -> None:
    for number, severity in enumerate(["info", "warning", "critical", "warning", "odd"]):
        alert(f"GPU-{number}", severity, number)
    alert("GPU-9", "critical", 1, "resolved")
    found = reading.firing(person("viewer"), most=4)
    assert [row.subject for row in found.rows] == ["GPU-2", "GPU-3", "GPU-1", "GPU-0"]
    assert found.total == 5
    assert found.by_severity["warning"] == 2
    assert [row.subject for row in reading.firing(person("viewer"), subjects={"GPU-1"}).rows] == ["GPU-1"]


def test_a_row_tells_value_words_silence_and_where_to_look(person: Callable[..., User]) -> None:
    alert("GPU-1", "warning", 3)
    now = timezone.now()
    matchers = [{"name": "alertname", "op": "=", "value": "DeviceHot"}, {"name": "node", "op": "=~", "value": "a|b"}]
    Silence.objects.create(matchers=matchers, starts_at=now, ends_at=now + timedelta(hours=1), created_by="ada")
    with translation.override("zh-hans"):
        (row,) = reading.firing(person("viewer")).rows
    assert (row.summary, row.value, row.threshold, row.silenced) == ("GPU-1 过热", 91.0, "> 85", True)
    assert row.href == "/gpus/GPU-1"


def test_what_fires_needs_the_right_to_read_it() -> None:
    with pytest.raises(Forbidden):
        reading.firing(None)
