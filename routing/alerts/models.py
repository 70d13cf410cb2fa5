"""Tables of alerts: rules, what they found, silences, receivers, and the messages to them."""

import uuid

from django.db import models

from controlplane.base.message_fields import SentenceTextField


class AlertRule(models.Model):
    """A rule: an expression over series of subjects, and for how long it has to hold.

    `shipped` rules come with Patchbay; as long as nobody `edited` one, a newer Patchbay brings it up to date.
    """

    name = models.CharField(max_length=100, unique=True)
    expr = models.TextField()
    for_s = models.FloatField(default=0.0, help_text="seconds for which the expression holds before it fires")
    keep_s = models.FloatField(default=0.0, help_text="seconds for which it keeps firing when it holds no more")
    labels = models.JSONField(default=dict)
    annotations = models.JSONField(default=dict)
    enabled = models.BooleanField(default=True)
    shipped = models.BooleanField(default=False)
    edited = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)


class AlertState(models.TextChoices):
    """Where an alert stands: its expression holds, for not long enough; long enough; and no more."""

    PENDING = "pending", "pending"
    FIRING = "firing", "firing"
    RESOLVED = "resolved", "resolved"


OPEN = (AlertState.PENDING, AlertState.FIRING)


class AlertEnd(models.TextChoices):
    """Why an alert is over: its expression holds no more; its subject was removed; its rule was changed or removed."""

    OVER = "over", "over"
    SUBJECT = "subject", "subject"
    RULE = "rule", "rule"


class Alert(models.Model):
    """One time that a rule's expression held for a subject. What never fired is deleted; the rest is history.

    `since` is when it began to hold, moved on by the time without data. `unknown_at` is when data ended, `false_at`
    when the expression ceased to hold while the alert keeps firing.
    """

    rule = models.CharField(max_length=100)
    kind = models.CharField(max_length=16, help_text="of the subject: device, engine, model, source or group")
    subject = models.CharField(max_length=300)
    state = models.CharField(max_length=16, choices=AlertState.choices)
    severity = models.CharField(max_length=32, blank=True)
    labels = models.JSONField(default=dict)
    annotations = models.JSONField(default=dict)
    expr = models.TextField()
    value = models.FloatField(null=True)
    unit = models.CharField(max_length=32, blank=True)
    threshold = models.CharField(max_length=40, blank=True, help_text="what the value is compared with, as > 85")
    since = models.DateTimeField()
    unknown_at = models.DateTimeField(null=True)
    false_at = models.DateTimeField(null=True)
    fired_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=16, choices=AlertEnd.choices, blank=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=200, blank=True)
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "kind", "subject"], condition=models.Q(state__in=["pending", "firing"]),
                name="alert_open_once",
            )
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["state", "-fired_at"], name="alert_state"),
            models.Index(fields=["subject"], name="alert_subject"),
        ]


class Silence(models.Model):
    """Messages of alerts whose labels match are held back until the silence is over. `matchers`: name, op, value."""

    matchers = models.JSONField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(db_index=True)
    reason = models.CharField(max_length=500)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)


class ReceiverForm(models.TextChoices):
    """How a message is written: as Standard Webhooks says, signed; or as Slack's incoming webhooks take it."""

    STANDARD = "standard", "standard"
    SLACK = "slack", "slack"


class AlertReceiver(models.Model):
    """Where messages go. Address and secrets are sealed, bound to this row and origin, and not shown again."""

    name = models.CharField(max_length=100, unique=True)
    form = models.CharField(max_length=16, choices=ReceiverForm.choices)
    origin = models.CharField(max_length=300, help_text="scheme://host:port")
    address = models.BinaryField(help_text="the whole address: Slack's are secrets")
    secret = models.BinaryField()
    previous_secret = models.BinaryField(null=True)
    previous_until = models.DateTimeField(null=True, help_text="until when the secret before signs as well")
    matchers = models.JSONField(default=list, help_text="which alerts it is told of; empty: all")
    group_by = models.JSONField(default=list, help_text="labels whose values make one message")
    interval_s = models.FloatField(default=60.0, help_text="least seconds between two messages of one group")
    tells_resolved = models.BooleanField(default=True)
    enabled = models.BooleanField(default=True)
    state_reason = SentenceTextField(blank=True, help_text="why it was switched off by itself")
    failing_since = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)


class MessageState(models.TextChoices):
    """How far a message is: to be sent; sent; given up."""

    QUEUED = "queued", "queued"
    SENT = "sent", "sent"
    FAILED = "failed", "failed"


class AlertMessage(models.Model):
    """One message to one receiver. Its body never changes, so that each try sends the same bytes under the same id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    receiver = models.ForeignKey(AlertReceiver, on_delete=models.CASCADE, related_name="messages")
    event = models.CharField(max_length=16)
    group = models.CharField(max_length=300)
    body = models.TextField()
    alerts = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=MessageState.choices, default=MessageState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    error = SentenceTextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="alert_message_due", condition=models.Q(state="queued")),
            models.Index(fields=["receiver", "-created_at"], name="alert_message_receiver"),
        ]


class NoticeState(models.TextChoices):
    """What became of a notice: nothing yet; it is in a message; it was not worth one."""

    WAITING = "waiting", "waiting"
    TAKEN = "taken", "taken"
    DROPPED = "dropped", "dropped"


class AlertNotice(models.Model):
    """That a receiver is to hear of one transition of one alert; written with the transition, and only once."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="notices")
    receiver = models.ForeignKey(AlertReceiver, on_delete=models.CASCADE, related_name="+")
    event = models.CharField(max_length=16, help_text="firing or resolved")
    state = models.CharField(max_length=16, choices=NoticeState.choices, default=NoticeState.WAITING)
    message = models.ForeignKey(AlertMessage, null=True, on_delete=models.CASCADE, related_name="notices")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "receiver", "event"], name="alert_notice_once")]
        indexes = [models.Index(fields=["receiver"], name="alert_notice_waiting", condition=models.Q(state="waiting"))]
