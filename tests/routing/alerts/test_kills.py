"""A worker that is killed in every state of an alert: no transition is lost, and each is told once."""

from collections.abc import Callable

import pytest

from routing.alerts.models import Alert, AlertMessage, AlertRule
from tests.routing.alerts.conftest import PracticeFleet
from tests.routing.alerts.receiver_server import ReceiverServer
from tests.workers import WORKER, Start, kill, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_firing_and_resolved_are_told_once_each_though_the_worker_is_killed_in_between(
    fleet: PracticeFleet, rule: Callable[..., AlertRule], receiver: Callable[..., object], server: ReceiverServer,
    start_celery: Start,
) -> None:  # fmt: skip
    rule(for_s=2)
    receiver(interval_s=5)
    start_celery("beat", "-s", str(fleet.folder / "schedule"), "--loglevel", "WARNING")

    def killed_when(reached: Callable[[], bool], *hot: str) -> None:
        worker = start_celery(*WORKER)
        until(lambda: bool(fleet.send_hot(*hot)) and reached(), 60)
        kill(worker)

    killed_when(Alert.objects.filter(state="pending").exists, "GPU-01")
    killed_when(Alert.objects.filter(state="firing").exists, "GPU-01")
    killed_when(lambda: bool(server.came) and Alert.objects.filter(state="resolved").exists())
    killed_when(lambda: len(server.came) > 1 and not AlertMessage.objects.filter(state="queued").exists())
    assert server.types() == ["alert.firing", "alert.resolved"]
    assert server.bad == []
    assert [alert["subject"] for _, body in server.came for alert in body["data"]["alerts"]][:1] == ["GPU-01"]
    assert Alert.objects.count() == 1
    assert AlertMessage.objects.count() == 2
