"""Messages to receivers: signed, grouped, each once, retried on the schedule, and given up in the end."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from controlplane.base import config
from controlplane.base.models import Job, User
from controlplane.base.refusals import Invalid
from routing.alerts import outbox, receivers, sending, silences
from routing.alerts.models import Alert, AlertMessage, AlertNotice, AlertReceiver, AlertRule
from tests.routing.alerts.conftest import PracticeFleet, send_all
from tests.routing.alerts.receiver_server import ReceiverServer

pytestmark = pytest.mark.django_db(transaction=True)
Rule = Callable[..., AlertRule]
Receiver = Callable[..., AlertReceiver]
EVERY = [f"GPU-{node}{at}" for node in range(2) for at in range(4)]


def test_a_rack_of_hot_devices_is_one_signed_message_and_one_when_it_is_over(
    fleet: PracticeFleet, rule: Rule, receiver: Receiver, server: ReceiverServer
) -> None:
    rule()
    receiver()
    fleet.hot(*EVERY)
    fleet.look()
    assert send_all() == 0, "a group waits for a moment for others"
    fleet.look(5)
    fleet.look(5)
    assert send_all() == 1
    ((name, body),) = server.came
    assert server.bad == []
    assert name == str(AlertMessage.objects.get().pk)
    assert (body["type"], body["data"]["group"], body["data"]["count"]) == ("alert.firing", "Hot", 8)
    assert body["data"]["alerts"][0]["summary"] == "GPU-00 is at 91 °C"
    fleet.hot()
    fleet.look()
    fleet.look()
    fleet.look()
    assert send_all() == 1
    assert server.types() == ["alert.firing", "alert.resolved"]
    assert server.came[1][1]["data"]["count"] == 8


def test_slack_gets_a_text_with_blocks(
    fleet: PracticeFleet, rule: Rule, receiver: Receiver, server: ReceiverServer
) -> None:
    rule(annotations={"summary": "<{{ $labels.subject }}> & co"})
    receiver(form="slack")
    fleet.hot(*EVERY)
    fleet.look()
    fleet.look()
    send_all()
    ((name, body),) = server.came
    assert name == "", "Slack's form is not signed"
    assert body["text"] == ":rotating_light: firing (warning): Hot × 8"
    assert body["blocks"][1]["text"]["text"].startswith("• &lt;GPU-00&gt; &amp; co (now 91, fires at &gt; 85)")


def test_a_receiver_hears_of_what_it_asked_for_in_groups_of_its_own(
    fleet: PracticeFleet, rule: Rule, receiver: Receiver, server: ReceiverServer
) -> None:
    rule()
    rule(name="Mild", labels={"severity": "info"})
    receiver(matchers='severity=~"warning|critical"', group_by=["node"], tells_resolved=False)
    fleet.hot("GPU-01", "GPU-11")
    fleet.look()
    fleet.look()
    fleet.hot()
    fleet.look()
    fleet.look()
    send_all()
    assert [body["data"]["group"] for _, body in server.came] == ["Hot, node=node-0", "Hot, node=node-1"]
    assert server.types() == ["alert.firing", "alert.firing"]


def test_an_alert_that_comes_and_goes_does_not_spam(
    fleet: PracticeFleet, rule: Rule, receiver: Receiver, server: ReceiverServer
) -> None:
    rule()
    receiver(interval_s=600)
    for _ in range(20):
        fleet.hot("GPU-01")
        fleet.look(6)
        fleet.hot()
        fleet.look(6)
    fleet.look(600)
    fleet.look(6)
    send_all()
    assert Alert.objects.count() == 20
    assert len(server.came) <= 4


def test_a_silence_holds_back_until_it_is_over(
    fleet: PracticeFleet, rule: Rule, receiver: Receiver, server: ReceiverServer, person: Callable[..., User]
) -> None:
    rule()
    receiver()
    fleet.now -= timedelta(hours=1)
    ends = fleet.now + timedelta(minutes=30)
    quiet = {"matchers": 'node="node-0"', "starts_at": fleet.now, "ends_at": timezone.now() + timedelta(hours=1)}
    row = silences.create(person("engineer"), {**quiet, "reason": "fans are replaced"})
    type(row).objects.update(ends_at=ends)
    fleet.hot("GPU-01", "GPU-02")
    fleet.look()
    fleet.hot("GPU-01")
    fleet.look()
    fleet.look()
    assert AlertMessage.objects.count() == 0
    assert AlertNotice.objects.filter(state="dropped").count() == 2, "GPU-02 was well again before anybody had to know"
    fleet.look(1800)
    send_all()
    assert [alert["subject"] for _, body in server.came for alert in body["data"]["alerts"]] == ["GPU-01"]


def test_what_is_acknowledged_is_not_sent_again_and_its_end_is(
    fleet: PracticeFleet, rule: Rule, receiver: Receiver, server: ReceiverServer, person: Callable[..., User]
) -> None:
    rule()
    receiver()
    fleet.hot("GPU-01")
    fleet.look()
    silences.acknowledge(person("engineer"), Alert.objects.get().pk, "on it")
    fleet.look()
    assert AlertMessage.objects.count() == 0
    fleet.hot()
    fleet.look()
    fleet.look()
    send_all()
    assert server.came == [], "nobody was told that it began"


def test_a_try_that_fails_is_repeated_with_the_same_bytes_in_order(
    fleet: PracticeFleet, rule: Rule, receiver: Receiver, server: ReceiverServer
) -> None:
    rule()
    receiver(interval_s=5)
    server.answers = [500, 302]
    fleet.hot("GPU-01")
    fleet.look()
    fleet.look()
    send_all()
    row = AlertMessage.objects.get()
    assert (row.state, row.attempts, row.status) == ("queued", 1, 500)
    assert 4 < (row.due_at - timezone.now()).total_seconds() < 7
    fleet.hot()
    fleet.look(1)
    fleet.look(10)
    assert Job.objects.filter(kind=outbox.JOB, state="queued").count() == 1, "the end waits for the beginning"
    send_all()
    row.refresh_from_db()
    assert (row.attempts, row.state) == (2, "queued")
    fleet.now = row.due_at
    fleet.look(1)
    send_all()
    fleet.look(1)
    send_all()
    assert server.types() == ["alert.firing", "alert.resolved"]
    assert len({name for name, _ in server.came}) == 2
    assert len(server.came) == 4
    assert AlertReceiver.objects.get().failing_since is None


@pytest.mark.parametrize(("status", "tries"), [(410, 1), (503, len(sending.SCHEDULE))])
def test_a_receiver_that_is_gone_or_fails_for_long_is_switched_off_and_told(
    fleet: PracticeFleet, rule: Rule, receiver: Receiver, server: ReceiverServer, status: int, tries: int
) -> None:
    rule()
    row = receiver()
    server.answers = [status] * 20
    fleet.hot("GPU-01")
    fleet.look()
    fleet.look()
    for _ in range(12):
        send_all()
        fleet.now = max(fleet.now, AlertMessage.objects.get().due_at)
        fleet.look(1)
    row.refresh_from_db()
    assert len(server.came) == tries
    assert not row.enabled
    assert str(status) in row.state_reason
    assert AlertMessage.objects.get().state == "failed"


def test_a_worker_that_died_in_a_try_leaves_it_counted(
    fleet: PracticeFleet, rule: Rule, receiver: Receiver, server: ReceiverServer
) -> None:
    rule()
    receiver()
    fleet.hot("GPU-01")
    fleet.look()
    fleet.look()
    AlertMessage.objects.update(attempts=1, due_at=timezone.now() + timedelta(seconds=5))
    send_all()
    assert server.came == [], "the job of the try that was under way does not send a second time"
    fleet.look()
    send_all()
    assert len(server.came) == 1


def test_two_secrets_sign_while_one_replaces_the_other(
    receiver: Receiver, server: ReceiverServer, person: Callable[..., User]
) -> None:
    row, before = receiver(), server.secret
    _, fresh = receivers.rotate(person("engineer"), row.pk)
    for secret in (before, fresh):
        server.secret = secret
        assert receivers.try_out(person("engineer"), row.pk).error == ""
    AlertReceiver.objects.update(previous_until=timezone.now())
    server.secret = before
    receivers.try_out(person("engineer"), row.pk)
    assert len(server.bad) == 1
    assert [body["type"] for _, body in server.came] == ["alert.test"] * 3


def test_the_egress_list_holds_for_receivers(
    receiver: Receiver, server: ReceiverServer, person: Callable[..., User]
) -> None:
    row = receiver()
    with pytest.raises(Invalid, match="can never be reached"):
        receivers.create(person("engineer"), {"name": "evil", "address": "http://169.254.169.254/latest"})
    config.store_egress_allow(None, ["10.0.0.0/8"])
    assert "no allow entry covers it" in receivers.try_out(person("engineer"), row.pk).error
    assert server.came == []


def test_neither_address_nor_secret_is_kept_in_clear(receiver: Receiver, server: ReceiverServer) -> None:
    row = receiver()
    row.refresh_from_db()
    assert b"/hooks/" not in bytes(row.address)
    assert server.secret.encode() not in bytes(row.secret)
